"""Warnings about a data set, shown before training and again beside the score."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.config import Config
from segexp.core.errors import InputError
from segexp.data.cache import Dataset
from segexp.data.leaks import NONE, Leaks, describe_leaks
from segexp.data.mask_sample import palette_warnings
from segexp.data.open import find_source, open_data
from segexp.data.source import Source
from segexp.data.stats import half_histograms
from segexp.labels.files import find_mappings
from segexp.labels.mapping import Mapping, common_space
from segexp.labels.score_warnings import label_warnings, objective_faults
from segexp.labels.warning import MappingWarning


def data_warnings(dataset: Dataset, mappings: Sequence[Mapping]) -> list[str]:
    """Return what looks unintended in a data set, one line each.

    The counts come from the cache and a dozen palette masks are read, which takes no time that a
    person would notice.

    Args:
        dataset: The data set.
        mappings: What its labels become.
    """
    found = source_warnings(dataset.source, mappings, label_counts(dataset), dataset.report.leaks)
    return [warning.message for warning in found]


def source_warnings(
    source: Source,
    mappings: Sequence[Mapping],
    counts: Dict[str, NDArray[np.int64]],
    leaks: Leaks = NONE,
) -> list[MappingWarning]:
    """Return the warnings of labels, of the reading, of palettes, and of images that look the same.

    See `label_warnings`, `mask_sample.palette_warnings` and `leaks.describe_leaks`.

    Args:
        source: The data set's files.
        mappings: What its labels become.
        counts: By split, from `label_counts`, or from `check.scan_source`.
        leaks: From the report of either; none when a mapping is checked.
    """
    found = label_warnings(source.taxonomy, source.raw_ids, mappings, counts)
    found += [MappingWarning("other-taxonomy", line) for line in source.warnings]
    found += palette_warnings(source)
    return found + [MappingWarning("near-duplicate", line) for line in describe_leaks(leaks)]


def warn_of_data(
    dataset: Dataset,
    mappings: Sequence[Mapping],
    spaces: Sequence[Mapping],
    say: Callable[[str], None],
) -> list[str]:
    """Show what looks unintended in a data set before it is trained on, and return it.

    Args:
        dataset: The data set.
        mappings: What its labels become.
        spaces: The label spaces in which the objective is measured.
        say: Shows a line.

    Raises:
        InputError: When only one class occurs in train or in val: every model would score 1.0000.
    """
    if faults := objective_faults(spaces, label_counts(dataset)):
        raise InputError(faults)
    warnings = data_warnings(dataset, mappings)
    for warning in warnings:
        say(f"warning: {warning}")
    return warnings


def refuse_data(
    project: Path,
    config: Config,
    mappings: Sequence[str],
    progress: Callable[[int, int], None],
    *,
    by_own: bool = False,
    named_by: str = "with --mapping",
) -> None:
    """Refuse invalid data before torch is loaded, which takes seconds.

    What is read stays in the cache for the command. A mapping that cannot be read is not reported
    here, but with all other faults of the command.

    Args:
        project: The project directory.
        config: Its ``data`` section says where the data is.
        mappings: The names of the mappings that it is used with.
        progress: Called with how many images are decoded, and of how many.
        by_own: Whether trials are scored in the mappings' own spaces, not in their common one.
        named_by: How the command at hand names a mapping: `find_source`.

    Raises:
        InputError: With every fault of the data, or when only one class occurs.
    """
    try:
        found = find_mappings(project, mappings)
        spaces = found if by_own else [common_space(found)]
    except InputError:
        return
    source = find_source(project, config, found, named_by=named_by)
    dataset = open_data(project, config, source, progress)
    if faults := objective_faults(spaces, label_counts(dataset)):
        raise InputError(faults)


def label_counts(dataset: Dataset) -> dict[str, NDArray[np.int64]]:
    """Return `half_counts` of the splits as training sees them."""
    splits = {"train": dataset.train, "val": dataset.val, "held-out": dataset.heldout}
    return {name: half_histograms(split).sum(axis=0) for name, split in splits.items()}
