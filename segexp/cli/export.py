"""``segexp export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segexp.cli.console import say
from segexp.cli.options import Debug, Model, Project, check_choice, configured_project
from segexp.core.errors import InputError, collected
from segexp.training.exports import format_names

if TYPE_CHECKING:
    from segexp.evaluation.export import Exported


def export(
    model: Model,
    format_: Annotated[
        str, typer.Option("--format", help=f"{', '.join(format_names())}.")
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file; by default MODEL's name, in the current directory, with .onnx, .pt "
            "(torchscript) or .xml (openvino).",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are there already.")
    ] = False,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Write a model for programs without segexp, with an example; print its path.

    It goes from an image's own pixels to its classes: resizing, normalising and
    the way back are inside. It is compared with torch on images of odd sizes.
    """
    check_choice("--format", format_, format_names())

    from segexp.core.choices import module_in
    from segexp.core.files import folder_fault
    from segexp.study.model_reference import find_bundle
    from segexp.training import exports

    chosen = module_in(exports, format_)
    file = Path(_name_of(model) + chosen.SUFFIX) if out is None else out.expanduser()
    faults: list[str] = []
    with collected(faults):
        directory = find_bundle(model, lambda: configured_project(project), say)
    if file.suffix.lower() != chosen.SUFFIX:
        faults.append(f"--out {out}: {format_} is written to a file with {chosen.SUFFIX}")
    if fault := folder_fault(file.parent):
        faults.append(f"--out {file}: {fault}")
    there = [path for path in exports.written_files(chosen, file) if path.exists()]
    faults += [
        f"{path}: is a folder; name another --out FILE"
        if path.is_dir()
        else f"{path}: exists; choose another --out FILE, or replace it with --force"
        for path in there
        if path.is_dir() or not force
    ]
    if fault := exports.missing_fault(f"--format {format_}", chosen.WRITES, chosen.EXTRA):
        faults.append(fault)
    if faults:
        raise InputError(faults)

    from segexp.evaluation.export import export_bundle

    _say_what(export_bundle(directory, chosen, file, say))


def _say_what(found: "Exported") -> None:
    from segexp.training.whole import resizes_inside

    same, pixels = found.agreement, found.agreement.pixels
    areas = sorted(same.sizes, key=lambda size: size[0] * size[1])
    low, high = (f"{height}x{width}" for height, width in (areas[0], areas[-1]))
    say(
        f"compared on {len(same.sizes)} images of {low} to {high} pixels, in float32; from torch: "
        f"logits differ by at most {same.logits:.1e} (their deviation is {same.deviation:.2g}), "
        f"{same.changed:,} of {pixels:,} pixels in their class; from `segexp predict`: "
        f"{same.moved:,} pixels ({same.moved / pixels:.3%}) in their class"
    )
    if not resizes_inside(found.preprocessing):
        height, width = found.preprocessing.image_size
        say(
            f"it takes images of up to {height}x{width}, resized by the rule "
            f"{found.preprocessing.resize}: windows of larger ones are not inside; "
            "`segexp predict` cuts them"
        )
    for path in found.files[1:]:
        say(f"beside it: {path}")
    typer.echo(found.files[0])


def _name_of(model: str) -> str:
    """Return what a model is called: the folder that is neither ``bundle`` nor ``best``."""
    path = Path(model).expanduser().absolute()
    names = [part for part in path.parts[1:] if part not in {"bundle", "best"}]
    return names[-1].removesuffix(".json").removesuffix(".safetensors") if names else "model"
