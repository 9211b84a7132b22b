"""``segexp predict``."""

from collections import Counter
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from segexp.cli.console import say
from segexp.cli.live import LiveDisplay
from segexp.cli.options import Debug, Model, Project, Tta, check_choice, configured_project
from segexp.core.errors import InputError, WorkError, collected
from segexp.core.signals import interruption_leaves

MAX_LISTED = 10


class Wanted(NamedTuple):
    """What is written of an image beside its usual pictures, or other than usual."""

    grey_masks: bool = False
    probabilities: bool = False
    uncertainty: bool = False


PICTURES = Wanted()


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
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            help="Also write <stem>_probabilities.npz: the probability of each class, float16, "
            "shape (C, H, W).",
        ),
    ] = False,
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--uncertainty",
            help="Also write <stem>_uncertainty.png: the entropy of the probabilities, 0 where one "
            "class is certain, 255 where all are alike. `segexp evaluate` says how far "
            "probabilities hold (ECE).",
        ),
    ] = False,
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
    wanted = Wanted(grey_masks, probabilities, uncertainty)
    predict_into(model, paths, out, precision, tta, project, wanted)


def predict_into(
    reference: str | Path,
    paths: list[Path],
    out: Path,
    precision: str,
    tta: str | None,
    project: Path | None = None,
    wanted: Wanted = PICTURES,
) -> None:
    """Predict images with a saved model and say where the pictures are.

    Args:
        reference: See `segexp.study.model_reference`.
        project: What ``--project`` names.
    """
    from segexp.evaluation.beside import Beside
    from segexp.evaluation.predict import (
        find_images,
        predict_masks,
        skipped_files,
        stream_count,
        way_out,
    )
    from segexp.evaluation.saved import described
    from segexp.report.predictions import write_predictions
    from segexp.study.model_reference import find_bundle
    from segexp.training.bundle import load_bundle
    from segexp.training.compute import choose_compute
    from segexp.training.reading import AS_SOFTMAX
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
    reading = bundle.reading or AS_SOFTMAX
    found = predict_masks(
        model,
        bundle.preprocessing,
        compute,
        files,
        streams=streams,
        views=views,
        beside=Beside(reading, wanted.probabilities, wanted.uncertainty),
    )
    written = 0
    with LiveDisplay() as display, interruption_leaves("everything finished so far is kept"):
        try:
            for mask, *others in write_predictions(
                out, found, bundle.mapping, grey_masks=wanted.grey_masks
            ):
                written += 1
                display.say(f"{mask}  (and {', '.join(_ending(path) for path in others)})")
        except OSError as error:
            raise WorkError(f"--out {out}: cannot be written: {error.strerror}") from None
    how = f"{bundle.mapping.name}, {compute.description}{f', --tta {tta}' if tta else ''}"
    say(f"predicted {written} image(s) into {out} ({how})")
    if wanted.probabilities or wanted.uncertainty:
        say(
            f"probabilities: {described(bundle.reading)}; how far they hold: `segexp evaluate`, ECE"
        )


def _ending(path: Path) -> str:
    """Return what a file adds to its image's name, without `.png`: ``_color``."""
    return f"_{path.name.removesuffix('.png').rpartition('_')[2]}"


def _say_skipped(files: list[Path], way_out: str) -> None:
    """Say which files in directories are not predicted, so that nobody waits for them."""
    if not files:
        return
    suffixes = Counter(path.suffix.lower() or "without a suffix" for path in files)
    counts = ", ".join(f"{n} {suffix}" for suffix, n in suffixes.most_common(MAX_LISTED))
    shown = ", ".join(map(str, files[:MAX_LISTED]))
    more = f" and {len(files) - MAX_LISTED} more" if len(files) > MAX_LISTED else ""
    say(f"skipped, not images: {counts} ({shown}{more}){way_out}")
