"""``segexp evaluate``."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from segexp.cli.completion import mapping_names
from segexp.cli.console import (
    answer,
    class_table,
    classes_text,
    print_json,
    print_table,
    prose,
    protocol_table,
    results,
    say,
)
from segexp.cli.live import LiveDisplay
from segexp.cli.options import (
    SPLITS,
    Data,
    Debug,
    Format,
    Json,
    Model,
    Project,
    Set,
    SplitName,
    Tta,
    check_choice,
    configured_project,
)
from segexp.core.errors import InputError, collected
from segexp.core.overrides import data_overrides


def evaluate(
    model: Model,
    split: SplitName = "heldout",
    space: Annotated[
        str | None,
        typer.Option(
            metavar="MAPPING",
            help="Score in this coarser space; by default its own.",
            autocompletion=mapping_names,
        ),
    ] = None,
    rule: Annotated[
        str,
        typer.Option(help="How predictions collapse: sum of probabilities, or argmax."),
    ] = "sum",
    full_size: Annotated[
        bool | None,
        typer.Option(
            "--full-size/--no-full-size",
            help="Score at the masks' own size, or as images are resized; by default as "
            "data.scored_at says.",
        ),
    ] = None,
    tta: Tta = None,
    protocols: Annotated[
        bool,
        typer.Option(
            "--protocols",
            help="Also score the same predictions by other conventions: for absent classes, void, "
            "background, single images, sizes.",
        ),
    ] = False,
    json_: Json = False,
    data: Data = None,
    format_name: Format = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Score a saved model on a split of the data, in its own label space or a coarser one."""
    check_choice("--split", split, SPLITS)
    check_choice("--rule", rule, ("sum", "argmax"))
    overrides = data_overrides(data, format_name, None)
    root, config = configured_project(project, set_=set_, overrides=overrides)

    from segexp.data.open import refuse_source
    from segexp.training.views import parse_views

    faults: list[str] = []  # all before torch is loaded
    with collected(faults):
        refuse_source(root, config)
    with collected(faults):
        views = parse_views(tta)
    if faults:
        raise InputError(faults)

    from segexp.study.model_reference import find_bundle

    bundle = find_bundle(model, lambda: (root, config), say)

    from segexp.evaluation.saved import evaluate_bundle

    with LiveDisplay(quiet=json_) as display:
        scored = evaluate_bundle(
            root,
            config,
            bundle,
            split=split,
            space=space,
            rule="sum" if rule == "sum" else "argmax",
            full_size=full_size,
            protocols=protocols,
            views=views,
            caching=display.caching,
        )
    if json_:
        print_json(scored.to_dict())
        return
    answer(scored.data)
    seen = f"{scored.size}, --tta {scored.tta}" if scored.tta else scored.size
    answer(f"{model}: {split} ({scored.images} images), {seen}, space {scored.space}")
    if scored.reading:
        answer(f"probabilities: {scored.reading}")
    print_table(class_table("per class", scored.table))
    classes = len(scored.table["class"])
    from segexp.evaluation.metrics import METRICS

    shown = [f"{metric.title} {scored.scores[name]:.4f}" for name, metric in METRICS.items()]
    shown[0] += f" over {classes_text(scored.scores, classes)}"
    answer(", ".join(shown))
    if scored.interval is not None:
        prose(
            "95% interval of the mIoU for other images like these: {low:.4f} to {high:.4f}; "
            "another training may differ by more".format(**scored.interval),
            results,
        )
        if scored.interval["caveat"]:
            prose(f"caveat: {scored.interval['caveat']}")
    _show_calibration(scored.calibration)
    if scored.protocols is not None:
        results.print(protocol_table(scored.protocols["rows"]))
        for text in scored.protocols["missing"]:
            answer(f"not scored: {text}")
    for warning in scored.warnings:
        prose(f"warning: {warning}")


def _show_calibration(calibration: Mapping[str, Any]) -> None:
    bins = calibration["bins"]
    edges = zip(bins["from"], bins["to"], strict=True)
    columns = {
        "probability": [f"{low:.2f} to {high:.2f}" for low, high in edges],
        "pixels": bins["pixels"],
        "share right": bins["right"],
        "mean probability": bins["confidence"],
    }
    print_table(class_table("how often it is right, by how sure it is", columns))
    prose(
        f"expected calibration error (ECE) {calibration['ece']:.4f}: how far the probability of "
        "the decided class is from the share of pixels where it is right, on average over pixels "
        f"({calibration['probabilities']})",
        results,
    )
