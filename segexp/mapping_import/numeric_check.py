"""An imported numeric mapping against the data: is it off by one?"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from segexp.mapping_import.importing import Imported
from segexp.mapping_import.mapping_dict import MappingDict, label_names, shifted
from segexp.mapping_warning import MappingWarning
from segexp.raw_id_check import raw_id_warnings
from segexp.taxonomy import VOID


def numeric_warnings(imported: Imported, pixels: NDArray[np.int64]) -> list[MappingWarning]:
    """Compare the raw ids of a numeric mapping with those in the data.

    Args:
        imported: What was imported; there is nothing to say of formats other than numeric ones.
        pixels: Pixels of each label index, int64 (256,), void at 255.
    """
    if imported.numeric is None:
        return []
    known = label_names(imported.mapping.taxonomy, imported.encoding)
    counts = raw_id_counts(pixels, imported.mapping.taxonomy.encodings[imported.encoding])

    def warnings_of(numeric: MappingDict) -> list[MappingWarning]:
        names, background = numeric.class_names, numeric.background
        return raw_id_warnings(numeric.class_of, names, counts, known, background)

    warnings = warnings_of(imported.numeric)
    if any(warning.kind == "shifted-ids" for warning in warnings):
        moved = {by: shifted(imported.numeric, by) for by in (-1, 1)}
        best = min(moved, key=lambda by: len(warnings_of(moved[by])))
        text = (
            f"--shift {best} applies that: import the file again with it, and with --force to "
            "replace this mapping"
        )
        warnings.append(MappingWarning("shift-offered", text))
    return warnings


def raw_id_counts(pixels: NDArray[np.int64], encoding: Mapping[int, int]) -> dict[int, int]:
    """Return the pixels of each raw id; all void pixels count for the first void id.

    The data is kept as label indices, in which void is one: which of several void ids a file
    has is not known any more.
    """
    counts: dict[int, int] = {}
    void_seen = False
    for raw_id, index in encoding.items():
        if index != VOID or not void_seen:
            counts[raw_id] = int(pixels[index])
        void_seen = void_seen or index == VOID
    return counts
