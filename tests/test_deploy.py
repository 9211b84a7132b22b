"""docs/deploy/, which docs/scaling.md hands out: a shell script, a compose file, a manifest."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from harness.project import ROOT
from segexp.cli import app

DEPLOY = ROOT / "docs" / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
JOB: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
POD: dict[str, Any] = JOB["spec"]["template"]["spec"]


def test_every_file_is_named_on_the_page() -> None:
    named = re.findall(r"\]\(deploy/([\w.]+)\)", (ROOT / "docs" / "scaling.md").read_text("utf-8"))
    assert set(named) == {file.name for file in DEPLOY.iterdir()}


@pytest.mark.parametrize(
    "words", [shlex.split(COMPOSE["services"]["worker"]["command"]), POD["containers"][0]["args"]]
)
def test_what_containers_run_is_a_command_of_segexp(words: list[str]) -> None:
    name, *arguments = words
    command = get_command(app).get_command(None, name)  # type: ignore[attr-defined]
    given = command.make_context(name, arguments).params
    assert given["trials"] == 500


def test_no_url_has_a_password_and_optuna_and_mlflow_have_a_database_each() -> None:
    text = "".join(file.read_text("utf-8") for file in DEPLOY.iterdir())
    urls = set(re.findall(r"postgresql\S*://[^\s\"']+", text))
    # MLflow leaves the choice of a driver to SQLAlchemy, which takes one that is not installed.
    driver = "postgresql+psycopg2"
    assert urls == {f"{driver}://segexp@postgres/mlflow", "postgresql://segexp@postgres/studies"}
    made = re.findall(r"CREATE DATABASE (\w+);", (DEPLOY / "databases.sql").read_text("utf-8"))
    assert made == ["studies", "mlflow"]


def test_every_volume_and_service_that_is_named_is_there() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", []):
            source = volume.rpartition(":/")[0]
            assert source in COMPOSE["volumes"] or source.startswith(("./", "${"))
    assert (DEPLOY / "databases.sql").is_file()
    mounts = {mount["name"] for mount in POD["containers"][0]["volumeMounts"]}
    assert mounts == {volume["name"] for volume in POD["volumes"]}


def test_the_exit_code_of_a_wrong_setting_ends_the_job() -> None:
    rule = next(r for r in JOB["spec"]["podFailurePolicy"]["rules"] if r["action"] == "FailJob")
    assert rule["onExitCodes"]["values"] == [2]
    assert rule["onExitCodes"]["containerName"] == POD["containers"][0]["name"]
    assert POD["restartPolicy"] == "Never"  # what a podFailurePolicy requires


@pytest.mark.parametrize(
    ("code", "state", "cancelled", "requeued"),
    [
        (143, "RUNNING", "told", "scontrol requeue 7_3\n"),
        (143, "COMPLETING", "told", ""),  # scancel
        (2, "RUNNING", "", ""),
        (0, "RUNNING", "", ""),
    ],
)
def test_the_slurm_script_passes_sigterm_on_and_requeues_a_task_whose_time_is_over(
    tmp_path: Path, code: int, state: str, cancelled: str, requeued: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    said = tmp_path / "said"
    wait = "kill -TERM $PPID; while :; do sleep 0.05; done" if cancelled else ":"
    for name, script in {
        "segexp": f"echo \"$@\" > args; trap 'touch told; exit {code}' TERM; {wait}; exit {code}",
        "squeue": f'[ "$*" = "-h -j 7_3 -o %T" ] && echo {state}',
        "scontrol": f'echo "scontrol $*" > {said}',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    for name in ("mappings", "studies"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.db*"))
    shutil.copy(ROOT / "config.yaml", tmp_path)
    done = subprocess.run(
        ["bash", DEPLOY / "slurm.sh", "default", "--trials", "4"],
        cwd=tmp_path,
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            # The last task of an array has the array's number as its own.
            **{"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_JOB_ID": "7", "SLURM_JOB_ID": "7"},
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == (0 if requeued else code)
    assert (tmp_path / "told").exists() == bool(cancelled)
    assert (said.read_text() if said.exists() else "") == requeued
    assert (tmp_path / "args").read_text() == "tune --project hosts/3 default --trials 4\n"
    assert (tmp_path / "hosts" / "3" / "studies" / "default.yaml").is_file()
