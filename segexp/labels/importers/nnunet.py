"""nnU-Net's ``dataset.json``: ``labels`` as ``name: id`` (version 2) or ``"id": name`` (version 1).

The ids number the masks. A label called *ignore* is void.
"""

from typing import Any

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Importer
from segexp.labels.importers._file import ForeignFile
from segexp.labels.importers._listing import Listing, names_and_ids, read_listing

BESIDE = ("numTraining", "channel_names", "modality", "file_ending")
"""The keys that such a file has beside its labels."""


def read_dataset_json(content: Any, where: str) -> Listing:
    """Read the labels by their ids.

    Raises:
        InputError: With every region (a label of several ids), and every id or name that is none.
    """
    labels = content.get("labels") if isinstance(content, dict) else None
    faults = [
        f"{where}: labels[{shown(name)}]: {shown(ids)}; a region of several labels: write each "
        "label with its own id, and join them in a mapping"
        for name, ids in (labels.items() if isinstance(labels, dict) else ())
        if isinstance(ids, list)
    ]
    if faults:
        raise InputError(faults)
    names, ids = names_and_ids(f"{where}: labels", labels, faults)
    if faults:
        raise InputError(faults)
    return Listing(where, names, ids=ids, listing="labels")


def _recognised(file: ForeignFile) -> bool:
    content = file.content
    if not isinstance(content, dict) or not isinstance(content.get("labels"), dict):
        return False
    return any(key in content for key in BESIDE)


IMPORTER = Importer(
    looked_for="`labels` beside `channel_names` or `modality`, as in nnU-Net's dataset.json",
    kinds=("data",),
    recognised=_recognised,
    read=lambda file, taxonomy, choices: read_listing(
        read_dataset_json(file.content, file.where), choices
    ),
    choices=("new_taxonomy", "ids"),
    unlisted_are_void=True,
)
