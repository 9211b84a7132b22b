"""The project's held-out images as the truth that masks are compared with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segexp.compare.mask_counts import Truth
from segexp.core.config import Config
from segexp.data.open import find_source, open_data
from segexp.data.threads import Progress
from segexp.labels.mapping import Mapping


def heldout_truth(
    project: Path, config: Config, mappings: Sequence[Mapping], progress: Progress
) -> Truth:
    """Return the held-out images of the configured data, at their own size.

    Raises:
        InputError: When the data cannot be used, or is labelled in another taxonomy.
    """
    dataset = open_data(project, config, find_source(project, config, mappings), progress)
    source = dataset.source
    samples = {sample.id: sample for sample in source.splits[dataset.heldout_from]}

    def read_labels(image: str) -> Any:
        return source.read_labels(samples[image])

    def read_image(image: str) -> Any:
        return source.read_image(samples[image])

    return Truth(
        dataset.name,
        f"the held-out images of {dataset.root or dataset.name}",
        dataset.heldout.ids,
        read_labels,
        read_image,
        source.heldout_format,
        dataset.heldout_from,
        frozenset(s.id for split in source.splits.values() for s in split),
    )
