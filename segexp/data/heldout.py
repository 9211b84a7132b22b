"""``data.heldout`` of `config.yaml`: final scores on the images of another data set."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from segexp.core.errors import InputError
from segexp.core.wording import counted
from segexp.data.source import Sample, Source

T = TypeVar("T")


def with_heldout(source: Source, other: Source) -> Source:
    """Return a data set whose test split is all images of another one, of every split.

    Its own test split is not used. Both must be labelled in one taxonomy: `relabel` leads there.

    Args:
        source: What is trained and tuned on.
        other: What final scores come from.

    Raises:
        InputError: When the taxonomies differ, or the other has no image with a mask.
    """
    if source.taxonomy.hash != other.taxonomy.hash:
        raise InputError(
            f"data.heldout: {other.name} is labelled in {other.taxonomy.name}, but the data "
            f"({source.name}) in {source.taxonomy.name}; read it in these labels with "
            "data.heldout: {relabel: NAME}, a mapping whose file says `to: "
            f"{source.taxonomy.name}`"
        )
    samples = _pooled(other)
    if not samples:
        raise InputError([*other.faults, f"data.heldout: {other.name}: no image with a mask"])
    unused = len(source.splits.get("test", ()))
    notes = [f"final scores are on all {counted(len(samples), 'image')} of {other.name}"]
    notes += (
        [f"the {counted(unused, 'test image')} of {source.name} are not used"] if unused else []
    )
    return replace(
        source,
        splits={name: s for name, s in source.splits.items() if name != "test"} | {"test": samples},
        faults=(*source.faults, *other.faults),
        read_image=partial(_by_origin, source.read_image, other.read_image),
        read_labels=partial(_by_origin, source.read_labels, other.read_labels),
        notes=(*source.notes, *other.notes, *notes),
        warnings=(*source.warnings, *other.warnings),
        count_inexact=None,
        other=other,
    )


def _pooled(other: Source) -> tuple[Sample, ...]:
    """Return the samples of all splits; an id that several have begins with its split."""
    count = Counter(sample.id for samples in other.splits.values() for sample in samples)
    return tuple(
        replace(
            sample,
            id=sample.id if count[sample.id] == 1 else f"{split}_{sample.id}",
            is_of_other=True,
        )
        for split, samples in other.splits.items()
        for sample in samples
    )


def _by_origin(own: Callable[[Sample], T], other: Callable[[Sample], T], sample: Sample) -> T:
    return (other if sample.is_of_other else own)(sample)
