"""The data of a study or a trial as MLflow lists it."""

from collections.abc import Iterable

from segexp import tracking
from segexp.data.cache import Dataset


def log_data(
    run: tracking.Run, dataset: Dataset, splits: Iterable[str] = ("train", "val", "heldout")
) -> None:
    """Record the splits of a data set that a run uses, each by its name, digest and size."""
    (height, width), *_ = dataset.sizes
    of = {"train": dataset.train, "val": dataset.val, "heldout": dataset.heldout}
    elsewhere = dataset.source.other
    inputs = []
    for split in splits:
        is_elsewhere = split == "heldout" and elsewhere is not None
        root = elsewhere.root if is_elsewhere and elsewhere else dataset.root
        name = dataset.report.heldout_of if is_elsewhere else dataset.name
        inputs.append(
            tracking.DataInput(
                name=f"{name} {split}",
                digest=dataset.hash,
                place=None if root is None else str(root),
                images=len(of[split]),
                size=f"{height}x{width}",
                use=split,
            )
        )
    tracking.log_inputs(run, inputs)
