"""``segexp worst``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segexp.cli.console import (
    answer,
    number_table,
    plain,
    print_json,
    print_table,
    prose,
    say,
)
from segexp.cli.live import LiveDisplay
from segexp.cli.options import (
    SPLITS,
    Data,
    Debug,
    Format,
    Json,
    Project,
    Set,
    SplitName,
    check_choice,
    configured_project,
)
from segexp.core.errors import InputError
from segexp.core.overrides import data_overrides

if TYPE_CHECKING:
    from segexp.core.config import Config
    from segexp.evaluation.image_losses import ImageLoss

CLASSES_SHOWN = 3


def worst(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A study's name, the id of an MLflow run, or the folder of a bundle or of "
            "results; by default the study that last began a trial."
        ),
    ] = None,
    class_name: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="Go by the pixels that this class loses."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many images.")] = 10,
    split: SplitName = "heldout",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write a picture of each: image, truth, prediction, mistakes."
        ),
    ] = None,
    json_: Json = False,
    data: Data = None,
    format_name: Format = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """List the images that a saved model loses most on, by the share of pixels that is wrong.

    With --class by the pixels that the class loses: missed ones and false ones.
    """
    check_choice("--split", split, SPLITS)
    overrides = data_overrides(data, format_name, None)
    root, config = configured_project(project, set_=set_, overrides=overrides)

    from segexp.core.files import folder_fault
    from segexp.study.model_reference import find_bundle

    if out and (fault := folder_fault(out)):
        raise InputError(f"--out {out}: {fault}")
    found = model or _last_study(root, config)
    directory = find_bundle(found, lambda: (root, config), say)

    from segexp.evaluation.image_losses import worst as worst_of
    from segexp.evaluation.saved_losses import saved_losses

    with LiveDisplay(quiet=json_) as display:
        saved = saved_losses(
            root,
            config,
            directory,
            split,
            class_name=class_name,
            as_stored=data is None and not set_,  # what a trial left is of the data as configured
            needs_images=out is not None,
            caching=display.caching,
        )
    of_class = saved.place_of(class_name)
    shown = worst_of(saved.losses, count, of_class)
    pictures: list[Path] = []
    if out and saved.split:
        from segexp.report.loss_pictures import write_loss_pictures

        pictures += write_loss_pictures(
            out, saved.split, shown, saved.bundle, saved.compute, of_class
        )
    mapping = saved.bundle.mapping
    if json_:
        print_json(_content(found, split, mapping.names, shown, pictures))
        return
    origin = "as its trial scored them" if saved.is_stored else "scored now"
    answer(f"{found}: {split} ({len(saved.losses)} images, {origin}), space {mapping.name}")
    _show(shown, mapping.names, of_class)
    if saved.warning:
        prose(f"warning: {saved.warning}")
    if not shown:
        answer(f"nothing is lost{f' of {class_name}' if class_name else ''}")
    for path in pictures:
        answer(str(path))


def _last_study(root: Path, config: "Config") -> str:
    """Return the name of the study that last began a trial."""
    from segexp.study.storage.open import load_study, read_storage

    return load_study(read_storage(config.storage, root), None).study_name


def _show(shown: "Sequence[ImageLoss]", names: Sequence[str], of_class: int | None) -> None:
    if of_class is None:
        table = number_table("", ["image", "wrong", "pixels", "classes that lose most, pixels"])
        table.columns[-1].no_wrap = False
    else:
        name = names[of_class]
        table = number_table("", ["image", f"{name} lost", "missed", "false", "wrong in all"])
    for loss in shown:
        wrong = f"{100 * loss.wrong:.1f}%"
        if of_class is None:
            order = sorted(range(len(names)), key=lambda i: -loss.lost[i])[:CLASSES_SHOWN]
            most = ", ".join(f"{names[i]} {loss.lost[i]:,}" for i in order if loss.lost[i])
            cells = [wrong, f"{loss.pixels:,}", most]
        else:
            counts = (loss.lost[of_class], loss.missed[of_class], loss.false[of_class])
            cells = [*(f"{number:,}" for number in counts), wrong]
        table.add_row(plain(loss.image), *map(plain, cells))
    if shown:
        print_table(table)


def _content(
    model: str,
    split: str,
    names: Sequence[str],
    shown: "Sequence[ImageLoss]",
    pictures: Sequence[Path],
) -> dict[str, Any]:
    """Return the object that ``--json`` prints."""
    images = [
        {
            "image": loss.image,
            "pixels": loss.pixels,
            "wrong": loss.wrong,
            "missed": dict(zip(names, loss.missed.tolist(), strict=True)),
            "false": dict(zip(names, loss.false.tolist(), strict=True)),
        }
        for loss in shown
    ]
    for image, path in zip(images, pictures, strict=False):
        image["picture"] = str(path)
    return {"model": model, "split": split, "images": images}
