"""Hugging Face's ``id2label`` and ``label2id``: a file of its own, or keys of a model's config.

As a file it is ``{"0": "road", ...}`` or ``{"road": 0, ...}``. The ids number the masks,
unless the model was trained with ``do_reduce_labels``: then they are one less.
"""

from typing import Any

from segexp.core.errors import InputError
from segexp.labels.importer import Importer
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._listing import Listing, names_and_ids, read_listing
from segexp.labels.importers._nested import reads_as_names, the_section_with
from segexp.labels.importers._rows import BACKGROUND

KEYS = ("id2label", "label2id")


def read_id2label(content: Any, where: str) -> Listing:
    """Read the labels by their ids.

    Raises:
        InputError: With every id that is no whole number or appears twice, every name that is no
            word.
    """
    path, value = _labels_in(content, where)
    faults: list[str] = []
    names, ids = names_and_ids(f"{where}: {path}".removesuffix(": "), value, faults)
    if faults:
        raise InputError(faults)
    doubt = ""
    if 0 in ids and names[ids.index(0)].lower() not in BACKGROUND:
        doubt = "the ids are a model's, which may be one less than those of the masks"
    return Listing(where, names, ids=ids, listing=path, doubt=doubt)


def _labels_in(content: Any, where: str) -> tuple[str, Any]:
    for key in KEYS:
        found = the_section_with(content, key, where, lambda value: isinstance(value, dict))
        if found is not None:
            return f"{found[0]}{key}", found[1][key]
    return "", content


def _recognised(file: ForeignFile) -> bool:
    content = file.content
    return isinstance(content, dict) and reads_as_names(_labels_in(content, file.where)[1])


IMPORTER = Importer(
    looked_for="`id2label`, or ids with names alone, in .yaml and .json",
    kinds=("data",),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_listing(
        read_id2label(file.content, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    unlisted_are_void=True,
    told_by_name=True,
)
