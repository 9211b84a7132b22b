"""What a saved model loses on each image of a split: as its trial left it, or scored now."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.config import Config
from segexp.core.errors import InputError, did_you_mean
from segexp.data.split import Split
from segexp.evaluation.evaluate import evaluate_split
from segexp.evaluation.image_losses import ImageLoss, image_losses, stored_confusions
from segexp.evaluation.metrics import OWN
from segexp.evaluation.rulers import make_ruler
from segexp.evaluation.saved import data_for, other_data
from segexp.evaluation.sizes import at_own_size, own_labels
from segexp.training.bundle import Bundle, load_bundle
from segexp.training.compute import Compute, choose_compute


@dataclass(frozen=True)
class SavedLosses:
    """What a saved model loses.

    Attributes:
        compute: Where its model is, if it was needed.
        split: The images as the model sees them; None where they were not needed.
        losses: Of each image that has pixels that are not void.
        is_stored: Whether they are as the model's trial scored them.
        warning: That they are of other data than the model was trained on; None if they are not.
    """

    bundle: Bundle
    compute: Compute
    split: Split | None
    losses: list[ImageLoss]
    is_stored: bool
    warning: str | None = None

    def place_of(self, class_name: str | None) -> int | None:
        """Return the index of a class by its name; None for None."""
        return None if class_name is None else self.bundle.mapping.names.index(class_name)


def saved_losses(
    project: Path,
    config: Config,
    bundle_directory: Path,
    split: str,
    *,
    class_name: str | None,
    as_stored: bool,
    needs_images: bool,
    caching: Callable[[int, int], None],
) -> SavedLosses:
    """Return what a saved model loses on each image of a split, in its own space.

    Args:
        config: Its ``data`` section says which data.
        split: ``train``, ``val``, ``heldout`` or ``test``.
        class_name: A class that it is to have; None for none.
        as_stored: Whether the matrices of the model's trial may be taken, where it left some.
        needs_images: Whether the images are opened, too. If they are not those of the trial, or
            other data, the model is scored on them.

    Raises:
        InputError: When bundle and data do not match, or it has no such class or split.
        WorkError: When stored matrices are damaged.
    """
    bundle = load_bundle(bundle_directory)
    names = bundle.mapping.names
    if class_name is not None and class_name not in names:
        raise InputError(
            f"--class {class_name}: no class of {bundle.mapping.name}, which has "
            f"{', '.join(names)}{did_you_mean(class_name, names)}"
        )
    compute = choose_compute(config.training.precision)
    stored = stored_confusions(bundle_directory, split, len(names)) if as_stored else None
    if stored and not needs_images:
        losses = image_losses(stored.image_ids, stored.by[OWN])
        return SavedLosses(bundle, compute, None, losses, is_stored=True)
    dataset, chosen = data_for(project, config, bundle, split, caching)
    compute.place(bundle.model)
    other = other_data(bundle, dataset)
    if stored and not other and stored.image_ids == chosen.ids:
        losses = image_losses(stored.image_ids, stored.by[OWN])
        return SavedLosses(bundle, compute, chosen, losses, is_stored=True)
    at_own = at_own_size(config.data.scored_at, dataset)
    labels = own_labels(dataset, chosen) if at_own else None
    matrices = _matrices(bundle, compute, chosen, labels)
    losses = image_losses(chosen.ids, matrices)
    warning = other and f"the model {other}"
    return SavedLosses(bundle, compute, chosen, losses, is_stored=False, warning=warning)


def _matrices(
    bundle: Bundle,
    compute: Compute,
    split: Split,
    labels: Callable[[int], NDArray[np.uint8]] | None,
) -> NDArray[np.int64]:
    found = evaluate_split(
        bundle.model,
        split,
        {OWN: make_ruler(bundle.mapping, bundle.mapping)},
        preprocessing=bundle.preprocessing,
        compute=compute,
        own_labels=labels,
    )
    return found.confusions[OWN]
