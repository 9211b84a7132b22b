"""Saved models on the same images: how each is called, and which of the images it has seen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segexp.core.config import Config
from segexp.core.errors import InputError
from segexp.core.wording import counted
from segexp.data.cache import Dataset
from segexp.data.split import Split
from segexp.evaluation.metrics import COMMON, COMMON_ARGMAX, OWN
from segexp.evaluation.rulers import Ruler, make_ruler
from segexp.evaluation.saved import data_for, other_data
from segexp.evaluation.sizes import at_own_size, own_labels
from segexp.labels.mapping import Mapping, common_space
from segexp.training.bundle import Bundle, load_bundle
from segexp.training.bundle_files import WEIGHTS_FILE
from segexp.training.reading import AS_SOFTMAX


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A saved model, and the images as it sees them.

    Attributes:
        name: How it is called beside the others.
        rulers: Its own space, and the common one by both rules of collapse.
        labels: From an image's place in ``split`` to its label indices, (H, W), at the size that
            all models are scored at.
    """

    name: str
    bundle: Bundle
    dataset: Dataset
    split: Split
    rulers: dict[str, Ruler]
    labels: Callable[[int], NDArray[np.uint8]]


def load_models(references: Sequence[tuple[str, Path]]) -> list[tuple[str, Bundle]]:
    """Load bundles, and name each by its study and trial, or by how it was called.

    Args:
        references: What a person called each, and the directory of its bundle.

    Raises:
        InputError: When two are one model, or with every fault of a bundle.
    """
    seen: dict[tuple[int, int], str] = {}
    faults = []
    for reference, directory in references:
        weights = (directory / WEIGHTS_FILE).stat()  # of a results folder they are a hard link
        other = seen.setdefault((weights.st_dev, weights.st_ino), reference)
        if other is not reference:
            faults.append(f"{reference}: is the model of {other}, too; name another one")
    if faults:
        raise InputError(faults)
    bundles = [load_bundle(directory) for _, directory in references]
    names = [
        _own_name(bundle) or name for bundle, (name, _) in zip(bundles, references, strict=True)
    ]
    if len(set(names)) < len(names):
        names = [reference for reference, _ in references]
    return list(zip(names, bundles, strict=True))


def _own_name(bundle: Bundle) -> str:
    study, trial = bundle.origin.get("study"), bundle.origin.get("trial")
    return f"{study}, trial {trial}" if study is not None and trial is not None else ""


def open_models(
    project: Path,
    config: Config,
    bundles: Sequence[tuple[str, Bundle]],
    split: str,
    full_size: bool | None,
    caching: Callable[[int, int], None],
) -> tuple[tuple[SavedModel, ...], Mapping, bool]:
    """Open the images of a split as each model sees them.

    Args:
        config: Its ``data`` section says which data. Images are resized as each bundle says.
        bundles: Names and bundles, two or more.
        split: As `segexp.evaluation.saved.evaluate_bundle` takes it.
        full_size: Whether to score at the masks' own size; None for that where ``data.scored_at``
            says so, or the models see images at different sizes.

    Returns:
        The models, the common space of their mappings, and whether they are scored at the masks'
        own size.

    Raises:
        InputError: When models and data do not match, or the mappings have no common space.
    """
    common = common_space([bundle.mapping for _, bundle in bundles])
    opened = [data_for(project, config, bundle, split, caching) for _, bundle in bundles]
    at_own = _at_own_size(config, bundles, opened[0][0], full_size)
    models = tuple(
        SavedModel(
            name,
            bundle,
            dataset,
            chosen,
            _rulers(bundle, common),
            own_labels(dataset, chosen) if at_own else chosen.label,
        )
        for (name, bundle), (dataset, chosen) in zip(bundles, opened, strict=True)
    )
    return models, common, at_own


def _at_own_size(
    config: Config,
    bundles: Sequence[tuple[str, Bundle]],
    dataset: Dataset,
    full_size: bool | None,
) -> bool:
    seen = {(b.preprocessing.image_size, str(b.preprocessing.resize)) for _, b in bundles}
    if full_size is None:
        return len(seen) > 1 or at_own_size(config.data.scored_at, dataset)
    if not full_size and len(seen) > 1:
        sizes = ", ".join(f"{height}x{width} ({how})" for (height, width), how in sorted(seen))
        raise InputError(
            f"--no-full-size: the models see images at different sizes, {sizes}; leave it out, "
            "and all are scored at the masks' own size"
        )
    return full_size


def _rulers(bundle: Bundle, common: Mapping) -> dict[str, Ruler]:
    reading = bundle.reading or AS_SOFTMAX
    return {
        OWN: make_ruler(bundle.mapping, bundle.mapping),
        COMMON: make_ruler(bundle.mapping, common, "sum", reading),
        COMMON_ARGMAX: make_ruler(bundle.mapping, common, "argmax"),
    }


def in_all(models: Sequence[SavedModel]) -> tuple[str, ...]:
    """Return the images that every model has in its split, in the order of the first."""
    others = [set(model.split.ids) for model in models[1:]]
    return tuple(name for name in models[0].split.ids if all(name in ids for ids in others))


def left_out(models: Sequence[SavedModel], ids: Sequence[str]) -> Iterator[str]:
    """Say how many images of the splits are not in all of them."""
    left = {name for model in models for name in model.split.ids} - set(ids)
    if left:
        yield (
            f"{counted(len(left), 'image')} of the split {'is' if len(left) == 1 else 'are'} left "
            "out: held out for one model, and seen by the tuning of another"
        )


def seen_images(
    project: Path,
    config: Config,
    model: SavedModel,
    split: str,
    ids: Sequence[str],
    caching: Callable[[int, int], None],
) -> Iterator[str]:
    """Say which of the images training or tuning of a model has seen, as far as that is known."""
    if model.bundle.origin.get("dataset_hash") is None:
        yield (
            f"{model.name}: does not say what data it was trained on: whether it has seen these "
            "images is not known"
        )
        return
    if other := other_data(model.bundle, model.dataset):
        yield f"{model.name}: {other}"
        return
    data = config.data.model_copy(update={"heldout_by": "auto"})  # that is, as in its study
    as_trained = config.model_copy(update={"data": data})
    own, _ = data_for(project, as_trained, model.bundle, split, caching)
    for what, images in (("training", own.train.ids), ("tuning", own.val.ids)):
        if count := len(set(ids) & set(images)):
            yield (
                f"{model.name}: its {what} saw {count} of these {len(ids)} images, which flatter it"
            )
