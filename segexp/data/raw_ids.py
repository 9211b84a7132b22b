"""Which raw ids the masks of a data set hold, whether its taxonomy knows them or not."""

from collections import Counter
from functools import partial

from segexp.data.files.masks import look_at_mask
from segexp.data.source import MaskRules, Sample, SampleFault, Source
from segexp.data.threads import Progress, map_in_threads


def count_raw_ids(
    source: Source, split: str = "train", progress: Progress | None = None
) -> dict[int, int]:
    """Count the pixels of each raw id in a split, in the masks as they are stored.

    Args:
        source: The data set; it may be one that `cache.open_dataset` refuses.
        split: One of its splits.
        progress: Called with how many masks are read, and of how many.

    Returns:
        Raw id -> pixels, in the order of the ids; empty for drawn scenes and RGB masks. Masks
        that cannot be read are left out: `check.check_source` lists them.
    """
    counts: Counter[int] = Counter()
    count = partial(_raw_ids_of, rules=source.rules)
    for found in map_in_threads(count, source.splits.get(split, ()), progress):
        counts.update(found)
    return dict(sorted(counts.items()))


def _raw_ids_of(sample: Sample, rules: MaskRules) -> dict[int, int]:
    if sample.mask is None:
        return {}
    try:
        return dict(look_at_mask(sample.mask, rules).ids)
    except SampleFault:
        return {}
