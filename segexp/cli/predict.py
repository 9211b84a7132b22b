"""``segexp predict``."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segexp.cli.console import say
from segexp.cli.live import LiveDisplay
from segexp.cli.options import Debug, Model, Project, Tta, check_choice, configured_project
from segexp.core.errors import InputError, WorkError, collected
from segexp.core.signals import interruption_leaves

if TYPE_CHECKING:
    from segexp.data.files.video import Video
    from segexp.evaluation.image_files import ImageFile
    from segexp.training.bundle import Bundle
    from segexp.training.compute import Compute
    from segexp.training.views import Views

MAX_LISTED = 10


@dataclass(frozen=True)
class Wanted:
    """What is written beside the usual pictures, or other than usual."""

    grey_masks: bool = False
    probabilities: bool = False
    uncertainty: bool = False
    frame_masks: bool = False


PICTURES = Wanted()


def predict(
    model: Model,
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATHS...", help="Images, folders of images, and video files."),
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
            "probabilities are from how often they are right (ECE).",
        ),
    ] = False,
    frame_masks: Annotated[
        bool,
        typer.Option(
            "--frame-masks", help="Of a video, also write the mask of each frame, into a folder."
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
    """Predict images: an index mask, a colour mask and an overlay each, at the image's own size.

    Of a video, <stem>_overlay.mp4 is written. MODEL may be an ONNX file of
    `segexp export`, too.
    """
    check_choice("--precision", precision, ("auto", "bf16", "fp32"))
    wanted = Wanted(grey_masks, probabilities, uncertainty, frame_masks)
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
    """Predict images and videos with a saved model and say where the pictures are.

    Args:
        reference: See `segexp.study.model_reference`.
        project: What ``--project`` names.
    """
    from segexp.study.model_reference import find_model
    from segexp.training.views import parse_views

    faults: list[str] = []
    with collected(faults):
        views = parse_views(tta)
    with collected(faults):
        files, videos = find_inputs(paths, out, wanted)
    with collected(faults):
        path = find_model(reference, lambda: configured_project(project), say)
    if faults:  # before torch is loaded, which takes seconds
        raise InputError(faults)

    from segexp.evaluation.exported import check_views, open_model

    bundle, compute = open_model(path, precision)
    check_views(bundle.model, views)
    _say_skipped(paths, out)
    done = []
    how = f"{bundle.mapping.name}, {compute.description}{f', --tta {tta}' if tta else ''}"
    try:
        if files:
            written = _predict_images(bundle, compute, views, files, out, wanted)
            done.append(f"{written} image(s)")
        for video in videos:
            written = _predict_video(bundle, compute, views, video, out, wanted)
            done.append(f"{written} frames of {video.path.name}")
    except OSError as error:
        raise WorkError(f"--out {out}: cannot be written: {error.strerror}") from None
    say(f"predicted {', '.join(done)} into {out} ({how})")
    if wanted.probabilities or wanted.uncertainty:
        from segexp.evaluation.saved import described

        say(
            f"probabilities: {described(bundle.reading)}; how far they are from how often they are "
            "right: `segexp evaluate`, ECE"
        )


def find_inputs(
    paths: Sequence[Path], out: Path, wanted: Wanted = PICTURES
) -> tuple[list["ImageFile"], list["Video"]]:
    """Find the images and the videos among paths; look whether predictions can be written.

    Raises:
        InputError: With every fault.
    """
    from segexp.core.files import folder_fault
    from segexp.evaluation.image_files import (
        ENDINGS,
        PROBABILITIES_ENDING,
        UNCERTAINTY_ENDING,
        find_images,
        find_videos,
        is_video,
        overwritten,
    )

    faults: list[str] = []
    named = [path for path in paths if is_video(path)]
    endings = [
        *ENDINGS,
        *([UNCERTAINTY_ENDING] if wanted.uncertainty else []),
        *([PROBABILITIES_ENDING] if wanted.probabilities else []),
    ]
    with collected(faults):
        files = find_images([path for path in paths if path not in named], out, endings)
    with collected(faults):
        videos = find_videos(named)
    if fault := folder_fault(out):
        faults.append(f"--out {out}: {fault}")
    if named and (wanted.probabilities or wanted.uncertainty):
        faults.append(
            f"{named[0]}: --probabilities and --uncertainty are for images; predict videos without"
        )
    if wanted.frame_masks and not named:
        faults.append("--frame-masks: is for videos; name one, or leave it out")
    if not faults:
        faults = overwritten(files, videos, out, endings)
    if faults:
        raise InputError(faults)
    return files, videos


def _predict_images(
    bundle: "Bundle",
    compute: "Compute",
    views: "Views",
    files: list["ImageFile"],
    out: Path,
    wanted: Wanted,
) -> int:
    """Write the pictures of images, with a line for each as it is done; return how many."""
    from segexp.evaluation.beside import Beside
    from segexp.evaluation.predict import predict_masks, stream_count
    from segexp.report.predictions import write_predictions
    from segexp.training.reading import AS_SOFTMAX

    found = predict_masks(
        bundle.model,
        bundle.preprocessing,
        compute,
        files,
        streams=stream_count(len(files)),
        views=views,
        beside=Beside(bundle.reading or AS_SOFTMAX, wanted.probabilities, wanted.uncertainty),
    )
    written = 0
    files_of = write_predictions(out, found, bundle.mapping, grey_masks=wanted.grey_masks)
    with LiveDisplay() as display, interruption_leaves("everything finished so far is kept"):
        for mask, *others in files_of:
            written += 1
            display.say(f"{mask}  (and {', '.join(_ending(path) for path in others)})")
    return written


def _predict_video(
    bundle: "Bundle", compute: "Compute", views: "Views", video: "Video", out: Path, wanted: Wanted
) -> int:
    """Write the overlay video of a video, and masks if they are wanted; return the frames."""
    from segexp.evaluation.image_files import VIDEO_ENDING, frames_of
    from segexp.evaluation.predict import predict_masks, stream_count
    from segexp.report.overlay_video import write_overlay_video

    faults: list[str] = []
    written = 0
    path, masks = out / f"{video.path.stem}{VIDEO_ENDING}", out / video.path.stem
    found = predict_masks(
        bundle.model,
        bundle.preprocessing,
        compute,
        frames_of(video, faults),
        streams=stream_count(video.frames),
        views=views,
    )
    frames = write_overlay_video(
        path,
        video.per_second,
        found,
        bundle.mapping,
        masks=masks if wanted.frame_masks else None,
        grey_masks=wanted.grey_masks,
    )
    with LiveDisplay() as display, interruption_leaves("the video is not written"):
        for written in frames:
            if written % 100 == 0:
                display.say(f"{video.path.name}: {written} of {video.frames or '?'} frames")
    say(f"{path}  ({written} frames{f'; masks in {masks}' if wanted.frame_masks else ''})")
    if faults:
        raise InputError(faults)
    return written


def _ending(path: Path) -> str:
    """Return what a file adds to its image's name, without `.png`: ``_color``."""
    return f"_{path.name.removesuffix('.png').rpartition('_')[2]}"


def _say_skipped(paths: Sequence[Path], out: Path) -> None:
    """Say which files in directories are not predicted, so that nobody waits for them."""
    from segexp.evaluation.image_files import skipped_files, way_out

    files = skipped_files(paths, out)
    if not files:
        return
    suffixes = Counter(path.suffix.lower() or "without a suffix" for path in files)
    counts = ", ".join(f"{n} {suffix}" for suffix, n in suffixes.most_common(MAX_LISTED))
    shown = ", ".join(map(str, files[:MAX_LISTED]))
    more = f" and {len(files) - MAX_LISTED} more" if len(files) > MAX_LISTED else ""
    say(f"skipped, not images: {counts} ({shown}{more}){way_out(files)}")
