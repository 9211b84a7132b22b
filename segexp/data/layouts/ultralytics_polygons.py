"""Ultralytics' polygons, drawn as masks.

    data.yaml              `names`, and no `masks_dir`: with it, the masks are pictures
    images/train/a.jpg     or train/images/a.jpg, as Roboflow exports them
    labels/train/a.txt     a line `class x1 y1 x2 y2 ...` for each object, from 0 to 1

Pixels that no polygon covers are `background`: one of `names`, or a label after the last of them,
as Ultralytics has it. Of objects that overlap, the smaller one lies on top.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.core.yaml import read_yaml_mapping
from segexp.data.files.images import read_rgb
from segexp.data.files.mask_file import MaskFile
from segexp.data.files.masks import labels_of
from segexp.data.files.pictures import IMAGE_SUFFIXES
from segexp.data.files.polygons import draw_polygons, read_polygons
from segexp.data.layout import VIDEO, Layout
from segexp.data.layouts._any_folders import pair_files
from segexp.data.layouts._named import folder_with, with_roles
from segexp.data.layouts._names import Affixes, FileNames
from segexp.data.layouts._pairing import source_of
from segexp.data.source import AS_STORED, MaskRules, Sample, SampleFault, Source, file_of
from segexp.labels.importers.ultralytics import is_of_polygons, polygon_labels
from segexp.labels.taxonomy import Taxonomy

LABELS = ("labels/*/*.txt", "labels/*.txt", "*/labels/*.txt")

READING = "polygons"


def open_ultralytics_polygons(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images that have a file of polygons; others are left out with a note.

    Raises:
        InputError: When there is no `data.yaml`.
    """
    found = _data_yaml(root)
    if found is None:
        raise InputError(f"{root}: no data.yaml with `names` and without `masks_dir`")
    file, content = found
    _, background = polygon_labels(content, str(file))
    suffixes = "|".join(suffix[1:] for suffix in IMAGE_SUFFIXES)
    files = with_roles(root, rf"images/.+\.({suffixes})", r"labels/.+\.txt")
    labelled = {file.stem for file in files if file.role == "mask"}
    files = [
        replace(file, role="other") if file.role == "image" and file.stem not in labelled else file
        for file in files
    ]
    names = FileNames(mask_suffixes=(".txt",), affixes=(Affixes(), Affixes()))
    paired = pair_files(root, files, names)
    source = source_of(
        root,
        taxonomy,
        paired.listings,
        encoding=READING,
        faults=paired.faults,
        notes=(
            f"{root}: polygons are drawn; what none covers is background, id {background}",
            *paired.notes,
        ),
    )
    return replace(
        source,
        read_labels=partial(read_drawn, taxonomy=taxonomy, background=background),
        count_inexact=None,
    )


def read_drawn(
    sample: Sample, *, taxonomy: Taxonomy, background: int, rules: MaskRules = AS_STORED
) -> NDArray[np.uint8]:
    """Draw the polygons of a sample at its image's size, as label indices, uint8 (H, W).

    Raises:
        SampleFault: When a file cannot be read, or the taxonomy lacks a class.
    """
    path = file_of(sample, "mask")
    height, width, _ = read_rgb(file_of(sample, "image")).shape
    ids = draw_polygons(read_polygons(path), height, width, background)
    return labels_of(path, MaskFile(ids, None), taxonomy, "default", rules)


def _data_yaml(root: Path) -> tuple[Path, Mapping[str, object]] | None:
    """Return the first YAML file beside the folders that lists names of polygons."""
    folder = next((f for labels in LABELS if (f := folder_with(root, "*.y*ml", labels))), None)
    for path in sorted(folder.glob("*.y*ml")) if folder else ():
        try:
            content = read_yaml_mapping(path)
        except InputError:
            continue
        if is_of_polygons(content):
            return path, content
    return None


def _recognised(root: Path) -> str | None:
    found = _data_yaml(root)
    if found is None:
        return None
    for labels in LABELS:
        for path in found[0].parent.glob(labels):
            try:
                if read_polygons(path):
                    return f"{found[0].name} with {labels}"
            except SampleFault:
                return None
    return None


LAYOUT = Layout(
    form="data.yaml with images/train/ and labels/train/*.txt of polygons",
    recognised=_recognised,
    open=open_ultralytics_polygons,
    places=VIDEO,
    rather_than=("folder",),
)
