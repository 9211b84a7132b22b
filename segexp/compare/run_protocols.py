"""What trained arms score by other protocols, from the files of their runs."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.compare.runs import FinalRuns
from segexp.core.errors import WorkError
from segexp.data.cache import Dataset
from segexp.data.threads import work_ahead
from segexp.evaluation.confusions import Predictions, load_predictions
from segexp.evaluation.evaluate import DECODERS
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
        spaces = {OWN: mapping, COMMON: common}
        for run, (in_own, in_common) in enumerate(zip(arm.own, arm.common, strict=True)):
            found = _predictions(runs, place, run)  # of one run at a time: they may be gigabytes
            void = {} if found is None else _on_void(found, spaces, label)
            by_own.append(Counts(in_own, void.get(OWN), background_of(mapping)))
            by_common.append(Counts(in_common, void.get(COMMON), background_of(common)))
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


def _on_void(
    found: Predictions, spaces: Dict[str, Mapping], label: Labels
) -> dict[str, NDArray[np.int64]]:
    """Count the predictions on the void pixels of each image, (N, K + 1), in spaces by ruler."""
    is_void = {ruler: space.lookup() == VOID for ruler, space in spaces.items()}
    counts: dict[str, list[NDArray[np.int64]]] = {ruler: [] for ruler in spaces}
    for i, labels in enumerate(work_ahead(label, range(len(found.image_ids)), DECODERS)):
        for ruler, space in spaces.items():
            decided = found.by[ruler][i][is_void[ruler][labels]]
            counts[ruler].append(np.bincount(decided, minlength=len(space.classes) + 1))
    return {ruler: np.stack(each) for ruler, each in counts.items()}
