"""``segexp tune``."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from segexp.cli.console import LiveDisplay, console, say
from segexp.cli.options import (
    Data,
    Debug,
    Format,
    MappingName,
    Project,
    Set,
    data_overrides,
    open_project,
)
from segexp.config import CONFIG_FILE, load_config, parse_overrides, resolve_key
from segexp.errors import InputError
from segexp.study_config import (
    StudyConfig,
    find_study_file,
    is_study_key,
    load_study_config,
    without_keys,
)


def tune(
    study: Annotated[
        str | None,
        typer.Argument(help="A study in studies/, or a YAML file; by default `default`."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="How many finished trials the study is to reach in total."),
    ] = None,
    data: Data = None,
    format_name: Format = None,
    mapping: MappingName = None,
    study_name: Annotated[
        str | None,
        typer.Option(help="The study's name; by default the file's, with --data and --mapping."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Optuna storage; by default studies/optuna.db."),
    ] = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Search mapping, model, schedule and loss with Optuna, every trial recorded in MLflow.

    Run again after an interruption, it does the trials that are left. --mapping, and --set of a
    key that the study searches, fix that key and take it out of the search.
    """
    started = time.perf_counter()
    root = open_project(project)
    path = find_study_file(root, study)
    overrides = {**data_overrides(data, format_name, mapping), **parse_overrides(set_ or [])}
    if storage is not None:
        overrides["storage"] = storage
    if trials is not None:
        overrides["trials"] = trials
    of_study = {key: value for key, value in overrides.items() if is_study_key(key)}
    of_config = {key: value for key, value in overrides.items() if not is_study_key(key)}
    definition = load_study_config(path, of_study)
    config = load_config(root / CONFIG_FILE, {**definition.config, **of_config})
    definition = without_keys(definition, {resolve_key(key) or key for key in of_config})
    definition = _named(definition, study_name, data, mapping)

    with LiveDisplay() as display:
        display.say("loading torch, optuna and mlflow ...")
        from segexp.best import find_best
        from segexp.device import choose_compute
        from segexp.plan import plan_study
        from segexp.storage import open_storage
        from segexp.study import run_study

        plan = plan_study(root, str(path), definition, config)
        storage_now = open_storage(config.storage, root)
        mappings = ", ".join(plan.mappings)
        display.say(
            f"study {definition.name}: {definition.trials} trials of {config.training.epochs} "
            f"epochs on {choose_compute(config.training.precision).description}; mappings "
            f"{mappings}; scores in the common space ({len(plan.common.classes)} classes)"
        )
        finished = run_study(plan, storage_now, display, debug=debug)

    best = find_best(finished)
    states = ", ".join(f"{n} {name.lower()}" for name, n in best.states.items())
    say(
        f"study {best.study}: all {definition.trials} trials are done ({states}), "
        f"{time.perf_counter() - started:.0f} s in this run"
    )
    say(
        f"best: trial {best.number}, {definition.objective} {best.result.value:.4f} in epoch "
        f"{best.result.best_epoch}"
    )
    for name, value in best.params.items():
        say(f"  {name}: {value}")
    if best.result.heldout:
        say(f"held-out mIoU in the common space: {best.result.heldout.miou_common:.4f}")
    console.print()
    where = "" if root == Path.cwd() else f" (in {root})"
    say(f"look next:  segexp best {best.study}")
    say(f"            segexp best {best.study} --predict IMAGE.png")
    say(f"            mlflow ui{where}")


def _named(
    definition: StudyConfig, name: str | None, data: Path | None, mapping: str | None
) -> StudyConfig:
    """Name a study so that other data or another mapping is another study."""
    from segexp.files import name_fault

    if name is None:
        parts: list[Any] = [definition.name]
        if data is not None:
            parts.append(data.expanduser().resolve().name)
        if mapping is not None:
            parts.append(mapping)
        name = "-".join(parts)
    fault = name_fault("study name", name)
    if fault:
        raise InputError(f"{fault}; name it with --study-name")
    return definition.model_copy(update={"name": name})
