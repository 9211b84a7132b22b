"""``data.relabel`` of `config.yaml`: a data set read in the labels of another one."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segexp.core.errors import InputError
from segexp.data.source import Sample, Source
from segexp.labels.relabelling import Relabelling


def relabelled(source: Source, relabelling: Relabelling) -> Source:
    """Return a data set whose labels are read as those of another taxonomy.

    Raises:
        InputError: When the relabelling is over another taxonomy than the data's.
    """
    if relabelling.before.hash != source.taxonomy.hash:
        raise InputError(
            f"data.relabel: {relabelling.name} is over the taxonomy {relabelling.before.name}, but "
            f"the data ({source.name}) is labelled in {source.taxonomy.name}; take a mapping over "
            "that one, or null"
        )
    return replace(
        source,
        taxonomy=relabelling.after,
        read_labels=partial(_read, source.read_labels, relabelling.table),
        reading=f"{source.reading} relabelled {relabelling.hash}",  # no encoding has this name
        notes=(
            *source.notes,
            f"labels of {relabelling.before.name} are read as those of {relabelling.after.name}, "
            f"by {relabelling.name}",
        ),
    )


def _read(
    read_labels: Callable[[Sample], NDArray[np.uint8]], table: NDArray[np.uint8], sample: Sample
) -> NDArray[np.uint8]:
    labels: NDArray[np.uint8] = table[read_labels(sample)]
    return labels
