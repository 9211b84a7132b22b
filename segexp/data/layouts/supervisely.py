"""What Supervisely exports as masks.

    meta.json                          classes and their colours
    obj_class_to_machine_color.json    the raw id of each class, three times
    ds1/img/a.jpg                      a folder for each data set of the project
    ds1/masks_machine/a.png            raw ids; 0 is what no class covers
    ds1/masks_human/a.png              left out: drawn over the image, and so is masks_instances/
    ds1/ann/a.jpg.json                 left out

Earlier exports have RGB masks whose three channels hold the id: they are read as ids.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.data.files.masks import read_labels
from segexp.data.layout import VIDEO, Layout
from segexp.data.layouts._named import named_source, recognised_by, with_roles
from segexp.data.source import AS_STORED, MaskRules, Source
from segexp.labels.taxonomy import Taxonomy


def open_supervisely(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images of all data sets of a project and their machine masks."""
    files = with_roles(root, r"img/[^/]+", r"masks_machine/[^/]+\.png")
    return named_source(root, taxonomy, files, read_labels=read_machine_labels)


def read_machine_labels(
    path: Path, taxonomy: Taxonomy, encoding: str, rules: MaskRules = AS_STORED
) -> NDArray[np.uint8]:
    """Decode a mask as `files.masks.read_labels` does; three channels hold one id.

    Raises:
        SampleFault: As there, and where the channels differ.
    """
    return read_labels(path, taxonomy, encoding, replace(rules, channels=rules.channels or "grey"))


LAYOUT = Layout(
    form="*/img/ with */masks_machine/",
    recognised=recognised_by("masks_machine", "img"),
    open=open_supervisely,
    places=VIDEO,
    rather_than=("folder",),
)
