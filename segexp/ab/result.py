"""The answer of an A/B study: the content of ``ab_result.json``, its tables and its pictures."""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.ab.plan import AbPlan
from segexp.ab.runs import FinalRuns
from segexp.ab.search import Search, luck_of_searches, unequal_searches
from segexp.arm_pictures import ArmScene, arm_comparison, choose_scenes
from segexp.comparison.arms import ArmRuns, common_scores, compare_arms, mean_iou
from segexp.comparison.bootstrap import Estimate, resampled_ious
from segexp.comparison.clusters import Clusters
from segexp.comparison.groups import class_groups
from segexp.confusions import load_predictions
from segexp.dataset.cache import Dataset, Split
from segexp.dataset.stats import label_pixels
from segexp.information import bits_kept, bits_lost
from segexp.mapping import Mapping
from segexp.metrics import score
from segexp.pictures import encode_png
from segexp.result import none_if_nan
from segexp.tracking import config_params

RESAMPLES = 10_000

VERSION = 2
"""Of ``ab_result.json``. Version 1 says none; its intervals are wrong where it has as many clusters
of images as groups of runs: both were drawn by the same numbers."""


def ab_result(
    plan: AbPlan,
    dataset: Dataset,
    searches: Sequence[Search],
    runs: FinalRuns,
    clusters: Clusters,
    margin: float,
) -> dict[str, Any]:
    """Compare the arms, and return everything that there is to say, as JSON holds it.

    Args:
        plan: The A/B study.
        dataset: Its data.
        searches: What the searches of tuned arms did, by arm; none for matched arms.
        runs: Its final trainings.
        clusters: How the held-out images are grouped for resampling.
        margin: A difference of mIoU that would not matter.
    """
    names = plan.common.names
    pairs = compare_arms(
        runs.arms,
        names,
        runs.groups,
        clusters,
        margin,
        unit=runs.unit,
        class_groups=class_groups(plan.mappings, plan.common),
        resamples=RESAMPLES,
    )
    scores = common_scores(runs.arms, runs.groups, clusters, resamples=RESAMPLES)
    caveats = [*luck_of_searches(searches), *unequal_searches(searches), *runs.lost]
    if dataset.heldout_from == "val":
        caveats.append(
            "The data has no test split: the held-out images are a half of val, and tuning saw "
            "the other half."
        )
    pixels = label_pixels(dataset.train)
    described = [
        {
            **_arm(plan, place, runs, found, pixels),
            "search": asdict(searches[place]) if searches else None,
        }
        for place, found in enumerate(scores)
    ]
    caveats += [note for arm in described if (note := _only_predicted(arm))]
    return {
        "version": VERSION,
        "name": plan.name,
        "mode": plan.mode,
        "data": dataset.name,
        "dataset_hash": dataset.hash,
        "image_size": list(dataset.image_size),
        "heldout_from": dataset.heldout_from,
        "images": len(dataset.heldout),
        "clusters": {"kind": clusters.kind, "count": len(clusters.names)},
        "seeds": list(plan.seeds),
        "runs": [dict(params) for params in runs.listed],
        "margin": margin,
        "resamples": RESAMPLES,
        "caveats": caveats,
        "common_space": {
            "name": plan.common.name,
            "classes": [
                {"name": c.name, "color": list(c.color), "labels": list(c.labels)}
                for c in plan.common.classes
            ],
            "void": list(plan.common.void_labels),
        },
        "arms": described,
        "pairs": [{**pair.to_dict(), "seeds": list(plan.seeds)} for pair in pairs],
    }


def _arm(
    plan: AbPlan, place: int, runs: FinalRuns, found: Estimate, pixels: NDArray[np.int64]
) -> dict[str, Any]:
    mapping, arm = plan.mappings[place], runs.arms[place]
    return {
        "mapping": mapping.name,
        "classes": len(mapping.classes),
        "params": _found_params(plan, place, runs),
        "configs": max(1, len(plan.configs)),
        "bits_kept": none_if_nan(bits_kept(mapping, pixels)),
        "bits_lost": none_if_nan(bits_lost(mapping, pixels)),
        "run_ids": list(runs.run_ids[place]),
        "native": _over_runs(arm.own),
        "common": _over_runs(arm.common),
        "common_argmax": _over_runs(arm.common_argmax),
        "interval_common": [none_if_nan(found.low), none_if_nan(found.high)],
        "iou_native": _ious(arm.own, mapping),
        "iou_common": _ious(arm.common, plan.common),
    }


def _only_predicted(arm: Dict[str, Any]) -> str | None:
    """Say so where networks predict classes of the common space that are not there to be found."""
    counts = arm["common"]["classes_predicted_only"]
    if not any(counts):
        return None
    return (
        f"Networks of {arm['mapping']} predict up to {max(counts)} of the common classes that no "
        "held-out image has. Such a class is in no mean: what is called so is missed elsewhere."
    )


def tables(result: Dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """Return the result as MLflow tables: by file name, columns of equal length."""
    arms, pairs = result["arms"], result["pairs"]
    per_class = [(pair, row) for pair in pairs for row in pair["per_class"]]
    return {
        "ab_arms.json": {
            "mapping": [arm["mapping"] for arm in arms],
            "classes": [arm["classes"] for arm in arms],
            "miou_native": [arm["native"]["mean"] for arm in arms],
            "miou_common": [arm["common"]["mean"] for arm in arms],
            "miou_common_argmax": [arm["common_argmax"]["mean"] for arm in arms],
            "bits_kept": [arm["bits_kept"] for arm in arms],
            "bits_lost": [arm["bits_lost"] for arm in arms],
        },
        "ab_pairs.json": {
            "a": [pair["a"] for pair in pairs],
            "b": [pair["b"] for pair in pairs],
            "delta": [pair["delta"] for pair in pairs],
            "low": [pair["interval"][0] for pair in pairs],
            "high": [pair["interval"][1] for pair in pairs],
            "verdict": [pair["verdict"] for pair in pairs],
            **{
                term: [pair["decomposition"][term] for pair in pairs]
                for term in ("native_gap", "ruler_a", "training", "ruler_b")
            },
        },
        "ab_classes.json": {
            "pair": [f"{pair['b']} - {pair['a']}" for pair, _ in per_class],
            **{
                key: [row[key] for _, row in per_class]
                for key in ("class", "group", "a", "b", "delta", "p_holm")
            },
            "low": [row["interval"] and row["interval"][0] for _, row in per_class],
            "high": [row["interval"] and row["interval"][1] for _, row in per_class],
        },
    }


def arm_scenes(runs: FinalRuns, split: Split, common: Mapping) -> list[ArmScene]:
    """Draw the images on which the last arm gains or loses most against the first.

    The differences are means over the runs; the predictions drawn are those of the first run.

    Args:
        runs: The final trainings.
        split: The held-out images.
        common: The common space.
    """
    by_arm = np.stack([_image_mious(arm) for arm in runs.arms])
    differences = by_arm[-1] - by_arm[0]
    chosen = choose_scenes(differences)
    predictions = [
        load_predictions(runs.predictions(place, 0)).common for place in range(len(runs.arms))
    ]
    names = [arm.name for arm in runs.arms]
    lookup = common.lookup()
    return [
        ArmScene(
            image_id=split.ids[i],
            difference=float(differences[i]),
            scores=tuple(float(v) for v in by_arm[:, i]),
            picture=encode_png(
                arm_comparison(
                    split.image(i),
                    lookup[split.label(i)],
                    [p[i] for p in predictions],
                    names,
                    common.colors,
                    common.names,
                    title="",
                )
            ),
        )
        for i in chosen
    ]


def _image_mious(arm: ArmRuns) -> NDArray[np.float64]:
    """Return the mIoU of each image in the common space, mean over the runs; shape (N,)."""
    each = resampled_ious(arm.common, np.eye(arm.common.shape[1]))
    return mean_iou(mean_iou(each))


def _over_runs(confusions: NDArray[np.int64]) -> dict[str, Any]:
    """Return the scores of the runs of an arm, (R, N, K, K + 1)."""
    scores = [score(run.sum(axis=0)) for run in confusions]
    return {
        "mean": none_if_nan(float(np.mean([s.miou for s in scores]))),
        "runs": [none_if_nan(s.miou) for s in scores],
        "classes_in_mean": scores[0].classes_in_mean,  # of the truth, which all runs share
        "classes_predicted_only": [s.classes_predicted_only for s in scores],
    }


def _ious(confusions: NDArray[np.int64], space: Mapping) -> dict[str, float | None]:
    """Return the IoU of each class that the truth has, mean over the runs."""
    ious = resampled_ious(confusions, np.ones((1, confusions.shape[1])))[0]
    means = mean_iou(ious.T)
    return {name: none_if_nan(iou) for name, iou in zip(space.names, means, strict=True)}


def _found_params(plan: AbPlan, place: int, runs: FinalRuns) -> dict[str, Any] | None:
    """Return the params that tuning found for an arm; None for matched arms, which share them."""
    if plan.mode == "matched":
        return None
    config = config_params(runs.configs[place])
    return {name: config[name] for name in plan.arms[place].space}
