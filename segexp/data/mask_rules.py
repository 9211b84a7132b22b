"""``data.masks`` of `config.yaml`, understood for one data set."""

from dataclasses import replace
from functools import partial

from segexp.core.data_config import MasksConfig
from segexp.core.errors import InputError, did_you_mean, shown
from segexp.data.source import AS_STORED, MaskRules, Source
from segexp.labels.raw_ids import id_ranges
from segexp.labels.taxonomy import VOID, VOID_NAME, Taxonomy


def with_rules(source: Source, masks: MasksConfig | None) -> Source:
    """Return a data set whose masks are read by the rules.

    Args:
        source: The data set. Its masks' reader takes ``rules``.
        masks: The rules, or None.

    Raises:
        InputError: For every id that is said to be what its taxonomy does not have.
    """
    rules = rules_over(source.taxonomy, source.reading, masks)
    if rules == AS_STORED:
        return source
    return replace(source, rules=rules, read_labels=partial(source.read_labels, rules=rules))


def rules_over(taxonomy: Taxonomy, encoding: str, masks: MasksConfig | None) -> MaskRules:
    """Return how masks are read whose ids mean what an encoding of a taxonomy says.

    Raises:
        InputError: For every id that is said to be what the taxonomy does not have.
    """
    if masks is None:
        return AS_STORED
    return replace(rules_of_files(masks), ids=_ids(taxonomy, encoding, masks))


def rules_of_files(masks: MasksConfig | None) -> MaskRules:
    """Return how masks are read before their ids mean anything."""
    if masks is None:
        return AS_STORED
    return MaskRules(
        divide=masks.divide or 1,
        nearest_color=masks.nearest_color or 0,
        channels=masks.channels or "",
        array=masks.array or "",
    )


def _ids(taxonomy: Taxonomy, encoding: str, masks: MasksConfig) -> tuple[tuple[int, int], ...]:
    known = taxonomy.encodings.get(encoding, {})
    index_of = {**{name: i for i, name in enumerate(taxonomy.names)}, VOID_NAME: VOID}
    faults = [
        f"data.masks.ids: {raw_id}: is in `void` as well; say it once"
        for raw_id in masks.ids
        if raw_id in masks.void
    ]
    found = dict.fromkeys(masks.void, VOID)
    for raw_id, meant in masks.ids.items():
        if isinstance(meant, str):
            index = index_of.get(meant)
            what = f"a label of the taxonomy {taxonomy.name}{did_you_mean(meant, index_of)}"
        else:
            index = known.get(meant)
            what = f"a raw id of the taxonomy {taxonomy.name}, which has {id_ranges(known)}"
        if index is None:
            faults.append(f"data.masks.ids: {raw_id}: {shown(meant)}: is not {what}")
        else:
            found[raw_id] = index
    if faults:
        raise InputError(faults)
    return tuple(sorted(found.items()))
