"""The data that a run used, as MLflow lists it: the column Dataset of its tables."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segexp.tracking.operations import Operation
from segexp.tracking.runs import Run, record


@dataclass(frozen=True)
class DataInput:
    """A split of a data set that a run used.

    Attributes:
        name: Of the data set and the split: MLflow takes inputs of one name and digest for one.
        digest: At most 36 characters.
        place: The folder of the data set; None for one that is drawn.
        images: How many the split has.
        size: Their height and width, such as ``256x512``.
        use: ``train``, ``val`` or ``heldout``.
    """

    name: str
    digest: str
    place: str | None
    images: int
    size: str
    use: str


def log_inputs(run: Run, inputs: Sequence[DataInput]) -> None:
    """Record what data a run uses, in one call."""
    record(run, Operation("inputs", run.id, {"datasets": [_as_mlflow(each) for each in inputs]}))


def _as_mlflow(data: DataInput) -> dict[str, Any]:
    is_drawn = data.place is None
    source = {"tags": {"mlflow.source.name": "segexp"}} if is_drawn else {"uri": data.place}
    return {
        "name": data.name[:500],
        "digest": data.digest,
        "source_type": "code" if is_drawn else "local",
        "source": json.dumps(source),
        "profile": json.dumps({"num_rows": data.images, "size": data.size}),
        "use": data.use,
    }
