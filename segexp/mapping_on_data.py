"""A mapping checked against the project's data set."""

from collections.abc import Callable
from pathlib import Path

from segexp.config import Config
from segexp.dataset.cache import Dataset
from segexp.dataset.raw_ids import count_raw_ids
from segexp.dataset.source import Source
from segexp.dataset.stats import label_histograms
from segexp.errors import InputError
from segexp.mapping import Mapping
from segexp.mapping_check import histogram_warnings
from segexp.mapping_warning import MappingWarning
from segexp.project import find_source, open_data
from segexp.raw_id_check import raw_id_warnings
from segexp.taxonomy import VOID, Taxonomy


def check_on_data(
    project: Path,
    config: Config,
    mapping: Mapping,
    min_share: float,
    max_void: float,
    progress: Callable[[int, int], None],
) -> tuple[Dataset, list[MappingWarning]]:
    """Compare a mapping with the train split of the configured data set.

    The masks' raw ids are counted only where labels are missing or ids unknown: without either
    no numbering can be off by one.

    Returns:
        The data set and the warnings of `mapping_check.histogram_warnings`, then
        ``shifted-ids`` where the taxonomy's ids look off by one.

    Raises:
        InputError: When the data cannot be used with the mapping, or at all; ends with
            ``shifted-ids`` where that explains it.
    """
    source = find_source(project, config, [mapping])
    try:
        dataset = open_data(project, config, source, progress)
    except InputError as error:
        shifted = _shifted_ids(source, mapping.taxonomy, progress)
        raise InputError([*error.faults, *(w.message for w in shifted)]) from None
    counts = label_histograms(dataset.train)
    warnings = histogram_warnings(mapping, counts, min_share, max_void)
    if any(warning.kind == "absent-label" for warning in warnings):
        warnings += _shifted_ids(source, mapping.taxonomy, progress)
    return dataset, warnings


def _shifted_ids(
    source: Source, taxonomy: Taxonomy, progress: Callable[[int, int], None]
) -> list[MappingWarning]:
    encoding = taxonomy.encodings.get(source.reading)
    if encoding is None:  # drawn scenes have no raw ids
        return []
    counts = count_raw_ids(source, "train", progress)
    # The taxonomy's own numbering is in doubt here, so it is no witness to what an id means.
    found = raw_id_warnings(encoding, taxonomy.names, counts, {}, {VOID})
    where = f"taxonomy {taxonomy.name} ({source.reading}): "
    return [MappingWarning(w.kind, where + w.message) for w in found if w.kind == "shifted-ids"]
