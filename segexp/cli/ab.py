"""``segexp ab``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from segexp.cli.console import LiveDisplay, console, print_json, say
from segexp.cli.options import (
    Data,
    Debug,
    Format,
    Json,
    Project,
    Set,
    Storage,
    StorageFile,
    Workers,
    check_choice,
    data_overrides,
    open_project,
    set_overrides,
    where_to_look,
    with_storage,
    worker_count,
)
from segexp.comparison.confidence import interval_title
from segexp.comparison.gate import REQUIREMENTS, unmet_requirement
from segexp.errors import InputError, WorkError, collected
from segexp.processes import prepare_workers
from segexp.report.ab_numbers import with_arm_names


def ab(
    mappings: Annotated[
        list[str] | None, typer.Argument(help="The arms: two or more mappings in mappings/.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Tuned arms: finished trials of each arm's search; 20."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Final trainings of each configuration; 5, matched 3."),
    ] = None,
    matched: Annotated[
        bool,
        typer.Option(
            "--matched", help="Train the same configurations in every arm instead of tuning each."
        ),
    ] = False,
    configs: Annotated[
        int | None,
        typer.Option(help="Matched arms: how many configurations of the search space; 8."),
    ] = None,
    margin: Annotated[
        float, typer.Option(help="A difference of mIoU that would not matter to you.")
    ] = 0.01,
    cluster: Annotated[
        str,
        typer.Option(
            help="How held-out images are resampled: auto, none (one by one), sequence (of a "
            "video) or city, as their names say."
        ),
    ] = "auto",
    require: Annotated[
        str | None,
        typer.Option(
            metavar="REQUIREMENT",
            help="End with exit code 1 unless every arm is not-worse, equivalent or better, as "
            "named here, than the first one.",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(help="The study in studies/ whose search space is used; `default`."),
    ] = None,
    data: Data = None,
    format_name: Format = None,
    study_name: Annotated[
        str | None,
        typer.Option(help="The A/B study's name; by default `ab-` and the arms."),
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR",
            help="An arm that is a folder of predicted masks, whatever wrote them (class indices "
            "or colours, PNG or npy; several runs as sub-folders); given twice or more, in the "
            "place of MAPPINGS. Nothing is trained.",
        ),
    ] = None,
    mapping_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MAPPING",
            help="Whose classes the masks of an arm hold: a mapping in mappings/, or a file. By "
            "default the mapping that is called as the arm is, or that of config.yaml.",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With --predictions: the masks of the truth, in the taxonomy's ids or colours; by "
            "default the held-out images of the data.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With --predictions: where ab.html and ab_result.json go; by default "
            ".segexp/ab/NAME of the project, or NAME in the current directory without one.",
        ),
    ] = None,
    json_: Json = False,
    workers: Workers = "auto",
    storage: Storage = None,
    storage_file: StorageFile = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Compare mappings: did the model get better, or only the ruler?

    Each arm is tuned in a study of its own, then its best configuration is trained with several
    seeds and scored on images that tuning never saw, in the label space that all arms share.
    With --predictions, two or more folders of masks are compared instead, whatever tool wrote them.
    Run again after an interruption, it does what is left; --margin, --cluster and --require may
    change.
    """
    if require is not None:
        check_choice("--require", require, REQUIREMENTS)
    if predictions or mapping_of or truth is not None or out is not None:
        trained = {
            "MAPPINGS": mappings,
            "--trials": trials,
            "--seeds": seeds,
            "--matched": matched or None,
            "--configs": configs,
            "--study": study,
            "--storage": storage,
            "--storage-file": storage_file,
        }
        _refuse_beside_masks(trained, margin)
        from segexp.cli.ab_masks import MaskOptions, compare_folders

        result, directory = compare_folders(
            MaskOptions(predictions or (), mapping_of or (), truth, out),
            name=study_name,
            margin=margin,
            cluster=cluster,
            data=data,
            format_name=format_name,
            set_=set_,
            project=project,
        )
        if json_:
            print_json(result)
        _show(result)
        say(f"page: {directory / 'ab.html'} (ab_result.json beside it)")
        _refuse_unmet(result, require)
        return
    if not mappings:
        raise InputError("MAPPINGS: name two or more mappings to compare, or give --predictions")
    root, processes = open_project(project), worker_count(workers)
    overrides = {**data_overrides(data, format_name, None), **set_overrides(set_)}
    overrides = with_storage(overrides, storage, storage_file)
    _check_options(matched, trials, configs, margin)
    if not matched:
        overrides.setdefault("trials", 20 if trials is None else trials)
    seeds = seeds if seeds is not None else 3 if matched else 5
    configs = (8 if configs is None else configs) if matched else None
    name = _name(study, mappings, data, matched) if study_name is None else study_name

    from segexp.disk import full_disk_explained

    with full_disk_explained(root), LiveDisplay() as display:
        _refuse_early(root, study, overrides, mappings, display)
        display.say("loading torch, optuna and mlflow ...")
        if processes != 0:
            prepare_workers()
        from segexp.ab.plan import plan_ab
        from segexp.ab.study import PAGE_FILE, RESULT_FILE, Question, run_ab
        from segexp.recorded_place import recorded_uri
        from segexp.storage import load_study, open_storage

        plan = plan_ab(root, study, mappings, overrides, name=name, seeds=seeds, configs=configs)
        config = plan.config
        storage_now = open_storage(config.storage, root)
        work = (
            f"{len(plan.configs)} configurations with {seeds} seeds in each"
            if matched
            else f"{plan.arms[0].study.trials} trials and {seeds} final trainings of each"
        )
        display.say(
            f"A/B study {name}: {len(plan.arms)} arms, {work}; {config.training.epochs} epochs; "
            f"compared in {len(plan.common.classes)} common classes, margin {margin:g}"
        )
        result, directory = run_ab(
            plan, Question(margin, cluster), storage_now, display, workers=processes, debug=debug
        )

    if json_:
        print_json(result)
    _show(result)
    recorded = load_study(storage_now, name).user_attrs
    uri = recorded_uri(root, recorded, config.tracking.uri)
    say(f"page: {directory / PAGE_FILE} ({RESULT_FILE} beside it)")
    say(f"look next:  {where_to_look(uri, root)}")
    _refuse_unmet(result, require)


def _refuse_unmet(result: dict[str, Any], requirement: str | None) -> None:
    """End with exit code 1 where the answer, which is printed and written, is not as required."""
    if requirement is None:
        return
    arms = [arm["mapping"] for arm in with_arm_names(result)["arms"]]
    if unmet := unmet_requirement(arms, result["pairs"], requirement):
        raise WorkError(unmet)


def _refuse_early(
    root: Path,
    study: str | None,
    overrides: dict[str, Any],
    mappings: list[str],
    display: LiveDisplay,
) -> None:
    """Refuse data whose faults need not wait until torch is loaded."""
    from segexp.data_warnings import refuse_data
    from segexp.study_config import read_study

    try:
        _, _, config = read_study(root, study, {**overrides, "mapping": mappings[0]})
    except InputError:
        return  # it is said with all other faults of the plan
    refuse_data(root, config, mappings, display.caching)


def _refuse_beside_masks(trained: dict[str, Any], margin: float) -> None:
    """Refuse what says how to train beside masks that are there already."""
    faults = [
        f"{option}: masks of --predictions are compared as they are, nothing is trained"
        for option, value in trained.items()
        if value is not None and value != []
    ]
    with collected(faults):
        _check_options(False, None, None, margin)
    if faults:
        raise InputError(faults)


def _check_options(matched: bool, trials: int | None, configs: int | None, margin: float) -> None:
    faults = []
    if not margin > 0:
        faults.append(f"--margin {margin:g}: must be over 0, such as 0.01")
    elif margin >= 1:
        faults.append(f"--margin {margin:g}: mIoU goes from 0 to 1; take less, such as 0.01")
    if matched and trials is not None:
        faults.append("--trials: matched arms do not search; say how many --configs")
    if not matched and configs is not None:
        faults.append("--configs: is for --matched arms; tuned arms take --trials")
    if faults:
        raise InputError(faults)


def _name(study: str | None, mappings: list[str], data: Path | None, matched: bool) -> str:
    """Name an A/B study so that other arms, data or another search space are another study."""
    parts = ["ab"]
    if study is not None and study != "default":
        parts.append(Path(study).stem)
    parts += mappings
    if data is not None:
        parts.append(data.expanduser().resolve().name)
    if matched:
        parts.append("matched")
    return "-".join(dict.fromkeys(parts))


def _show(result: dict[str, Any]) -> None:
    result = with_arm_names(result)
    pairs = result["pairs"]
    common = [c for c in pairs[0]["caveats"] if all(c in pair["caveats"] for pair in pairs)]
    for pair in pairs:
        say("")
        for sentence in filter(None, (pair.get("untouched_sentence"), pair["sentence"])):
            console.print(sentence, style="bold", highlight=False, soft_wrap=True, markup=False)
        if pair["needed"]:
            say(pair["needed"]["text"])
        for caveat in pair["caveats"]:
            if caveat not in common or len(pairs) == 1:
                say(f"note: {caveat}")
    if len(pairs) > 1:
        say("")
        common = [f"of every pair: {caveat}" for caveat in common]
    else:
        common = []
    for caveat in [*common, *result["caveats"]]:
        say(f"note: {caveat}")
    if (protocols := result.get("protocols")) and protocols["sentence"]:
        say(f"note: {protocols['sentence']}")
    console.print(_arms_table(result))
    for pair in result["pairs"]:
        console.print(_terms_table(pair))
        console.print(_class_table(pair))


def _arms_table(result: dict[str, Any]) -> Table:
    clusters = result["clusters"]
    units = "" if clusters["kind"] == "none" else f" in {clusters['count']} {clusters['kind']}s"
    runs = len(result["arms"][0]["common"]["runs"])
    runs_of = "1 run" if runs == 1 else f"{runs} runs"
    table = _table(
        f"mIoU of {runs_of} on {result['images']} held-out images{units}; bits per pixel",
        ("mapping", "own", "common", "95% interval", "kept", "lost"),
    )
    for arm in result["arms"]:
        table.add_row(
            escape(f"{arm['mapping']} ({arm['classes']})"),
            _number(arm["native"]["mean"], ".3f"),
            _number(arm["common"]["mean"], ".3f"),
            _range(arm["interval_common"], ".3f"),
            _number(arm["bits_kept"], ".2f"),
            _number(arm["bits_lost"], ".2f"),
        )
    return table


def _terms_table(pair: dict[str, Any]) -> Table:
    """Return the raw gap taken apart, by every rule of collapse."""
    rules, interval = list(pair["rules"]), interval_title([pair])
    table = _table(
        f"{pair['b']} minus {pair['a']}: the raw gap and its parts",
        ("", *(column for rule in rules for column in (rule, interval))),
    )
    titles = {
        "native_gap": "raw gap",
        "ruler_a": f"ruler of {pair['a']}",
        "training": "training: the model",
        "ruler_b": f"ruler of {pair['b']}",
    }
    for term, title in titles.items():
        cells = [escape(title)]
        for rule in rules:
            found = pair["rules"][rule]
            cells.append(_number(found["decomposition"][term], "+.3f"))
            cells.append(_range(found["decomposition_intervals"][term], "+.3f"))
        table.add_row(*cells)
    verdicts = [cell for rule in rules for cell in ("", pair["rules"][rule]["verdict"])]
    table.add_row("verdict", *verdicts)
    table.caption = "each number is rounded by itself; those of the sentence add up"
    table.caption_justify = "left"
    return table


def _class_table(pair: dict[str, Any]) -> Table:
    """Return the classes: those that no arm merges first, then the merged ones, then the rest."""
    table = _table(
        "IoU per common class; p corrected by Holm",
        ("class", pair["a"], pair["b"], "difference", "95% interval", "p"),
    )
    rows = {row["class"]: row for row in pair["per_class"]}
    for group in pair.get("class_groups") or [{"classes": list(rows)}]:
        if "delta" in group:
            title = f"{group['group']}: mean of {len(group['classes'])}"
            table.add_row(*_class_cells(title, group, "p"), style="bold")
        for name in group["classes"]:
            table.add_row(*_class_cells(name, rows[name], "p_holm"))
        table.add_section()
    for label in pair.get("dropped", []):
        scores = [_number(label[arm] and label[arm]["iou"], ".3f") for arm in "ab"]
        table.add_row(escape(f"dropped: {label['label']}"), *scores, "-", "-", "-")
    notes = ["of a mean the p is not corrected"] if pair.get("class_groups") else []
    notes += ["what is dropped is scored in an arm's own classes"] if pair.get("dropped") else []
    table.caption, table.caption_justify = "; ".join(notes) or None, "left"
    return table


def _class_cells(title: str, row: dict[str, Any], p: str) -> list[str]:
    return [
        escape(title),
        _number(row["a"], ".3f"),
        _number(row["b"], ".3f"),
        _number(row["delta"], "+.3f"),
        _range(row["interval"], "+.3f"),
        _number(row[p], ".3f"),
    ]


def _table(title: str, columns: tuple[str, ...]) -> Table:
    """Return a table whose first column is text and whose others are numbers."""
    table = Table(
        title=escape(title),
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
    )
    for place, column in enumerate(columns):
        table.add_column(escape(column), justify="right" if place else "left", overflow="fold")
    return table


def _number(value: float | None, style: str) -> str:
    return "-" if value is None else format(value, style)


def _range(interval: list[float] | None, style: str) -> str:
    if interval is None:
        return "-"
    if interval[0] <= -1 and interval[1] >= 1:
        return "unknown"  # all that a difference can be
    return " to ".join(format(v, style) for v in interval)
