"""What trained arms score by other protocols, from the files of their runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.compare.runs import FinalRuns
from segexp.core.errors import WorkError
from segexp.data.cache import Dataset
from segexp.data.split import Split
from segexp.evaluation.confusions import Predictions, load_predictions
from segexp.evaluation.metrics import COMMON, OWN
from segexp.evaluation.protocols import Counts, background_of, protocol_answer, protocol_scores
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID


def run_protocols(
    runs: FinalRuns, mappings: Sequence[Mapping], common: Mapping, dataset: Dataset
) -> dict[str, Any]:
    """Score every arm by every protocol, in its own and, by the rule ``sum``, in the common space.

    The predictions on void pixels are read from each run's file. If one of an arm is missing
    (another host has it), protocols that need it have no score.

    Args:
        dataset: Its held-out images were scored.

    Returns:
        The object under ``protocols`` in ``ab_result.json``.
    """
    own, shared = {}, {}
    for place, (mapping, arm) in enumerate(zip(mappings, runs.arms, strict=True)):
        found = [_predictions(runs, place, run) for run in range(len(arm.own))]
        own[arm.name] = protocol_scores(
            [
                _counts(matrices, None if p is None else p.by[OWN], mapping, dataset.heldout)
                for matrices, p in zip(arm.own, found, strict=True)
            ]
        )
        shared[arm.name] = protocol_scores(
            [
                _counts(matrices, None if p is None else p.by[COMMON], common, dataset.heldout)
                for matrices, p in zip(arm.common, found, strict=True)
            ]
        )
    return protocol_answer(own, shared, [_other_size(dataset)])


def _other_size(dataset: Dataset) -> str:
    height, width = dataset.image_size
    if dataset.own_size == dataset.image_size:
        return "at another size, because the masks have this size."
    return (
        f"At the masks' own size: the networks were scored only at {height}x{width}; `segexp "
        "evaluate MODEL --protocols` scores a saved one at both."
    )


def _predictions(runs: FinalRuns, arm: int, run: int) -> Predictions | None:
    try:
        return load_predictions(runs.predictions(arm, run))
    except WorkError:
        return None


def _counts(
    matrices: NDArray[np.int64],
    decided: Sequence[NDArray[np.uint8]] | None,
    space: Mapping,
    split: Split,
) -> Counts:
    void = None if decided is None else _on_void(decided, space, split)
    return Counts(matrices, void, background_of(space))


def _on_void(
    decided: Sequence[NDArray[np.uint8]], space: Mapping, split: Split
) -> NDArray[np.int64]:
    """Count the predictions on the void pixels of each image, (N, K + 1)."""
    table, columns = space.lookup(), len(space.classes) + 1
    return np.stack(
        [
            np.bincount(decided[i][table[split.label(i)] == VOID], minlength=columns)
            for i in range(len(split))
        ]
    ).astype(np.int64)
