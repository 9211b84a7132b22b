"""``segexp best``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segexp.cli.completion import study_names
from segexp.cli.console import (
    answer,
    class_table,
    is_too_wide,
    number_table,
    print_json,
    print_table,
    prose,
    results,
    results_beside,
    say,
)
from segexp.cli.options import (
    Debug,
    Json,
    Project,
    Set,
    Storage,
    StorageFile,
    Tta,
    configured_project,
)
from segexp.core.errors import InputError, collected
from segexp.core.wording import cost_text

if TYPE_CHECKING:
    from optuna import Study

    from segexp.evaluation.result import SplitScores
    from segexp.study.best import BestTrial


def best(
    study: Annotated[
        str | None,
        typer.Argument(
            help="A study's name; by default the last one that began a trial, A/B studies aside.",
            autocompletion=study_names,
        ),
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="NUMBER",
            help="Another complete trial. Of several objectives the best one has the best score; "
            "the front is listed below it.",
        ),
    ] = None,
    predict: Annotated[
        list[Path] | None,
        typer.Option(metavar="IMAGE", help="Predict an image or a folder; may be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where predictions are written.")] = Path(
        "predictions"
    ),
    tta: Tta = None,
    register: Annotated[
        bool,
        typer.Option(
            "--register",
            help="Register the model in MLflow under the study's name, as `models:/NAME@best`, for "
            "mlflow.pyfunc.",
        ),
    ] = False,
    register_as: Annotated[
        str | None,
        typer.Option("--register-as", metavar="NAME", help="Register it under another name."),
    ] = None,
    json_: Json = False,
    storage: Storage = None,
    storage_file: StorageFile = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Show the best trial of a study: params, scores, per-class IoU; predict with it."""
    root, config = configured_project(project, storage, storage_file, set_)

    from segexp.study.abandoned import left_behind
    from segexp.study.best import find_best, scored_otherwise_note, unmet_note
    from segexp.study.storage.open import load_study, newest_revision, read_storage

    opened = read_storage(config.storage, root)
    if names := left_behind(opened):
        from segexp.study.recovery import recover_if_allowed

        recover_if_allowed(root, config, names, say)
        opened = read_storage(config.storage, root)
    faults: list[str] = []
    if tta is not None:
        from segexp.training.views import parse_views

        with collected(faults):
            parse_views(tta)
        if not predict:
            faults.append("--tta: is for --predict IMAGE; name one")
    if predict:  # before anything is shown
        from segexp.cli.predict import find_inputs

        with collected(faults):
            find_inputs(predict, out)
    with collected(faults):
        chosen = load_study(opened, study)
    if faults:
        raise InputError(faults)
    found = find_best(chosen, trial)
    if newer := newest_revision(opened, found.study):
        say(f"{newer} is a newer revision of {found.study}: segexp best {newer}")
    for note in filter(None, (scored_otherwise_note(found), unmet_note(found))):
        prose(note, results_beside(json_))
    if json_:
        print_json(found.to_dict(root))
    else:
        _show(found, root, chosen, config.tracking.uri)
    if register or register_as is not None:
        from segexp.study.register import register_best

        uri = config.tracking.uri
        model = register_best(root, chosen, found, uri, register_as, say)
        say(f'registered; load it with mlflow.pyfunc.load_model("{model}")', results_beside(json_))
    if predict:
        from segexp.cli.predict import predict_into
        from segexp.study.recorded_bundle import bundle_of_best

        bundle = bundle_of_best(root, chosen, found, config.tracking.uri, say)
        predict_into(bundle, predict, out, config.training.precision, tta)


def _run_shown(found: "BestTrial", root: Path, study: "Study", uri: str | None) -> str:
    """Return the id of a trial's MLflow run, or where its records wait."""
    from segexp.core.run_token import is_token

    if not is_token(found.run_id or ""):
        return str(found.run_id)
    from segexp.study.recorded_place import recorded_uri
    from segexp.tracking import look_up_id

    uri = recorded_uri(root, study.user_attrs, uri)
    if run_id := look_up_id(root, uri, str(found.run_id)):
        return run_id
    return (
        f"not in MLflow yet: its records wait on {found.host}, where it ran; run `segexp sync` "
        "there to send them"
    )


def _show(found: "BestTrial", root: Path, study: "Study", uri: str | None) -> None:
    from segexp.evaluation.metrics import OWN
    from segexp.study.best import unmet_note

    result = found.result
    states = ", ".join(f"{n} {name.lower()}" for name, n in found.states.items())
    answer(f"study {found.study}: {states}")
    name = "best: trial" if found.is_best else "trial"
    answer(f"{name} {found.number}, epoch {result.best_epoch}, {result.seconds:.0f} s")
    for name, value in ({"mapping": found.mapping} | dict(found.params)).items():
        answer(f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}")
    if result.cost:
        prose(_cost_line(result.cost), results)
    if found.missed and not unmet_note(found):
        answer(f"misses {'; '.join(found.missed)}")
    print_table(_scores_table(found))
    if found.costs:
        print_table(front_table(found))
    prose(
        "tuning: the images that the search saw; they flatter the best of many trials. "
        "held-out: images that it never saw.",
        results,
    )
    for said in filter(None, (result.interval_note, result.size_note)):
        prose(said, results)
    split, scores = ("held-out", result.heldout) if result.heldout else ("tuning", result.val)
    print_table(class_table(f"per class, {split} images", dict(scores.tables[OWN])))
    for warning in found.warnings:
        prose(f"warning: {warning}")
    if bundle := found.bundle_here(root):
        answer(f"bundle: {bundle}")
    elif result.bundle:
        answer(
            f"bundle: not here; the trial ran on {found.host}. --predict reads the copy in the "
            "artifacts of its MLflow run"
        )
    else:
        kept = ", ".join(str(each.number) for each in found.front)
        answer(f"bundle: none; another trial beat it, and those of trials {kept} are kept")
    answer(f"MLflow run: {_run_shown(found, root, study, uri)}")


def _cost_line(cost: Mapping[str, Any]) -> str:
    return (
        f"one image: {cost_text(cost['latency_ms'])} ms ({cost['measured_on']}), "
        f"{cost_text(cost['macs'])} multiply-accumulates, "
        f"{cost_text(cost['parameters'])} parameters"
    )


def front_table(found: "BestTrial", screen: Console = results) -> Table:
    """Build the table of the trials that no other one beats.

    Of params it has those that differ, as many as the screen's lines have room for; the others are
    named below it.
    """
    names = [
        name for name in found.params if len({str(t.params.get(name)) for t in found.front}) > 1
    ]
    tables = (_front_table(found, names[:kept]) for kept in range(len(names), -1, -1))
    table = next((each for each in tables if not is_too_wide(each, screen)), None)
    if table is None:
        table = _front_table(found, [])
    if left := names[len(table.columns) - 2 - len(found.costs) :]:
        table.caption = escape(f"{', '.join(left)}: segexp best {found.study} --trial NUMBER")
        table.caption_justify = "left"
    return table


def _front_table(found: "BestTrial", params: "Sequence[str]") -> Table:
    from segexp.evaluation.metrics import COSTS, objective_title
    from segexp.report.trials import score_text, value_text

    title = objective_title(found.objective)
    numbers = ("trial", title, *(COSTS[cost] for cost in found.costs))
    table = number_table("front: no trial beats these", (*numbers, *params))
    for trial in found.front:
        score, *costs = trial.values
        shown = (value_text(trial.params.get(name)) for name in params)
        table.add_row(
            str(trial.number), score_text(score), *map(cost_text, costs), *map(escape, shown)
        )
    return table


def _scores_table(found: "BestTrial") -> Table:
    from segexp.evaluation.metrics import COMMON, METRICS, OWN, metric_of, title_of
    from segexp.report.trials import score_text

    table = number_table("", ("", "tuning", "held-out"))
    splits = [found.result.val, found.result.heldout]
    objective, floor = metric_of(found.objective), metric_of(found.constant_objective)
    for name in METRICS:
        for ruler in (OWN, COMMON):
            if not found.result.val.has(name, ruler):  # by an earlier segexp
                continue
            cells = [score_text(scores.of(name, ruler)) if scores else "-" for scores in splits]
            table.add_row(title_of(name, ruler), *cells)
            if found.baseline and (name, ruler) == objective:
                base = [found.baseline.val, found.baseline.heldout]
                cells = [score_text(scores.of(name, ruler)) if scores else "-" for scores in base]
                table.add_row("  the baseline, trial 0", *cells)
            if found.constant and (name, ruler) == floor:
                cells = [score_text(found.constant[split]) for split in ("val", "heldout")]
                table.add_row(escape(f"  always {found.constant['class']!r}"), *cells)
            if name == "miou":
                _add_class_counts(table, splits, ruler)
    return table


def _add_class_counts(table: Table, splits: "Sequence[SplitScores | None]", ruler: str) -> None:
    """Say below a mean of which classes it is, and how many are predicted but never true."""
    from segexp.evaluation.metrics import IN_MEAN, PREDICTED_ONLY

    counts = [
        (
            scores.of(IN_MEAN, ruler),
            scores.of(PREDICTED_ONLY, ruler),
            len(scores.tables[ruler]["class"]),
        )
        if scores
        else None
        for scores in splits
    ]
    in_mean = [f"{of[0]:.0f} of {of[2]}" if of else "-" for of in counts]
    table.add_row("  classes in this mean", *in_mean)
    if any(of and of[1] for of in counts):
        only = [f"{of[1]:.0f}" if of else "-" for of in counts]
        table.add_row("  classes only predicted, in no mean", *only)
