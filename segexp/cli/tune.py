"""``segexp tune``."""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segexp.cli.completion import study_files
from segexp.cli.console import answer, console, print_table, prose, recall_warnings, results, say
from segexp.cli.live import LiveDisplay
from segexp.cli.options import (
    GOES_ON,
    NOT_BEGUN,
    Data,
    Debug,
    EngineName,
    Format,
    Listen,
    MappingName,
    Mixed,
    PerGpu,
    Project,
    RayAddress,
    Set,
    Storage,
    StorageFile,
    StoragePatience,
    Workers,
    engine_of,
    found_again,
    open_project,
    refuse_unreachable,
    seconds_given,
    set_overrides,
    with_storage,
)
from segexp.core.errors import OTHERS_RUN
from segexp.core.overrides import data_overrides
from segexp.core.signals import interruption_leaves
from segexp.core.wording import counted

if TYPE_CHECKING:
    from optuna import Study

    from segexp.core.config import Config
    from segexp.study.best import BestTrial
    from segexp.study.config import StudyConfig
    from segexp.study.read_space import SearchSpace
    from segexp.study.run import Ran


def tune(
    study: Annotated[
        str | None,
        typer.Argument(
            help="A study in studies/, or a YAML file; by default `default`.",
            autocompletion=study_files,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="How many finished trials the study is to reach in total."),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Begin no trial once this time has passed since the command's start, such as 90s, "
            "30m or 1h30m; a number alone is seconds. Trials under way are finished.",
        ),
    ] = None,
    stop_early: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="TRIALS",
            help="Begin no trial once so many in a row, such as 30, were no better than the best.",
        ),
    ] = None,
    data: Data = None,
    format_name: Format = None,
    mapping: MappingName = None,
    study_name: Annotated[
        str | None,
        typer.Option(help="The study's name; by default the file's, with --data and --mapping."),
    ] = None,
    new_revision: Annotated[
        bool,
        typer.Option(
            "--new-revision",
            help="Continue a study whose definition has changed as NAME-rev2, with the trials "
            "that are still valid.",
        ),
    ] = False,
    mixed: Mixed = False,
    engine_name: EngineName = None,
    workers: Workers = "auto",
    listen: Listen = None,
    address: RayAddress = None,
    per_gpu: PerGpu = None,
    storage: Storage = None,
    storage_file: StorageFile = None,
    storage_patience: StoragePatience = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Search mapping, model, schedule and loss with Optuna, every trial recorded in MLflow.

    Run again after an interruption, it runs the remaining trials. --mapping, and --set of a
    key that the study searches, fix that key and take it out of the search.
    """
    from segexp.core.disk import full_disk_explained
    from segexp.study.config import named_study, read_study
    from segexp.study.naming import study_naming

    started = time.monotonic()
    deadline = math.inf if timeout is None else started + seconds_given("--timeout", timeout)
    root, (engine, at_once) = (
        open_project(project),
        engine_of(engine_name, workers, listen=listen, address=address, per_gpu=per_gpu),
    )
    overrides = {**data_overrides(data, format_name, mapping), **set_overrides(set_)}
    overrides = with_storage(overrides, storage, storage_file, storage_patience)
    if trials is not None:
        overrides["trials"] = trials
    path, definition, config = read_study(root, study, overrides)
    by_file = study_naming(definition.name, data, overrides.get("mapping"))
    definition, naming = named_study(definition, study_name, by_file)

    with full_disk_explained(root), interruption_leaves(NOT_BEGUN), LiveDisplay() as display:
        display.score = _score_of(definition)
        display.end_by(deadline)
        searched = _refuse_early(root, str(path), definition, config, display)
        display.say("loading torch, optuna and mlflow ...")
        engine.prepare(at_once, config)
        from segexp.study.ask import is_exhausted
        from segexp.study.best import best_trial, find_best
        from segexp.study.plan import plan_study
        from segexp.study.results_folder import REPORT_FILE, results_folder
        from segexp.study.run import run_study
        from segexp.study.same_data import on_same_data
        from segexp.study.stop import TIME_IS_UP, StopRule, ended_early
        from segexp.study.storage.open import open_storage

        stop = StopRule(deadline, stop_early)
        plan = plan_study(root, str(path), definition, config, searched, display.say)
        storage_now = open_storage(config.storage, root, config.storage_patience)
        plan = on_same_data(plan, naming, storage_now, display.say)
        display.say(
            f"study {plan.base.study.name}: {counted(definition.trials, 'trial')} of "
            f"{counted(config.training.epochs, 'epoch')}; "
            f"mappings {', '.join(plan.base.mappings)}; "
            f"scores in the common space ({len(plan.base.common.classes)} classes)"
        )
        with interruption_leaves(GOES_ON):
            finished, ran = run_study(
                plan,
                storage_now,
                display,
                engine=engine,
                workers=at_once,
                stop=stop,
                naming=naming,
                new_revision=new_revision,
                mixed=mixed,
            )

    cut_short = ""
    has_all = is_exhausted(plan, finished.get_trials(deepcopy=False))
    if not has_all and (why := ended_early(finished, definition, stop)):
        without = "" if why == TIME_IS_UP else " without --stop-early"
        cut_short = f"; {why}, and the same command{without} resumes it"
        if best_trial(finished) is None:
            answer(f"study {finished.study_name} has no complete trial yet{cut_short}")
            _end_if_others_run(finished)
            return
    best = find_best(finished)
    done = _what_was_done(ran, time.monotonic() - started)
    answer(f"{done}: {_what_there_is(best, definition.trials, cut_short, has_all)}")
    _say_best(best, definition.score)
    again = found_again(best.study, project, storage, storage_file)
    _say_what_is_next(results_folder(root, finished) / REPORT_FILE, again)
    _end_if_others_run(finished)


def _end_if_others_run(study: "Study") -> None:
    """End with a code of its own where this process stopped before those that run the rest.

    Raises:
        typer.Exit: If there are any.
    """
    from segexp.study.attributes import host_of
    from segexp.study.budget import running

    if left := running(study.get_trials(deepcopy=False)):
        hosts = ", ".join(sorted({host_of(trial) for trial in left}))
        say(f"still running elsewhere: {counted(len(left), 'trial')} on {hosts}")
        raise typer.Exit(OTHERS_RUN)


def _score_of(definition: "StudyConfig") -> str:
    from segexp.evaluation.metrics import METRICS, metric_of

    metric, _ = metric_of(definition.score)
    return METRICS[metric].title


def _say_best(best: "BestTrial", objective: str) -> None:
    from segexp.evaluation.metrics import metric_of, objective_title
    from segexp.study.best import scored_otherwise_note, unmet_note

    if note := scored_otherwise_note(best):
        prose(note, results)
    result = best.result
    if note := unmet_note(best):
        prose(note, results)
    title = objective_title(objective)
    answer(f"best: trial {best.number}, epoch {result.best_epoch}")
    for name, value in best.params.items():
        answer(f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}")
    answer(f"tuning {title}: {result.value:.4f}")
    if result.heldout:
        score = result.heldout.of(*metric_of(objective))
        size = f", at {result.sizes['heldout']}" if result.size_note else ""
        answer(f"held-out {title}: {score:.4f}{size}")
    if result.interval_note:
        prose(result.interval_note, results)
    recall_warnings(best.warnings)
    if best.costs:
        from segexp.cli.best import front_table

        print_table(front_table(best))


def _say_what_is_next(report: Path, again: str) -> None:
    console.print()
    say(f"look next:  {report}")
    say(f"            segexp best {again}")
    say(f"            segexp best {again} --predict IMAGE.png")
    say(f"            segexp ui {again}")


def _what_was_done(ran: "Ran", seconds: float) -> str:
    """Say how many trials were run; resumed and interrupted ones are not counted again."""
    if ran.new:
        return f"{counted(ran.new, 'trial')} in {seconds:.0f} s"
    return (
        f"{counted(ran.others, 'pruned trial')} resumed in {seconds:.0f} s"
        if ran.others
        else "nothing to do"
    )


def _refuse_early(
    root: Path, where: str, definition: "StudyConfig", config: "Config", display: LiveDisplay
) -> "SearchSpace":
    """Refuse early what needs no torch: databases, the search space, data."""
    from segexp.core.damaged_database import refuse_damaged
    from segexp.data.warnings import refuse_data
    from segexp.evaluation.metrics import OWN, metric_of
    from segexp.study.read_space import read_space
    from segexp.study.space import values_of

    refuse_damaged(root, {"storage": config.storage, "tracking.uri": config.tracking.uri})
    searched = read_space(where, definition, config)
    mappings = [str(name) for name in values_of(searched.space, config, "mapping")]
    by_own = metric_of(definition.score)[1] == OWN
    refuse_data(root, config, mappings, display.caching, by_own=by_own)
    refuse_unreachable(root, config, display.say)
    return searched


def _what_there_is(best: "BestTrial", trials: int, cut_short: str, has_all: bool) -> str:
    """Say how many trials a study has, and why not more.

    Args:
        cut_short: The rule that ended it, and what to do; empty where none did.
        has_all: Whether it has tried every point of its space.
    """
    states = ", ".join(f"{n} {name.lower()}" for name, n in best.states.items())
    reached = sum(best.states.get(state, 0) for state in ("COMPLETE", "PRUNED", "FAIL"))
    if reached >= trials:
        return f"study {best.study} has its {counted(trials, 'trial')} ({states})"
    if cut_short:
        return f"{_has_of(best, reached, trials)} ({states}){cut_short}"
    if best.states.get("RUNNING"):
        return f"other processes run the rest of study {best.study} ({states})"
    if has_all:
        return f"study {best.study} has tried all {reached} points of its space ({states})"
    return f"{_has_of(best, reached, trials)} ({states})"


def _has_of(best: "BestTrial", reached: int, trials: int) -> str:
    return f"study {best.study} has {reached} of its {counted(trials, 'trial')}"
