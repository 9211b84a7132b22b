"""A saved model scored on a split of the project's data."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from segexp.core.config import Config
from segexp.core.errors import InputError, did_you_mean
from segexp.core.overrides import DATA_VARIABLE
from segexp.data.cache import Dataset
from segexp.data.open import describe_data, find_source, open_data
from segexp.data.sequences import places_of
from segexp.data.source import Source
from segexp.data.split import Split
from segexp.data.warnings import data_warnings
from segexp.evaluation.evaluate import Evaluation, evaluate_split
from segexp.evaluation.metrics import measure
from segexp.evaluation.protocols import Counts, background_of, protocol_rows, protocol_scores
from segexp.evaluation.rulers import CollapseRule, make_ruler
from segexp.evaluation.sizes import at_own_size, is_resized, own_labels, size_text
from segexp.evaluation.statistics.intervals import split_interval
from segexp.evaluation.tables import class_table
from segexp.labels.files import find_mapping
from segexp.labels.mapping import Mapping
from segexp.training.bundle import Bundle, load_bundle
from segexp.training.compute import choose_compute
from segexp.training.reading import AS_SOFTMAX, Reading
from segexp.training.views import ONE_VIEW, Views

SPLITS = ("train", "val", "heldout", "test")

_ASKED = "asked"
"""The name of the one ruler here."""


@dataclass(frozen=True)
class ScoredBundle:
    """Scores of a saved model.

    Attributes:
        data: What the data is, in one line.
        size: The size they were scored at, for people.
        tta: Test-time augmentation as ``--tta`` takes it; None without.
        rule: How predictions were collapsed into it.
        reading: How probabilities were read, for people; None where none were added.
        scores: What `segexp.evaluation.metrics.measure` returns.
        interval: Of the mIoU, for other images like these: ``low``, ``high`` (95%), ``clusters``
            (what was resampled) and ``caveat``. None for fewer than two images.
        table: Per class: iou, precision, recall, f1, pixels, images, predicted.
        calibration: How far its probabilities hold in the space, see
            `segexp.evaluation.calibration`: ``ece``, ``probabilities`` (how they were read, for
            people) and ``bins``, a table.
        protocols: The model's scores by other conventions, by size: ``rows`` of
            `segexp.evaluation.protocols.protocol_rows`, and ``missing``. None unless asked for.
    """

    data: str
    split: str
    images: int
    size: str
    tta: str | None
    mapping: str
    space: str
    rule: str
    reading: str | None
    scores: dict[str, float]
    interval: dict[str, Any] | None
    table: dict[str, list[Any]]
    warnings: tuple[str, ...]
    calibration: dict[str, Any]
    protocols: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        content = asdict(self)
        return {**content.pop("scores"), **content}


def evaluate_bundle(
    project: Path,
    config: Config,
    bundle_directory: Path,
    *,
    split: str,
    space: str | Mapping | None,
    rule: CollapseRule,
    full_size: bool | None,
    protocols: bool = False,
    views: Views = ONE_VIEW,
    caching: Callable[[int, int], None],
) -> ScoredBundle:
    """Score a saved model on a split of the configured data.

    Images are resized as the bundle says, whatever ``data.image_size`` is.

    Args:
        config: Its ``data`` section says which data.
        split: ``train``, ``val`` (what tuning sees), ``heldout`` (what it does not see), or
            ``test``: the held-out split, if the data has a test split.
        space: A mapping that coarsens the model's own, its name, or None for the model's own.
        full_size: Whether to score at the masks' own size; None to go by ``data.scored_at`` and by
            how the bundle resizes images.
        protocols: Whether to score by other conventions as well, at both sizes.
        views: Test-time augmentation.

    Raises:
        InputError: When bundle, data and space do not match.
    """
    faults = [
        f"{what} {value!r}: expected {', '.join(known)}{did_you_mean(value, known)}"
        for what, value, known in (("split", split, SPLITS), ("rule", rule, get_args(CollapseRule)))
        if value not in known
    ]
    if faults:
        raise InputError(faults)
    bundle = load_bundle(bundle_directory)
    target = bundle.mapping if space is None else space
    if isinstance(target, str):
        target = find_mapping(project, target)
    if target.taxonomy.hash != bundle.mapping.taxonomy.hash:
        raise InputError(
            f"--space {target.name}: maps the taxonomy {target.taxonomy.name}, but the model's "
            f"taxonomy is {bundle.mapping.taxonomy.name}"
        )
    ruler = make_ruler(bundle.mapping, target, rule, bundle.reading or AS_SOFTMAX)
    dataset, chosen = data_for(project, config, bundle, split, caching)
    other = other_data(bundle, dataset)
    compute = choose_compute(config.training.precision)
    model = compute.place(bundle.model)

    at_own = at_own_size(config.data.scored_at, dataset) if full_size is None else full_size
    sizes = {own: size_text(dataset, at_own=own) for own in (False, True)}

    def evaluated(at_own: bool) -> Evaluation:
        return evaluate_split(
            model,
            chosen,
            {_ASKED: ruler},
            preprocessing=bundle.preprocessing,
            compute=compute,
            own_labels=own_labels(dataset, chosen) if at_own else None,
            views=views,
            reliability_by=_ASKED,
        )

    evaluation = evaluated(at_own)
    by_protocol: dict[str, Any] | None = None
    if protocols:
        both = {at_own: evaluation}
        if is_resized(dataset):
            both[not at_own] = evaluated(not at_own)
        by_protocol = _by_protocol({sizes[own]: both[own] for own in sorted(both)}, target)
    return ScoredBundle(
        data=describe_data(dataset),
        split=split,
        images=len(chosen),
        size=sizes[at_own],
        tta=str(views) or None,
        mapping=bundle.mapping.name,
        space=target.name,
        rule=rule,
        reading=described(bundle.reading) if rule == "sum" and ruler.merges else None,
        scores=measure(evaluation.confusion(_ASKED)),
        interval=split_interval(evaluation.confusions[_ASKED], chosen, dataset),
        table=class_table(evaluation.confusions[_ASKED], target.names),
        warnings=(*data_warnings(dataset, [target]), *([f"the model {other}"] if other else [])),
        calibration=_calibration(evaluation, bundle.reading),
        protocols=by_protocol,
    )


def data_for(
    project: Path,
    config: Config,
    bundle: Bundle,
    split: str,
    caching: Callable[[int, int], None],
) -> tuple[Dataset, Split]:
    """Open the configured data as a saved model sees it, and one of its splits.

    Args:
        split: As `evaluate_bundle` takes it.

    Raises:
        InputError: When bundle and data do not match, or there is no such split.
    """
    source = find_source(project, config, [bundle.mapping], named_by=None)
    used = {
        "image_size": bundle.preprocessing.image_size,
        "resize": bundle.preprocessing.resize,
        "heldout_by": _halved_as(bundle, source, config.data.heldout_by),
    }
    config = config.model_copy(update={"data": config.data.model_copy(update=used)})
    dataset = open_data(project, config, source, caching)
    if split == "test" and dataset.heldout_from != "test":
        raise InputError("--split test: the data has no test split; --split heldout is half of val")
    chosen = {"train": dataset.train, "val": dataset.val}.get(split, dataset.heldout)
    return dataset, chosen


def other_data(bundle: Bundle, dataset: Dataset) -> str | None:
    """Say that a saved model was trained on other data; None if it was not, or does not say so."""
    name, digest = (bundle.origin.get(key) for key in ("dataset", "dataset_hash"))
    if digest in (None, dataset.hash):
        return None
    return (
        f"was trained on {name} ({digest}), and {dataset.root or dataset.name} has other data "
        f"({dataset.hash}): whether it has seen these images is not known; --data DIR or "
        f"{DATA_VARIABLE} names the folder on this host that has its own"
    )


def _calibration(evaluation: Evaluation, reading: Reading | None) -> dict[str, Any]:
    found = evaluation.reliability
    assert found is not None
    return {"ece": found.ece, "probabilities": described(reading), "bins": found.table()}


def _by_protocol(evaluations: dict[str, Evaluation], space: Mapping) -> dict[str, Any]:
    """Score evaluations, by the size that they are at, by every protocol."""
    scores = {
        size: protocol_scores(
            [Counts(found.confusions[_ASKED], found.voids[_ASKED], background_of(space))]
        )
        for size, found in evaluations.items()
    }
    missing = [] if len(scores) > 1 else ["at another size, because the masks have this size."]
    return {"rows": protocol_rows(scores), "missing": missing}


def _halved_as(bundle: Bundle, source: Source, asked: str) -> str:
    """Return how val is halved: as in this model's study, unless another rule is asked for.

    By another rule, half of the held-out images may be ones that the model was tuned on.
    """
    if asked != "auto" or not bundle.origin.get("dataset_hash"):
        return asked
    # Before there was a choice, val was halved by image.
    by = str(bundle.origin.get("heldout_by", "image") or "auto")
    ids = [sample.id for sample in source.splits.get("val", ())]
    if by in {"auto", "image"}:
        return by
    return by if len(set(places_of(by, ids, source.format) or ())) > 1 else asked


def described(reading: Reading | None) -> str:
    """Say how probabilities are read from a model's logits."""
    if reading is None:
        return "softmax; the bundle is from an earlier segexp and has no temperature"
    kind = "sigmoids of the focal loss" if reading.one_vs_rest else "softmax"
    weights = f", {reading.prior.weighting} weights divided out" if reading.prior else ""
    return f"{kind}, temperature {reading.temperature:.2f}{weights}"
