"""``segexp predict``."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from segexp.cli.console import LiveDisplay, say
from segexp.cli.options import Debug, Model, Project, Tta, check_choice, configured_project
from segexp.core.errors import InputError, WorkError, collected
from segexp.core.signals import interruption_leaves

MAX_LISTED = 10


def predict(
    model: Model,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATHS...", help="Images and folders of images.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where predictions are written.")] = Path(
        "predictions"
    ),
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    tta: Tta = None,
    project: Project = None,
    grey_masks: Annotated[
        bool,
        typer.Option(
            "--grey-masks",
            help="Write _mask.png without a palette, for OpenCV, which reads a palette's colours "
            "in place of the class indices.",
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Predict images: an index mask, a colour mask and an overlay each, at the image's own size."""
    check_choice("--precision", precision, ("auto", "bf16", "fp32"))
    predict_into(model, paths, out, precision, tta, project, grey_masks=grey_masks)


def predict_into(
    reference: str | Path,
    paths: list[Path],
    out: Path,
    precision: str,
    tta: str | None,
    project: Path | None = None,
    *,
    grey_masks: bool = False,
) -> None:
    """Predict images with a saved model and say where the pictures are.

    Args:
        reference: See `segexp.study.model_reference`.
        project: What ``--project`` names.
    """
    from segexp.evaluation.predict import (
        find_images,
        predict_masks,
        skipped_files,
        stream_count,
        way_out,
    )
    from segexp.report.predictions import write_predictions
    from segexp.study.model_reference import find_bundle
    from segexp.training.bundle import load_bundle
    from segexp.training.compute import choose_compute
    from segexp.training.views import parse_views

    faults: list[str] = []
    with collected(faults):
        views = parse_views(tta)
    with collected(faults):
        files = find_images(paths, out)
    with collected(faults):
        bundle = load_bundle(find_bundle(reference, lambda: configured_project(project), say))
    if faults:
        raise InputError(faults)
    skipped = skipped_files(paths, out)
    _say_skipped(skipped, way_out(skipped))
    compute = choose_compute(precision)
    model = compute.place(bundle.model)
    streams = stream_count(len(files))
    found = predict_masks(model, bundle.preprocessing, compute, files, streams=streams, views=views)
    written = 0
    with LiveDisplay() as display, interruption_leaves("everything finished so far is kept"):
        try:
            for mask, _, _ in write_predictions(out, found, bundle.mapping, grey_masks=grey_masks):
                written += 1
                if written <= MAX_LISTED:
                    display.say(f"{mask}  (and _color, _overlay)")
        except OSError as error:
            raise WorkError(f"--out {out}: cannot be written: {error.strerror}") from None
    if written > MAX_LISTED:
        say(f"... and {written - MAX_LISTED} more")
    how = f"{bundle.mapping.name}, {compute.description}{f', --tta {tta}' if tta else ''}"
    say(f"predicted {written} image(s) into {out} ({how})")


def _say_skipped(files: list[Path], way_out: str) -> None:
    """Say which files in directories are not predicted, so that nobody waits for them."""
    if not files:
        return
    suffixes = Counter(path.suffix.lower() or "without a suffix" for path in files)
    counts = ", ".join(f"{n} {suffix}" for suffix, n in suffixes.most_common(MAX_LISTED))
    shown = ", ".join(map(str, files[:MAX_LISTED]))
    more = f" and {len(files) - MAX_LISTED} more" if len(files) > MAX_LISTED else ""
    say(f"skipped, not images: {counts} ({shown}{more}){way_out}")
