#!/usr/bin/env bash
# One study on many nodes of a Slurm cluster: each task of the array is one host of it.
#
#   cd PROJECT; sbatch --array=1-8 slurm.sh STUDY --trials 500
#
# config.yaml names the storage and the tracking server, passwords are in ~/.pgpass and
# ~/.mlflow/credentials, and SEGEXP_DATA is where the nodes have the data. See docs/scaling.md.
#SBATCH --job-name=segexp
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@90
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=segexp-%A_%a.log
set -u

# A directory for each task, the same one after a requeue: its checkpoints are in there.
host=hosts/$SLURM_ARRAY_TASK_ID
mkdir -p "$host/studies"
cp -r config.yaml mappings "$host/"
cp studies/*.yaml "$host/studies/"

told=
segexp tune --project "$host" "$@" &
segexp=$!
trap 'told=yes; kill -TERM "$segexp"' TERM
wait "$segexp"
code=$?
if [ -n "$told" ]; then # the signal ended `wait`, not segexp
  wait "$segexp"
  code=$?
fi

# The time is over, not the study: once more. A task that was cancelled is no longer RUNNING. (The
# last task of an array has the array's own number as SLURM_JOB_ID, which names all of them.)
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
if [ "$code" = 143 ] && [ "$(squeue -h -j "$task" -o %T)" = RUNNING ]; then
  exec scontrol requeue "$task"
fi
exit "$code"
