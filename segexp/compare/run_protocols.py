"""What trained arms score by other protocols, from the files of their runs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.compare.runs import FinalRuns
from segexp.core.errors import WorkError
from segexp.data.cache import Dataset
from segexp.evaluation.confusions import Predictions, load_predictions
from segexp.evaluation.metrics import COMMON, OWN
from segexp.evaluation.protocols import Counts, background_of, protocol_answer, protocol_scores
from segexp.evaluation.sizes import is_resized, own_labels, size_text
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import VOID

Labels = Callable[[int], NDArray[np.uint8]]
"""From a held-out image's place to its label indices, at the size that it was scored at."""


def run_protocols(
    runs: FinalRuns,
    mappings: Sequence[Mapping],
    common: Mapping,
    dataset: Dataset,
    *,
    at_own: bool,
) -> dict[str, Any]:
    """Score every arm by every protocol, in its own and, by the rule ``sum``, in the common space.

    The predictions on void pixels are read from each run's file. If one of an arm is missing
    (another host has it, or it would be too large to be read), protocols that need it have no
    score.

    Args:
        dataset: Its held-out images were scored.
        at_own: Whether they were scored at the masks' own size.

    Returns:
        The object under ``protocols`` in ``ab_result.json``.
    """
    own, shared = {}, {}
    label = own_labels(dataset, dataset.heldout) if at_own else dataset.heldout.label
    for place, (mapping, arm) in enumerate(zip(mappings, runs.arms, strict=True)):
        by_own: list[Counts] = []
        by_common: list[Counts] = []
        for run, (in_own, in_common) in enumerate(zip(arm.own, arm.common, strict=True)):
            found = _predictions(runs, place, run)  # of one run at a time: they may be gigabytes
            decided = {} if found is None else found.by
            by_own.append(_counts(in_own, decided.get(OWN), mapping, label))
            by_common.append(_counts(in_common, decided.get(COMMON), common, label))
        own[arm.name], shared[arm.name] = protocol_scores(by_own), protocol_scores(by_common)
    return protocol_answer(own, shared, [_other_size(dataset, at_own)])


def _other_size(dataset: Dataset, at_own: bool) -> str:
    if not is_resized(dataset):
        return "at another size, because the masks have this size."
    scored, other = (size_text(dataset, at_own=own) for own in (at_own, not at_own))
    return (
        f"At {other}: the networks were scored only at {scored}; `segexp evaluate MODEL "
        "--protocols` scores a saved one at both."
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
    label: Labels,
) -> Counts:
    void = None if decided is None else _on_void(decided, space, label)
    return Counts(matrices, void, background_of(space))


def _on_void(
    decided: Sequence[NDArray[np.uint8]], space: Mapping, label: Labels
) -> NDArray[np.int64]:
    """Count the predictions on the void pixels of each image, (N, K + 1)."""
    table, columns = space.lookup(), len(space.classes) + 1
    return np.stack(
        [
            np.bincount(mask[table[label(i)] == VOID], minlength=columns)
            for i, mask in enumerate(decided)
        ]
    ).astype(np.int64)
