"""``segexp init``."""

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import segexp
from segexp.cli.console import prose, say
from segexp.cli.live import LiveDisplay
from segexp.cli.options import Debug, Format, Set, set_overrides
from segexp.core.errors import InputError
from segexp.core.wording import counted

if TYPE_CHECKING:
    from segexp.core.data_config import DataConfig
    from segexp.data.labels_found import FoundLabels
    from segexp.data.source import Sample, Source

_MAPPINGS = (
    "ade150_to_19",
    "camvid11",
    "camvid11_to_19",
    "camvid32_to_11",
    "camvid_merged6",
    "categories7",
    "cityscapes19",
    "cityscapes34_to_19",
    "cityscapes34_to_7",
    "idd40_to_19",
    "idd40_to_26",
    "idd40_to_7",
    "merged10",
    "merged10_background",
    "merged10_two_wheeler",
    "vistas_v12_to_19",
    "vistas_v12_to_7",
    "taxonomies/ade150",
    "taxonomies/camvid11",
    "taxonomies/camvid32",
    "taxonomies/cityscapes19",
    "taxonomies/cityscapes34",
    "taxonomies/coco133",
    "taxonomies/cocostuff164k",
    "taxonomies/idd26",
    "taxonomies/idd40",
    "taxonomies/vistas_v12",
    "taxonomies/vistas_v20",
    "taxonomies/voc21",
)
SHIPPED = (
    "config.yaml",
    *(f"mappings/{name}.yaml" for name in _MAPPINGS),
    "studies/default.yaml",
    "studies/camvid.yaml",
)
"""Files of a new project; in a checkout the user's own files lie next to them."""

_LATER = ("data.relabel", "data.synthetic")
"""Keys that say nothing of a folder's files: a new project has their defaults."""


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty directory.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FOLDER", help="Images and masks, in whatever order they lie."
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            "--classes",
            metavar="FILE",
            help="What the masks' labels are called, in any format of `segexp mapping import`; by "
            "default looked for in FOLDER.",
        ),
    ] = None,
    format_name: Format = None,
    set_: Set = None,
    debug: Debug = False,
) -> None:
    """Lay out a new project: config.yaml, mappings/ and studies/.

    With --data: for these images and masks. Their layout is recognised, their labels are read from
    a label file, or else from the masks, and splits are made where there are none. --set takes keys
    of `data`, such as data.masks='{void: [255]}'.
    """
    data = None if data is None else data.expanduser()
    faults = []
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        faults.append(f"{directory}: is not an empty directory")
    options = {"--classes": classes, "--format": format_name, "--set": set_}
    if data is None:
        faults += [f"{name}: needs --data FOLDER" for name, value in options.items() if value]
    elif directory.resolve().is_relative_to(data.resolve()):
        faults.append(f"{directory}: lies in the data, which is never written to; choose another")
    if faults:
        raise InputError(faults)
    if data is None:
        for name in SHIPPED:
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(template() / name, target)
        say(f"made a project in {directory}")
        say(f"look next:  {_in(directory)}segexp tune --trials 50")
        return
    _init_for(directory, data, classes, _data_section(data, format_name, set_))


def template() -> Path:
    """Return the directory of the shipped YAML: in the wheel, or the root of a checkout."""
    package = Path(segexp.__file__).parent
    return package / "template" if (package / "template").is_dir() else package.parent


def _data_section(data: Path, format_name: str | None, set_: list[str] | None) -> "DataConfig":
    """Return the ``data`` section of the new project, as far as a person says it."""
    from segexp.core.config_keys import build_config, resolve_key
    from segexp.core.files import name_fault

    overrides = set_overrides(set_)
    keys = {key: resolve_key(key) or "data." for key in overrides}
    others = [key for key, known in keys.items() if not known.startswith("data.")]
    later = [key for key, known in keys.items() if known.startswith(_LATER)]
    faults = []
    if others:
        faults.append(f"--set {', '.join(others)}: not a key of `data`; set it in config.yaml")
    if later:
        faults.append(f"--set {', '.join(later)}: a new project lacks it; set it in config.yaml")
    if "data.root" in keys.values():
        faults.append("--set data.root: name the folder with --data alone")
    if faults:
        raise InputError(faults)
    given = {"data.format": format_name or "auto", "data.root": str(data), **overrides}
    section = build_config("config.yaml", {}, given).data
    fault = None if section.taxonomy is None else name_fault("data.taxonomy", section.taxonomy)
    if fault:
        raise InputError(fault)
    return section


def _init_for(directory: Path, data: Path, classes: Path | None, section: "DataConfig") -> None:
    from segexp.core.files import write_atomic
    from segexp.data.configured import format_of
    from segexp.data.division import division_of, with_splits
    from segexp.data.halves import too_few_to_halve
    from segexp.data.labels_found import find_labels
    from segexp.data.layout import is_drawn
    from segexp.data.new_project import project_files
    from segexp.labels.importers._writing import as_name
    from segexp.report.contact_sheet import write_pictures

    layout = format_of(data, section)
    if is_drawn(layout):
        raise InputError(f"--format {layout}: is drawn, not read from {data}; leave out --data")
    name = section.taxonomy or as_name(data.resolve().name)
    with LiveDisplay() as display:
        found = find_labels(
            layout,
            data,
            name,
            template() / "mappings",
            data=section,
            classes=classes,
            progress=display.caching,
        )
    if found.source.faults:
        raise InputError(found.source.faults)
    files = project_files(template(), layout, section, found)
    source = with_splits(directory, found.source, division_of(section))
    if faults := source.faults or too_few_to_halve(source.splits):
        raise InputError(faults)
    for path, text in files.texts.items():
        write_atomic(directory / path, text)
    pictures = write_pictures(directory, source, found.unnamed)
    _say_what_was_found(found, source)
    say(f"made a project in {directory}; look at {', '.join(map(str, pictures))}")
    names = [mapping.name for mapping in files.mappings]
    # A single mapping is compared with itself under another loss weighting.
    weighted = '--arm "weighted: {loss_weighting: median_frequency}"'
    comparison = f"segexp ab {names[0]} {names[1] if len(names) > 1 else weighted}"
    say(f"look next:  {_in(directory)}segexp data check")
    if len(names) > 1:
        say(f"then:       {_in(directory)}{comparison}")
        return
    say(f"then:       {_in(directory)}segexp tune --trials 50")
    say(f"to compare: {_in(directory)}{comparison}")
    if len(found.taxonomy.names) > 2:
        say(
            "            or a coarser mapping, which `segexp mapping suggest` makes from a study, "
            "or you write"
        )


def _say_what_was_found(found: "FoundLabels", source: "Source") -> None:
    say(f"layout: {source.format}, {source.root}")
    for note in source.notes:
        prose(f"note: {note}")
    for split, samples in source.splits.items():
        say(f"{split}: {counted(len(samples), 'image')}, {_pair(samples)}")
    names = found.taxonomy.names
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    say(f"labels: {len(names)}, from {found.origin}: {', '.join(names[:12])}{more}")
    for note in found.notes:
        prose(f"note: {note}")


def _pair(samples: "Sequence[Sample]") -> str:
    first = samples[0]
    return f"such as {first.image} with {first.mask}"


def _in(directory: Path) -> str:
    return f"cd {shlex.quote(str(directory))} && "
