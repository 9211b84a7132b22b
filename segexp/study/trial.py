"""One trial, from its configuration to its scores. Read this first.

data, model, loss, optimizer (`segexp.study.prepare`) -> what the model costs to run; the checkpoint
of an interrupted trial, if there is one -> other processes, where several devices train it -> for
each epoch: train, validate, save, report, record, and prune if it does not pay -> scores of the
best epoch, in the mapping's own space and in the common space -> tables, per-image confusion
matrices, overlays, and the bundle if the trial is worth keeping
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from segexp import tracking
from segexp.core import failpoint
from segexp.core.errors import WorkError
from segexp.evaluation.evaluate import Evaluation, evaluate_split, keep, kept_evaluation
from segexp.evaluation.metrics import METRICS, OWN, metric_of
from segexp.evaluation.result import TrialResult
from segexp.evaluation.sizes import at_own_size, own_labels, size_text
from segexp.study import trial_record
from segexp.study.costs import cost_of
from segexp.study.data_record import log_data
from segexp.study.display import Display
from segexp.study.other_ranks import other_ranks
from segexp.study.prepare import Training, prepare_training
from segexp.study.trial_files import OVERLAYS_DIRECTORY
from segexp.study.trial_setup import TrialSetup, meaning_of
from segexp.training.bundle import Bundle, save_bundle
from segexp.training.checkpoint import (
    Checkpoints,
    EpochRecord,
    Progress,
    written_when_interrupted,
)
from segexp.training.cost import Cost
from segexp.training.reading import AS_SOFTMAX, Reading

Prune = Callable[[int, float, Callable[[], None]], None]


def run_trial(
    setup: TrialSetup,
    run: tracking.Run,
    directory: Path,
    *,
    report: Callable[[int, float], None],
    prune: Prune,
    is_worth_keeping: Callable[[TrialResult], bool],
    display: Display,
    admit: Callable[[Cost], None] = lambda cost: None,
) -> TrialResult:
    """Train and score one configuration.

    Args:
        run: The MLflow run that records it; the caller ends it.
        directory: The trial's own directory for checkpoints, confusion matrices and the bundle.
            A checkpoint of the same configuration there is resumed.
        report: Takes each epoch (from 1) and its objective, including those before an interruption.
        prune: Takes the same, and a function that writes a checkpoint for a trial that may resume
            later; raises `optuna.TrialPruned` if training on does not pay now.
        is_worth_keeping: Whether a trial with this result on the val split keeps its bundle and is
            scored on the held-out images.
        admit: Takes the model's cost before the first epoch; raises `optuna.TrialPruned` if it is
            not worth training.

    Raises:
        DivergedError: When a loss or the model is no longer finite.
        WorkError: When the val split has no pixel to score, or another of its devices fails:
            `segexp.training.ranks.RankDiedError` where a process has died.
    """
    checkpoints = Checkpoints(directory / "checkpoints", meaning_of(setup))
    with written_when_interrupted(checkpoints):
        return _run(
            setup,
            run,
            directory,
            checkpoints,
            report=report,
            prune=prune,
            is_worth_keeping=is_worth_keeping,
            display=display,
            admit=admit,
        )


def _run(
    setup: TrialSetup,
    run: tracking.Run,
    directory: Path,
    checkpoints: Checkpoints,
    *,
    report: Callable[[int, float], None],
    prune: Prune,
    is_worth_keeping: Callable[[TrialResult], bool],
    display: Display,
    admit: Callable[[Cost], None],
) -> TrialResult:
    """Do what `run_trial` does, but for what an interruption needs."""
    started = time.perf_counter()
    config, dataset, mapping = setup.config, setup.dataset, setup.mapping
    tracking.log_yaml(run, mapping.to_dict(), "mapping.yaml")
    tracking.log_yaml(run, config.to_dict(), "config.yaml")
    log_data(run, dataset, ("train", "val"))
    training = prepare_training(config, dataset, mapping, setup.common, setup.project)
    trainer = training.trainer
    cost = cost_of(setup.project, config, len(mapping.classes), trainer.model, trainer.compute)
    trial_record.log_cost(run, cost)
    admit(cost)
    checkpoints.precision = trainer.compute.precision
    progress = checkpoints.restore(trainer.learned)
    if progress.history:
        display.say(f"resuming after epoch {progress.epochs}, from its checkpoint")
        _report_again(progress, run, report, prune)
    started -= progress.seconds
    epochs = config.training.epochs
    with other_ranks(setup, checkpoints, progress.epochs):
        for result in trainer.epochs(
            epochs, done=progress.epochs, on_step=partial(display.step, total_epochs=epochs)
        ):
            failpoint.passed("epoch")
            value = objective_value(result.validation, setup.objective)
            is_best = value > progress.best_value
            metrics = trial_record.epoch_metrics(result, is_best)
            progress = Progress(
                history=(*progress.history, EpochRecord(value, metrics)),
                best_epoch=result.epoch if is_best else progress.best_epoch,
                best=keep(result.validation) if is_best else progress.best,
                seconds=time.perf_counter() - started,
            )
            checkpoints.save(trainer.learned, progress, result.epoch == epochs)
            failpoint.passed("before_report")
            report(result.epoch, value)
            tracking.log_metrics(run, metrics, step=result.epoch)
            display.epoch(result, value, epochs)
            prune(result.epoch, value, partial(checkpoints.write, trainer.learned, progress))
    assert progress.best is not None  # at least one epoch
    display.doing("scoring")
    best, best_epoch = kept_evaluation(progress.best), progress.best_epoch

    trial_result = TrialResult(
        value=progress.history[best_epoch - 1].value,
        best_epoch=best_epoch,
        seconds=progress.seconds,
        val=trial_record.split_scores(best, mapping, setup.common),
        cost=asdict(cost),
        lower_iou=trial_record.lower_iou(
            best, setup.common, setup.lower_iou_of, dataset.source.format
        ),
    )
    checkpoints.load_best(trainer.scored)
    is_kept = is_worth_keeping(trial_result)
    reading = training.read() if is_kept else AS_SOFTMAX
    rulers = training.rulers(reading)
    at_own = at_own_size(config.data.scored_at, dataset)
    heldout = (
        evaluate_split(
            trainer.scored,
            dataset.heldout,
            rulers,
            preprocessing=trainer.preprocessing,
            compute=trainer.compute,
            own_labels=own_labels(dataset, dataset.heldout) if at_own else None,
            keep_predictions=setup.keeps_predictions,
        )
        if is_kept
        else None
    )
    trial_result = replace(
        trial_result,
        seconds=time.perf_counter() - started,
        heldout=trial_record.split_scores(heldout, mapping, setup.common) if heldout else None,
        heldout_interval=trial_record.heldout_interval(dataset, heldout, setup.objective),
        bundle=str(directory / "bundle") if is_kept else None,
        sizes={
            "val": size_text(dataset, at_own=False),
            "heldout": size_text(dataset, at_own=at_own),
        },
    )
    display.doing("writing")
    trial_record.log_result(run, trial_result)
    trial_record.log_confusion(run, best, mapping, "val")
    trial_record.save_evaluations(directory, best, heldout, run)
    trial_record.log_overlays(
        run,
        trainer.scored,
        dataset.val,
        rulers[OWN],
        trainer.preprocessing,
        trainer.compute,
        keep_in=directory / OVERLAYS_DIRECTORY if is_kept else None,
    )
    if is_kept:
        log_data(run, dataset, ("heldout",))
        scores = {
            **trial_record.bundle_scores(trial_result),
            **trial_record.miou_ends(dataset, best, heldout),
        }
        _save_bundle(
            directory / "bundle", training, reading, setup, trial_result, run, scores=scores
        )
    return trial_result


def _report_again(
    progress: Progress,
    run: tracking.Run,
    report: Callable[[int, float], None],
    prune: Prune,
) -> None:
    """Report and record the epochs that were done before an interruption."""
    for epoch, past in enumerate(progress.history, start=1):
        report(epoch, past.value)
        tracking.log_metrics(run, past.metrics, step=epoch)
    # The interruption may have come before this call; the checkpoint is already written.
    prune(progress.epochs, progress.history[-1].value, lambda: None)


def _save_bundle(
    directory: Path,
    training: Training,
    reading: Reading,
    setup: TrialSetup,
    result: TrialResult,
    run: tracking.Run,
    *,
    scores: dict[str, float],
) -> None:
    origin = {
        **setup.origin,
        "run_id": run.id,
        "dataset": setup.dataset.name,
        "dataset_hash": setup.dataset.hash,
        "train_images": len(setup.dataset.train),
        "val_images": len(setup.dataset.val),
        "heldout_images": len(setup.dataset.heldout),
        "heldout_by": setup.dataset.heldout_by,
        "heldout_size": result.sizes["heldout"],
        "common_space": setup.common.name,
        **({"trained_as": setup.mapping.name} if setup.mapping.also else {}),
    }
    bundle = Bundle(
        arch=setup.config.model.arch,
        encoder=setup.config.model.encoder,
        decoder_width=setup.config.model.decoder_width,
        mapping=setup.mapping.space,
        preprocessing=training.trainer.preprocessing,
        scores=scores,
        origin=origin,
        model=training.trainer.scored,
        reading=reading,
    )
    save_bundle(directory, bundle)
    tracking.log_directory(run, directory, "bundle")


def objective_value(evaluation: Evaluation, objective: str) -> float:
    """Return the objective of an evaluation.

    Raises:
        WorkError: When the metric is undefined there, such as an mIoU without a pixel.
    """
    metric, ruler = metric_of(objective)
    value = METRICS[metric].of(evaluation.confusion(ruler))
    if not math.isfinite(value):
        raise WorkError(
            f"{objective} is {value} on the val images: it is undefined there, as where no pixel "
            "has a class"
        )
    return value
