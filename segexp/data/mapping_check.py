"""A mapping checked against the project's data set."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from segexp.core.config import Config
from segexp.core.errors import InputError
from segexp.data.cache import Dataset
from segexp.data.layout import is_drawn
from segexp.data.open import find_source, open_data
from segexp.data.raw_ids import count_raw_ids
from segexp.data.source import Source
from segexp.data.stats import label_histograms
from segexp.data.warnings import label_counts, source_warnings
from segexp.labels.checks import histogram_warnings
from segexp.labels.mapping import Mapping
from segexp.labels.raw_ids import raw_id_warnings
from segexp.labels.taxonomy import VOID, Taxonomy
from segexp.labels.warning import MappingWarning


def names_data(keys: Iterable[str]) -> bool:
    """Whether configuration keys that a person gave on the command line say which data to use."""
    return any(key.partition(".")[0] == "data" for key in keys)


def find_data(
    project: Path,
    config: Config,
    mappings: Sequence[Mapping],
    taxonomy: Taxonomy | None,
    named: bool,
) -> tuple[Source | None, str | None]:
    """Find the configured data to check a mapping against, or say why there is none.

    Data that a person named must be usable, and so must a folder that exists and is labelled in
    the taxonomy: its faults are raised, and the check is not skipped.

    Args:
        project: The project directory.
        config: Its ``data`` section says where and in which format.
        mappings: The mapping, where it is known already.
        taxonomy: Whose labels the mapping is over; None when the data is to tell.
        named: Whether a person named the data: `names_data`.

    Returns:
        The data set and None; or None and why there is none to check against, in one line.

    Raises:
        InputError: When the data cannot be used.
    """
    try:
        source = find_source(project, config, mappings, named_by="as MAPPING")
    except InputError as error:
        other = _is_missing(project, config) or _has_other_taxonomy(project, config, taxonomy)
        if named or taxonomy is None or not other:
            raise
        first, *others = error.faults
        more = f" (and {len(others)} more, the last: {others[-1]})" if others else ""
        return None, f"{first}{more}"
    if taxonomy is None or source.taxonomy.hash == taxonomy.hash:
        return source, None
    reason = f"the data ({source.name}) is labelled in {source.taxonomy.name}"
    if named:
        raise InputError(f"{reason}, not in {taxonomy.name}; set data.taxonomy if it is")
    return None, reason


def check_on_data(
    project: Path,
    config: Config,
    source: Source,
    mapping: Mapping,
    *,
    min_share: float,
    max_void: float,
    progress: Callable[[int, int], None],
) -> tuple[Dataset, list[MappingWarning]]:
    """Compare a mapping with the train split of a data set.

    The masks' raw ids are counted only where labels are missing or ids unknown: without either
    no numbering can be off by one.

    Args:
        project: The project directory; the data is cached in it.
        config: Its ``data.image_size`` says at which size labels are counted.
        source: The data set, labelled in the mapping's taxonomy.
        mapping: The mapping.
        min_share: As in `mapping_check.histogram_warnings`.
        max_void: Likewise.
        progress: Called with how many files are read, and of how many.

    Returns:
        The data set and the warnings of `mapping_check.histogram_warnings`, then
        ``shifted-ids`` where the taxonomy's ids look off by one.

    Raises:
        InputError: When the data is refused; ends with ``shifted-ids`` where that explains it.
    """
    try:
        dataset = open_data(project, config, source, progress)
    except InputError as error:
        shifted = _shifted_ids(source, mapping.taxonomy, progress)
        raise InputError([*error.faults, *(w.message for w in shifted)]) from None
    counts = label_histograms(dataset.train)
    warnings = histogram_warnings(mapping, counts, min_share, max_void)
    if any(warning.kind == "absent-label" for warning in warnings):
        warnings += _shifted_ids(source, mapping.taxonomy, progress)
    known = {"absent-class"}  # said of each class above, as most void pixels are
    if any(warning.kind in ("hidden-pixels", "unlabelled-pixels") for warning in warnings):
        known |= {"mostly-void"}
    of_data = source_warnings(source, [mapping], label_counts(dataset))
    warnings += [warning for warning in of_data if warning.kind not in known]
    return dataset, warnings


def _is_missing(project: Path, config: Config) -> bool:
    data = config.data
    if is_drawn(data.format):
        return False
    return data.root is None or not (project / Path(data.root).expanduser()).is_dir()


def _has_other_taxonomy(project: Path, config: Config, taxonomy: Taxonomy | None) -> bool:
    try:
        source = find_source(project, config, [])
    except InputError:
        return False
    return taxonomy is not None and source.taxonomy.hash != taxonomy.hash


def _shifted_ids(
    source: Source, taxonomy: Taxonomy, progress: Callable[[int, int], None]
) -> list[MappingWarning]:
    encoding = source.raw_ids
    if not encoding:  # drawn scenes have no raw ids
        return []
    counts = count_raw_ids(source, "train", progress)
    # The taxonomy's own numbering is in doubt here, so it cannot say what an id means.
    found = raw_id_warnings(encoding, taxonomy.names, counts, {}, {VOID})
    where = f"taxonomy {taxonomy.name} ({source.reading}): "
    return [MappingWarning(w.kind, where + w.message) for w in found if w.kind == "shifted-ids"]
