"""The scores of a saved model on data."""

from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Any, Literal

from segexp.api.models import Model
from segexp.api.projects import configured
from segexp.evaluation.rulers import CollapseRule
from segexp.evaluation.saved import ScoredBundle, evaluate_bundle
from segexp.labels.mapping import Mapping
from segexp.study.model_reference import find_bundle
from segexp.training.views import parse_views

Split = Literal["train", "val", "heldout", "test"]


def evaluate(
    model: Model | str | Path,
    data: str | Path | None = None,
    *,
    space: str | Mapping | None = None,
    split: Split = "heldout",
    rule: CollapseRule = "sum",
    full_size: bool | None = None,
    protocols: bool = False,
    tta: str | None = None,
    settings: Dict[str, Any] | None = None,
    project: str | Path | None = None,
) -> ScoredBundle:
    """Score a saved model, as ``segexp evaluate`` does.

    Args:
        model: What `segexp.load` returned, or what it takes.
        data: A folder of images and masks in any layout that segexp knows; by default the
            project's data.
        space: A mapping that coarsens the model's own, or its name; by default the model's own.
        split: ``train``, ``val`` (what tuning saw), ``heldout`` or ``test``.
        rule: How predictions collapse into the space: ``sum`` of probabilities, or ``argmax``.
        full_size: Whether to score at the masks' own size; by default as ``data.scored_at`` says.
        protocols: Whether to score by other conventions as well.
        tta: Test-time augmentation: ``flip,scales=0.75,1,1.25``.
        settings: Keys of `config.yaml`, or their last parts, with other values.
        project: A directory in the project; by default the current one.

    Returns:
        The scores, such as ``.scores["miou"]`` in 0..1, and a ``.table`` of the classes.

    Raises:
        InputError: When model, data and space do not fit, with every fault of the data.
    """
    root, config = configured(project, settings, data=data)
    reference = model.path if isinstance(model, Model) else model
    path = find_bundle(reference, lambda: (root, config))
    return evaluate_bundle(
        root,
        config,
        path,
        split=split,
        space=space,
        rule=rule,
        full_size=full_size,
        protocols=protocols,
        views=parse_views(tta),
        caching=lambda done, total: None,
    )
