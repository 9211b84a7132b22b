"""An imported numeric mapping against the data: is it off by one, and would a shift be accepted?"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.labels.importer import Imported
from segexp.labels.importers._rows import mapping_from_rows
from segexp.labels.importers.mapping_dict import (
    MappingDict,
    label_names,
    mapping_dict_rows,
    shifted,
    unlisted_ids,
)
from segexp.labels.raw_ids import explaining_shift, moves_with_shift, raw_id_warnings
from segexp.labels.taxonomy import VOID
from segexp.labels.warning import MappingWarning


def numeric_warnings(
    imported: Imported,
    raw_counts: Mapping[int, int],
    pixels: NDArray[np.int64],
    counted_in: str = "this data",
) -> list[MappingWarning]:
    """Compare the raw ids of a numeric mapping with those in the data.

    Args:
        imported: What was imported. Formats without raw ids give no warnings.
        raw_counts: Raw id -> its pixels in the masks, in the numbering that the mapping follows.
            Empty where masks hold no such ids: drawn scenes, colours, another numbering.
        pixels: Pixels of each label index, int64 (256,), void at 255; used where ``raw_counts`` is
            empty.
        counted_in: What was counted, for the messages.

    Returns:
        First ``shift-offered``, where importing again with another ``--shift`` would fit the data
        better and be accepted, or ``shift-refused``, with the obstacle; then those of
        `raw_ids.raw_id_warnings`.
    """
    numeric, shift = imported.numeric, imported.choices.shift
    if numeric is None:
        return []
    known = label_names(imported.mapping.taxonomy, imported.encoding)
    encoding = imported.mapping.taxonomy.encodings[imported.encoding]
    counts = raw_counts or raw_id_counts(pixels, encoding)
    names, background = numeric.class_names, numeric.background
    warnings = raw_id_warnings(numeric.class_of, names, counts, known, background, shift)
    if not raw_counts:  # label indices do not tell which raw ids there are, void ids above all
        warnings = [warning for warning in warnings if warning.kind != "absent-id"]
    better = explaining_shift(numeric.class_of, names, counts, known, background, shift)
    if better is not None:
        warnings.insert(0, _offer(imported, numeric, known, better, counted_in))
    return warnings


def numbering_warnings(imported: Imported) -> list[MappingWarning]:
    """Check whether a numeric mapping is off by one where there is no data to count.

    Then only names are evidence: a shift that sends more labels to the class of their own name,
    and leaves none without a class.

    Returns:
        ``shift-offered`` or ``shift-refused``, or nothing.
    """
    numeric = imported.numeric
    if numeric is None:
        return []
    encoding = imported.mapping.taxonomy.encodings[imported.encoding]
    each_once = np.zeros(VOID + 1, np.int64)
    each_once[[*encoding.values()]] = 1
    counted_in = f"the labels of {imported.mapping.taxonomy.name}, by the names of its classes"
    found = numeric_warnings(imported, {}, each_once, counted_in)
    return [w for w in found if w.kind in ("shift-offered", "shift-refused")]


def raw_id_counts(pixels: NDArray[np.int64], encoding: Mapping[int, int]) -> dict[int, int]:
    """Return the pixels of each raw id; void pixels are divided among the void ids.

    Label indices have one void: which of several void ids a mask held is no longer known.
    """
    void_ids = [raw_id for raw_id, index in encoding.items() if index == VOID]
    each, left = divmod(int(pixels[VOID]), max(len(void_ids), 1))
    voids = {raw_id: each + (place < left) for place, raw_id in enumerate(void_ids)}
    return voids | {i: int(pixels[index]) for i, index in encoding.items() if index != VOID}


def _offer(
    imported: Imported,
    numeric: MappingDict,
    known: Mapping[int, str],
    better: int,
    counted_in: str,
) -> MappingWarning:
    shift = imported.choices.shift
    by = better - shift
    so_far = f" with --shift {shift}" if shift else ""
    off = f"the raw ids{so_far} look one too {'high' if by < 0 else 'low'} for {counted_in}"
    refused = _refusal(imported, numeric, known, better)
    if refused:
        text = f"--shift {better} would fix the mapping, but would be refused: {off}; {refused}"
        return MappingWarning("shift-refused", text)
    again = f"import it again with --shift {better} --force"
    text = f"--shift {better} fixes the mapping: {off}; {again}"
    return MappingWarning("shift-offered", text)


def _refusal(imported: Imported, numeric: MappingDict, known: Mapping[int, str], shift: int) -> str:
    """Return why the import with a shift would be refused and what to do, or nothing."""
    missing = unlisted_ids(shifted(numeric, shift), known)
    if missing and all(moves_with_shift(raw_id - shift) for raw_id in missing):
        entries = ", ".join(f"{raw_id - shift} ({known[raw_id]})" for raw_id in missing)
        return f"first add to mapping_dict an entry for {entries}"
    try:
        rows, _ = mapping_dict_rows(numeric, known, shift)
        taxonomy, voids = imported.mapping.taxonomy, imported.choices.void_classes
        mapping_from_rows(numeric.where, imported.mapping.name, taxonomy, rows, voids)
    except InputError as error:
        return f"renumber the file: {error.faults[0]}"
    return ""
