"""The answer of an A/B study: the content of ``ab_result.json``, and what it shows of images."""

from collections.abc import Mapping as Dict
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.compare.candidate_scores import (
    by_origin,
    described_candidate,
    opposite_signs,
    scored_candidates,
    winner,
)
from segexp.compare.described_arms import described_arm, described_space
from segexp.compare.looks import Look
from segexp.compare.plan import AbPlan
from segexp.compare.runs import FinalRuns
from segexp.compare.search import Found, luck_of_searches, unequal_searches
from segexp.compare.shown_images import ShownImages
from segexp.compare.statistics.arms import common_scores, compare_arms
from segexp.compare.statistics.groups import class_groups
from segexp.compare.version import VERSION
from segexp.core.config_keys import flatten
from segexp.core.wording import counted
from segexp.data.cache import Dataset
from segexp.data.resize import resize_labels
from segexp.data.split import Split
from segexp.data.stats import label_pixels
from segexp.evaluation.confusions import load_predictions
from segexp.evaluation.metrics import COMMON
from segexp.evaluation.sizes import at_own_size, size_text
from segexp.evaluation.statistics.bootstrap import Estimate
from segexp.evaluation.statistics.clusters import Clusters
from segexp.tracking import config_params

RESAMPLES = 10_000


def ab_result(
    plan: AbPlan,
    dataset: Dataset,
    found: Found,
    runs: FinalRuns,
    *,
    clusters: Clusters,
    margin: float,
    look: Look,
) -> dict[str, Any]:
    """Compare the arms, and return the whole answer as plain values for JSON.

    Args:
        found: Its searches, and the configurations that all arms are compared on.
        clusters: How the held-out images are grouped for resampling.
        margin: A difference of mIoU that would not matter.
    """
    design, searches = plan.design, found.searches
    at_own = at_own_size(plan.config.data.scored_at, dataset)
    epochs = {arm.base.config.training.epochs for arm in plan.arms}
    candidates = scored_candidates(found.candidates, runs) if design.mode == "shared" else []
    pairs = compare_arms(
        runs.arms,
        plan.common.names,
        runs.groups,
        clusters,
        margin,
        unit=runs.unit,
        class_groups=class_groups(plan.mappings, plan.common),
        about=_about(plan, runs),
        looks=look.fractions,
        resamples=RESAMPLES,
    )
    scores = common_scores(runs.arms, runs.groups, clusters, resamples=RESAMPLES)
    caveats = [*unequal_searches(searches), *runs.caveats]
    if design.mode == "tuned":
        caveats = [*luck_of_searches(searches), *caveats]
    if dataset.report.heldout_of is not None:
        caveats.append(
            f"The held-out images are of another data set, {dataset.report.heldout_of}; training "
            f"and tuning saw {dataset.name} alone."
        )
    if dataset.heldout_from == "val":
        caveats.append(
            "The data has no test split: the held-out images are one half of val, and tuning saw "
            "the other half."
        )
    pixels = label_pixels(dataset.train)
    whole = [replace(s, params=plan.whole(place, s.params)) for place, s in enumerate(searches)]
    described = [
        {
            **_arm(plan, place, runs, estimate, pixels),
            "search": asdict(searches[place]) if searches else None,
            "winner": winner(place, whole[place], candidates, plan.points.key)
            if candidates
            else None,
        }
        for place, estimate in enumerate(scores)
    ]
    caveats += [note for arm in described if (note := _only_predicted(arm))]
    places = {arm.name: place for place, arm in enumerate(runs.arms)}
    seeds = list(dict.fromkeys(int(params["seed"]) for params in runs.listed))
    answers = [
        {**pair.to_dict(), "seeds": seeds, **by_origin(candidates, pair.a, pair.b, places)}
        for pair in pairs
    ]
    caveats = [*filter(None, map(opposite_signs, answers)), *caveats]
    return {
        "version": VERSION,
        "name": plan.name,
        "mode": design.mode,
        "options": [list(option) for option in plan.options],
        "design": {
            **asdict(design),
            "trials": plan.arms[0].base.study.trials if searches else None,
            "epochs": epochs.pop() if len(epochs) == 1 else None,  # None: the arms differ
        },
        "look": {**asdict(look), "fractions": list(look.fractions)},
        "data": dataset.name,
        "dataset_hash": dataset.hash,
        "image_size": list(dataset.image_size),
        "scored_at": size_text(dataset, at_own=at_own),
        "heldout_from": dataset.heldout_from,
        "heldout_of": dataset.report.heldout_of,
        "heldout_format": dataset.source.heldout_format,  # what the images' names say depends on it
        "images": len(dataset.heldout),
        "clusters": {"kind": clusters.kind, "count": len(clusters.names)},
        "seeds": seeds,
        "runs": [dict(params) for params in runs.listed],
        "candidates": [described_candidate(c, plan.names) for c in candidates],
        "margin": margin,
        "resamples": RESAMPLES,
        "caveats": caveats,
        "common_space": described_space(plan.common),
        "arms": described,
        "pairs": answers,
    }


def _about(plan: AbPlan, runs: FinalRuns) -> str:
    """Say what an answer is about: what the arms are compared on."""
    count = len(set(runs.groups.tolist()))
    if plan.design.mode == "tuned":
        return "On the one configuration that a search found in each arm"
    if count < 2 or runs.unit == "seeds":
        return "On one configuration"
    said = counted(count, "configuration", in_words=True)
    if plan.design.mode == "matched":
        rest = "the other" if count == 2 else f"{counted(count - 1, 'other', in_words=True)}"
        return f"On {said}, the baseline and {rest} drawn at random, whatever their scores"
    return f"On {said} that tuning found good in {'either' if len(plan.arms) == 2 else 'any'} arm"


def _arm(
    plan: AbPlan, place: int, runs: FinalRuns, found: Estimate, pixels: NDArray[np.int64]
) -> dict[str, Any]:
    mapping, arm = plan.mappings[place], runs.arms[place]
    return {
        "name": arm.name,
        "mapping": mapping.name,
        "settings": _settings(plan, place),
        "classes": len(mapping.classes),
        "params": _found_params(plan, place, runs),
        "configs": len(set(runs.groups.tolist())) if runs.unit == "configurations" else 1,
        "run_ids": list(runs.run_ids[place]),
        "seconds": list(runs.seconds[place]),
        **described_arm(arm, mapping, plan.common, found, pixels),
    }


def _settings(plan: AbPlan, place: int) -> dict[str, Any]:
    """Return what an arm has for every key that some arm fixes; "searched" where it searches it."""
    base = plan.arms[place].base
    own = flatten(base.config.to_dict())
    keys = dict.fromkeys(key for arm in plan.named for key in arm.own)
    return {k: "searched" if k.rpartition(".")[2] in base.space else own[k] for k in keys}


def _only_predicted(arm: Dict[str, Any]) -> str | None:
    """Return a note if networks predict common classes that the held-out images lack, else None."""
    counts = arm["common"]["classes_predicted_only"]
    if not any(counts):
        return None
    return (
        f"Networks of {arm['name']} predict up to {max(counts)} of the common classes that no "
        "held-out image has. Such a class is in no mean: its pixels count as missed elsewhere."
    )


def heldout_images(runs: FinalRuns, split: Split, run: int) -> ShownImages:
    """Return the held-out images, as resized, with what one run of each arm predicts.

    Raises:
        WorkError: When the predictions of one are missing or damaged.
    """
    predictions = [
        load_predictions(runs.predictions(place, run)).by[COMMON] for place in range(len(runs.arms))
    ]
    return ShownImages(
        split.ids,
        image_of=split.image,
        labels_of=split.label,
        decided=lambda i: [resize_labels(p[i], split.label(i).shape) for p in predictions],
    )


def _found_params(plan: AbPlan, place: int, runs: FinalRuns) -> dict[str, Any] | None:
    """Return the params of the winner that a tuned arm trained; None for other arms."""
    if plan.design.mode != "tuned":
        return None
    config = config_params(runs.configs[place])
    return {name: config[name] for name in plan.arms[place].base.space}
