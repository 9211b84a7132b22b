"""What came out of comparing saved models: the statistics of an A/B study with one run of each arm.

models on the images that all can be scored on -> a confusion matrix for each image and model -> the
common space's scores, with intervals over the images (`segexp.compare.statistics`), and pictures
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segexp.compare.page.models_page import LUCK
from segexp.compare.saved_models import (
    SavedModel,
    in_all,
    left_out,
    open_models,
    seen_images,
)
from segexp.compare.statistics.arms import ArmRuns, PairComparison, compare_arms
from segexp.compare.statistics.groups import class_groups
from segexp.compare.statistics.verdict import few_runs_caveat
from segexp.core.config import Config
from segexp.data.open import describe_data
from segexp.data.warnings import data_warnings
from segexp.evaluation.evaluate import evaluate, evaluate_split
from segexp.evaluation.metrics import COMMON, miou
from segexp.evaluation.sizes import size_text
from segexp.evaluation.statistics.clusters import Clusters, make_clusters
from segexp.evaluation.statistics.intervals import miou_interval
from segexp.labels.mapping import Mapping
from segexp.report.gallery import Compared
from segexp.report.gallery_pictures import Scene
from segexp.training.bundle import Bundle
from segexp.training.compute import Compute, choose_compute

MARGIN = 0.01
"""Of the verdicts that are made on the way; they are not shown."""


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """What came out of comparing M models on N images.

    Attributes:
        data: What the data is, in one line.
        split: The split's name, as it was asked for.
        size: The size they were scored at, for people.
        image_ids: The images that all models were scored on.
        scores: The mIoU of each in the common space, and the ends of its 95% interval over the
            images, as `segexp evaluate` gives them.
        pairs: Each later model against the first.
        warnings: Of the data, and of images that a model has seen.
        shown: What a gallery shows of it.
    """

    data: str
    split: str
    size: str
    image_ids: tuple[str, ...]
    common: Mapping
    models: tuple[SavedModel, ...]
    scores: tuple[tuple[float, float, float], ...]
    pairs: tuple[PairComparison, ...]
    warnings: tuple[str, ...]
    shown: Compared

    @property
    def caveats(self) -> tuple[str, ...]:
        """The limits of the differences, a sentence or two each, as of arms with one run."""
        caveats = dict.fromkeys(caveat for pair in self.pairs for caveat in pair.caveats)
        of_arms = few_runs_caveat(1, "runs")
        return tuple(LUCK if caveat == of_arms else caveat for caveat in caveats)


def compare_models(
    project: Path,
    config: Config,
    bundles: Sequence[tuple[str, Bundle]],
    *,
    split: str,
    full_size: bool | None,
    caching: Callable[[int, int], None],
) -> ModelComparison:
    """Score models on the images of a split that all of them can be scored on.

    The arguments are those of `segexp.compare.saved_models.open_models`.

    Raises:
        InputError: What that raises, or when there are fewer than two images.
    """
    models, common, at_own = open_models(project, config, bundles, split, full_size, caching)
    ids, dataset = in_all(models), models[0].dataset
    clusters = make_clusters("auto", ids, dataset.format_of(models[0].split))
    compute = choose_compute(config.training.precision)
    arms = [_scored(model, ids, compute, at_own=at_own) for model in models]
    matrices = [arm.common[0] for arm in arms]
    warnings = [*data_warnings(dataset, [common]), *left_out(models, ids)]
    for model in models:
        warnings += seen_images(project, config, model, split, ids, caching)
    return ModelComparison(
        data=describe_data(dataset),
        split=split,
        size=size_text(dataset, at_own=at_own),
        image_ids=ids,
        common=common,
        models=models,
        scores=tuple((miou(m.sum(axis=0)), *miou_interval(m, clusters)) for m in matrices),
        pairs=_against_first(arms, models, common, clusters),
        warnings=tuple(warnings),
        shown=_shown(models, arms, ids, common, compute),
    )


def _scored(model: SavedModel, ids: Sequence[str], compute: Compute, *, at_own: bool) -> ArmRuns:
    compute.place(model.bundle.model)
    found = evaluate_split(
        model.bundle.model,
        model.split,
        model.rulers,
        preprocessing=model.bundle.preprocessing,
        compute=compute,
        own_labels=model.labels if at_own else None,
    )
    places = {name: place for place, name in enumerate(model.split.ids)}
    chosen = [places[name] for name in ids]
    own, common, by_argmax = (found.confusions[ruler][None, chosen] for ruler in model.rulers)
    return ArmRuns(model.name, own, common, by_argmax)


def _against_first(
    arms: Sequence[ArmRuns], models: Sequence[SavedModel], common: Mapping, clusters: Clusters
) -> tuple[PairComparison, ...]:
    pairs = compare_arms(
        arms,
        common.names,
        np.zeros(1, np.int64),
        clusters,
        MARGIN,
        unit="runs",
        class_groups=class_groups([model.bundle.mapping for model in models], common),
        one_run=True,
    )
    return tuple(pair for pair in pairs if pair.a == arms[0].name)


def _shown(
    models: Sequence[SavedModel],
    arms: Sequence[ArmRuns],
    ids: Sequence[str],
    common: Mapping,
    compute: Compute,
) -> Compared:
    places = [{name: i for i, name in enumerate(model.split.ids)} for model in models]
    lookup = common.lookup()

    def scene(place: int) -> Scene:
        name = ids[place]
        own = [of_model[name] for of_model in places]
        predictions = [_predicted(model, i, compute) for model, i in zip(models, own, strict=True)]
        largest = max(
            zip(models, own, strict=True), key=lambda pair: pair[0].split.size(pair[1])[1]
        )
        return Scene(
            largest[0].split.image(largest[1]), lookup[models[0].labels(own[0])], predictions
        )

    return Compared(
        models=[model.name for model in models],
        classes=common.names,
        colors=common.colors,
        image_ids=ids,
        matrices=np.stack([arm.common[0] for arm in arms]),
        scene=scene,
    )


def _predicted(model: SavedModel, place: int, compute: Compute) -> NDArray[np.uint8]:
    """Predict one image again, in the common space: all masks of a split may not fit in memory."""
    image = torch.from_numpy(np.array(model.split.image(place))).permute(2, 0, 1)[None]
    labels = torch.from_numpy(np.array(model.labels(place)))[None]
    found = evaluate(
        model.bundle.model,
        [(image, labels)],
        [model.split.ids[place]],
        {COMMON: model.rulers[COMMON]},
        preprocessing=model.bundle.preprocessing,
        compute=compute,
        keep_predictions=True,
    )
    return found.predictions[COMMON][0]


def comparison_to_dict(found: ModelComparison) -> dict[str, Any]:
    """Return plain values for JSON; NaN where something is unknown."""
    against = {pair.b: pair for pair in found.pairs}
    models = []
    for place, (model, score) in enumerate(zip(found.models, found.scores, strict=True)):
        bundle, (value, *interval) = model.bundle, score
        row: dict[str, Any] = {
            "name": model.name,
            "mapping": bundle.mapping.name,
            "arch": bundle.arch,
            "encoder": bundle.encoder,
            "miou_common": value,
            "interval": interval,
        }
        if place:
            pair = against[model.name].to_dict()
            row |= {key: pair[key] for key in ("delta", "level")}
            row |= {"delta_interval": pair["interval"], "per_class": pair["per_class"]}
        models.append(row)
    return {
        "data": found.data,
        "split": found.split,
        "size": found.size,
        "images": len(found.image_ids),
        "common_space": list(found.common.names),
        "models": models,
        "caveats": list(found.caveats),
        "warnings": list(found.warnings),
    }
