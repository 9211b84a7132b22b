"""``segexp ab``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from segexp.cli.console import LiveDisplay, console, print_json, say
from segexp.cli.options import (
    GOES_ON,
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
    refuse_unreachable,
    set_overrides,
    where_to_look,
    with_storage,
    worker_count,
)
from segexp.comparison.confidence import interval_title
from segexp.comparison.gate import REQUIREMENTS, unmet_requirement
from segexp.errors import InputError, WorkError, collected
from segexp.interrupt import interruption_leaves
from segexp.processes import prepare_workers
from segexp.report.ab_numbers import with_arm_names

if TYPE_CHECKING:
    from segexp.ab.design import Design
    from segexp.config import Config


def ab(
    mappings: Annotated[
        list[str] | None, typer.Argument(help="The arms: two or more mappings in mappings/.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Finished trials of each arm's search; 20."),
    ] = None,
    candidates: Annotated[
        int | None,
        typer.Option(
            help="Configurations that the searches put among their best, and that every arm then "
            "trains; 6, at most 0.3 of --trials."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Trainings of each of these configurations in each arm; 1."),
    ] = None,
    looks: Annotated[
        int,
        typer.Option(
            help="How often the arms are compared while these are trained; the rest is not "
            "trained once that settles it."
        ),
    ] = 1,
    matched: Annotated[
        bool,
        typer.Option(
            "--matched",
            help="Search for nothing: ask about the typical configuration of the search space.",
        ),
    ] = False,
    configs: Annotated[
        int | None,
        typer.Option(help="Matched arms: how many random configurations; 24."),
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
    plan_only: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Train nothing: say what such a study can find, and what the margin takes, from "
            "an earlier one.",
        ),
    ] = False,
    pilot: Annotated[
        str | None,
        typer.Option(
            metavar="STUDY",
            help="With --plan: the earlier A/B study, by name, or its ab_result.json; by default "
            "this one.",
        ),
    ] = None,
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
            ".segexp/masks/NAME of the project, or NAME in the current directory without one.",
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

    Each arm searches in a study of its own. What the searches put among their best is then trained
    in every arm, and scored on images that tuning never saw, in the label space that all arms
    share. Run again after an interruption, it does what is left. Once it has answered, only
    --margin, --cluster and --require may change.
    With --predictions, two or more folders of masks are compared instead, whatever tool wrote them.
    """
    if require is not None:
        check_choice("--require", require, REQUIREMENTS)
    if predictions or mapping_of or truth is not None or out is not None:
        trained = {
            "MAPPINGS": mappings,
            "--trials": trials,
            "--candidates": candidates,
            "--looks": looks if looks != 1 else None,
            "--plan": plan_only or None,
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
        _give(result, directory, json_, require)
        return
    if not mappings:
        raise InputError("MAPPINGS: name two or more mappings to compare, or give --predictions")
    root, processes = open_project(project), worker_count(workers)
    overrides = {**data_overrides(data, format_name, None), **set_overrides(set_)}
    overrides = with_storage(overrides, storage, storage_file)
    _check_options(matched, trials, candidates, configs, margin)
    name = _name(study, mappings, data, matched) if study_name is None else study_name
    from segexp.ab.design import TRIALS, Design, make_design

    if not matched:
        overrides.setdefault("trials", TRIALS if trials is None else trials)
    number = int(overrides.get("trials", TRIALS))
    configs = configs if matched else candidates
    design = make_design(matched=matched, trials=number, configs=configs, seeds=seeds, looks=looks)
    if plan_only:
        _show_plan(root, pilot or name, mappings, design, number, margin, json_)
        return
    if pilot is not None:
        raise InputError("--pilot: is what --plan plans from; give both")

    from segexp.disk import full_disk_explained

    with full_disk_explained(root), LiveDisplay() as display:
        config = _refuse_early(root, study, overrides, mappings, display)
        display.say("loading torch, optuna and mlflow ...")
        if processes != 0:
            prepare_workers()
        from segexp.ab.plan import plan_ab
        from segexp.ab.study import Question, begun_as, run_ab
        from segexp.recorded_place import recorded_uri
        from segexp.storage import load_study, open_storage

        if not matched and config is not None and begun_as(config.storage, root, name) == "tuned":
            design = Design("tuned", configs=1, seeds=5 if seeds is None else seeds)
        plan = plan_ab(root, study, mappings, overrides, name=name, design=design)
        config = plan.config
        storage_now = open_storage(config.storage, root)
        display.say(
            f"A/B study {name}: {len(plan.arms)} arms, {_work(design, plan.arms[0].study.trials)}; "
            f"{config.training.epochs} epochs; compared in {len(plan.common.classes)} common "
            f"classes, margin {margin:g}"
        )
        question = Question(margin, cluster)
        with interruption_leaves(GOES_ON):
            result, directory = run_ab(
                plan, question, storage_now, display, workers=processes, debug=debug
            )

    recorded = load_study(storage_now, name).user_attrs
    uri = recorded_uri(root, recorded, config.tracking.uri)
    _give(result, directory, json_, require, where_to_look(uri, root))


def _give(
    result: dict[str, Any],
    directory: Path,
    json_: bool,
    require: str | None,
    look_next: str | None = None,
) -> None:
    """Print an answer, say where its page is, and end as --require wants it."""
    if json_:
        print_json(result)
    _show(result)
    say(f"page: {directory / 'ab.html'} (ab_result.json beside it)")
    if look_next:
        say(f"look next:  {look_next}")
    _refuse_unmet(result, require)


def _show_plan(
    root: Path,
    pilot: str,
    mappings: list[str],
    design: "Design",
    trials: int,
    margin: float,
    json_: bool,
) -> None:
    """Say what a study of this design can find, and what the margin takes."""
    from segexp.ab.design import design_faults
    from segexp.ab.pilot import outlook_lines, outlooks, read_pilot

    if faults := design_faults(design, trials, len(mappings)):
        raise InputError(faults)
    found = outlooks(read_pilot(root, pilot), mappings, design, trials, margin)
    if json_:
        print_json({"plans": [outlook.to_dict() for outlook in found]})
    for outlook in found:
        for line in outlook_lines(outlook, design, trials, margin):
            say(line)


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
) -> "Config | None":
    """Refuse databases and data whose faults need not wait until torch is loaded.

    Returns:
        The configuration; None where the plan will say what is wrong with it.
    """
    from segexp.damaged_database import refuse_damaged
    from segexp.data_warnings import refuse_data
    from segexp.study_config import read_study

    try:
        _, _, config = read_study(root, study, {**overrides, "mapping": mappings[0]})
    except InputError:
        return None
    refuse_damaged(root, {"storage": config.storage, "tracking.uri": config.tracking.uri})
    refuse_data(root, config, mappings, display.caching, named_by="as arms")
    refuse_unreachable(root, config, display.say)
    return config


def _refuse_beside_masks(trained: dict[str, Any], margin: float) -> None:
    """Refuse what says how to train beside masks that are there already."""
    faults = [
        f"{option}: masks of --predictions are compared as they are, nothing is trained"
        for option, value in trained.items()
        if value is not None and value != []
    ]
    with collected(faults):
        _check_options(False, None, None, None, margin)
    if faults:
        raise InputError(faults)


def _check_options(
    matched: bool,
    trials: int | None,
    candidates: int | None,
    configs: int | None,
    margin: float,
) -> None:
    faults = []
    if not margin > 0:
        faults.append(f"--margin {margin:g}: must be over 0, such as 0.01")
    elif margin >= 1:
        faults.append(f"--margin {margin:g}: mIoU goes from 0 to 1; take less, such as 0.01")
    if matched and trials is not None:
        faults.append("--trials: matched arms do not search; say how many --configs")
    if matched and candidates is not None:
        faults.append("--candidates: matched arms do not search; say how many --configs")
    if not matched and configs is not None:
        faults.append("--configs: is for --matched arms; others take --trials and --candidates")
    if faults:
        raise InputError(faults)


def _work(design: "Design", trials: int) -> str:
    """Say how much is trained in each arm."""
    times = "" if design.seeds == 1 else f" {design.seeds} times"
    if design.mode == "tuned":
        return f"{trials} trials and {design.seeds} final trainings of each"
    if design.mode == "matched":
        return f"{design.configs} random configurations trained{times} in each"
    return f"a search of {trials} trials and {design.configs} candidates trained{times} in each"


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
        _show_answer(pair, [c for c in pair["caveats"] if c not in common or len(pairs) == 1])
    is_study = result.get("design") and result["mode"] != "predictions"
    if is_study and any(pair["needed"] for pair in pairs):
        say(
            "The numbers of this study are fixed with its answer: ask with more in another one "
            "(--study-name), of which --plan says what it takes."
        )
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
    if result.get("candidates"):
        console.print(_candidates_table(result))
        for line in _origins(result):
            say(line)
    for pair in result["pairs"]:
        console.print(_terms_table(pair))
        console.print(_class_table(pair))


def _show_answer(pair: dict[str, Any], caveats: list[str]) -> None:
    """Show the sentences of a pair, what such a study can find, and what limits it."""
    say("")
    for sentence in filter(None, (pair.get("untouched_sentence"), pair["sentence"])):
        console.print(sentence, style="bold", highlight=False, soft_wrap=True, markup=False)
    if pair.get("detectable") is not None:
        say(f"Of this size, four studies of five find a difference of {pair['detectable']:.3f}.")
    if pair["needed"]:
        say(pair["needed"]["text"])
    for caveat in caveats:
        say(f"note: {caveat}")


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


def _candidates_table(result: dict[str, Any]) -> Table:
    """Return the score of each candidate in every arm, and the differences of a pair."""
    names = [arm["mapping"] for arm in result["arms"]]
    paired = len(result["pairs"]) == 1
    table = _table(
        "each candidate trained in every arm, mIoU over the common classes",
        ("candidate of", *names, *(["difference"] if paired else [])),
    )
    for place, candidate in enumerate(result["candidates"]):
        cells = [escape(" and ".join(candidate["named_by"]))]
        cells += [_number(candidate["common"][name], ".3f") for name in names]
        if paired:
            cells.append(_number(result["pairs"][0]["differences"][place], "+.3f"))
        table.add_row(*cells)
    return table


def _origins(result: dict[str, Any]) -> list[str]:
    """Say what each search's candidates came to, and its winner, without a verdict."""
    lines = []
    for pair in result["pairs"]:
        means = [
            f"{_number(pair['by_origin'][name], '+.3f')} on those that {name} named"
            for name in (pair["a"], pair["b"])
        ]
        lines.append(f"{pair['b']} minus {pair['a']}: {', '.join(means)}")
    for arm in result["arms"]:
        if found := arm["winner"]:
            lines.append(
                f"winner of the search in {arm['mapping']}: trial {found['trial']}, "
                f"{_number(found['tuning'], '.3f')} while tuning, trained again "
                f"{_number(found['heldout'], '.3f')} (another search has another winner)"
            )
    return lines


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
        if term == "training" and pair.get("decision_rule") is not None:
            rule_alone = _number(pair["decision_rule"], "+.3f")
            table.add_row("  of it the decision rule, not the model", rule_alone, "", "", "")
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
