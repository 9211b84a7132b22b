"""Results of A/B studies as ``ab_result.json`` holds them, made up but consistent."""

import itertools

import numpy as np

from harness.project import ROOT
from segexp.labels.files import find_mappings
from segexp.labels.mapping import common_space

PROJECT = ROOT
# What a common class scores in these arms, before its own noise.
SKILL = {"cityscapes19": 0.520, "merged10": 0.526, "categories7": 0.505}
# How much higher, or lower, an arm scores over its own classes where these are not the common ones.
RULER = {"cityscapes19": -0.115, "merged10": -0.031, "categories7": 0.052}
BITS = {"cityscapes19": (2.941, 0.0), "merged10": (2.403, 0.538), "categories7": (2.112, 0.829)}


def ab_example(arms=("cityscapes19", "merged10"), mode="tuned"):
    """A result of these arms: tuned, five seeds; else four configurations, matched x two seeds."""
    rng = np.random.default_rng(7)
    mappings = dict(zip(arms, find_mappings(PROJECT, list(arms)), strict=True))
    common = common_space(list(mappings.values()))
    seeds = {"tuned": [1, 2, 3, 4, 5], "matched": [1, 2], "shared": [71]}[mode]
    runs = [{"seed": seed} for seed in seeds]
    if mode != "tuned":
        rates = (0.0003, 0.001, 0.002, 0.004)
        runs = [
            {"learning_rate": r, "encoder": "resnet18", "seed": s} for r in rates for s in seeds
        ]
    per_class = rng.uniform(-0.3, 0.35, len(common.names))
    per_run = rng.normal(0, 0.012, len(runs))
    ious = {
        name: SKILL[name]
        + per_class
        + per_run[:, None]
        + rng.normal(0, 0.02, len(common.names))
        + rng.normal(0, 0.006, (len(runs), len(common.names)))
        for name in arms
    }
    made = [_arm(mappings[name], common, ious[name], mode, runs, rng) for name in arms]
    pairs = [_pair(a, b, len(runs)) for a, b in itertools.combinations(made, 2)]
    candidates = []
    if mode == "shared":
        candidates = [_candidate(place, run, made) for place, run in enumerate(runs)]
        for arm in made:
            arm["winner"] = {"trial": 7, "tuning": 0.5432, "heldout": arm["common"]["runs"][0]}
        for pair in pairs:
            scores = [[c["common"][pair[arm]] for c in candidates] for arm in "ab"]
            pair["differences"] = np.subtract(scores[1], scores[0]).tolist()
            pair["by_origin"] = {pair["a"]: -0.0123, pair["b"]: 0.0234}
    return {
        "name": "-".join(arms),
        "mode": mode,
        "design": {"mode": mode, "trials": 20},
        "candidates": candidates,
        "data": "synthetic 256x128",
        "dataset_hash": "3f1c9a7e5b2d4860",
        "image_size": [128, 256],
        "heldout_from": "test",
        "images": 240,
        "clusters": {"kind": "none", "count": 240},
        "seeds": seeds,
        "margin": 0.01,
        "resamples": 10_000,
        "caveats": [
            "1 of 6 final trainings of merged10 is not complete and left out of every arm."
        ],
        "common_space": {
            "name": common.name,
            "classes": [
                {"name": c.name, "color": list(c.color), "labels": list(c.labels)}
                for c in common.classes
            ],
        },
        "runs": runs,
        "arms": made,
        "pairs": pairs,
    }


def _arm(mapping, common, ious, mode, runs, rng):
    name = mapping.name
    scores = ious.mean(axis=1)
    own_is_common = mapping.hash == common.hash
    native = scores + (0 if own_is_common else RULER[name] + rng.normal(0, 0.002, len(scores)))
    spread = rng.uniform(-0.35, 0.3, len(mapping.names))
    argmax = scores - (0 if own_is_common else 0.002)
    params = {
        "encoder": "resnet18" if name == "merged10" else "mobilenet_v2",
        "arch": "FPN",
        "learning_rate": 0.00213 if name == "merged10" else 0.00104,
        "loss": "ce+dice",
        "loss_weighting": None,
    }
    return {
        "mapping": name,
        "classes": len(mapping.names),
        "params": params if mode == "tuned" else None,
        "configs": 1 if mode == "tuned" else 4,
        "bits_kept": BITS[name][0],
        "bits_lost": BITS[name][1],
        "run_ids": [f"{name}{run:026d}" for run in range(len(runs))],
        "native": {"mean": float(native.mean()), "runs": native.tolist()},
        "common": {"mean": float(scores.mean()), "runs": scores.tolist()},
        "common_argmax": {"mean": float(argmax.mean()), "runs": argmax.tolist()},
        "interval_common": [float(scores.mean()) - 0.016, float(scores.mean()) + 0.015],
        "iou_native": {
            c: float(v) for c, v in zip(mapping.names, native.mean() + spread, strict=True)
        },
        "iou_common": {c: float(v) for c, v in zip(common.names, ious.mean(axis=0), strict=True)},
    }


def _candidate(place, run, arms):
    """A candidate that the arms have named in turn."""
    return {
        "params": {name: value for name, value in run.items() if name != "seed"},
        "named_by": [arms[place % len(arms)]["mapping"]],
        "common": {arm["mapping"]: arm["common"]["runs"][place] for arm in arms},
    }


def _pair(a, b, runs):
    delta = b["common"]["mean"] - a["common"]["mean"]
    terms = {
        "native_gap": b["native"]["mean"] - a["native"]["mean"],
        "ruler_a": a["common"]["mean"] - a["native"]["mean"],
        "training": delta,
        "ruler_b": b["native"]["mean"] - b["common"]["mean"],
    }
    half = {"native_gap": 0.015, "ruler_a": 0.007, "training": 0.009, "ruler_b": 0.003}
    intervals = {k: [v - half[k], v + half[k]] if v else [0.0, 0.0] for k, v in terms.items()}
    argmax = b["common_argmax"]["mean"] - a["common_argmax"]["mean"]
    names = (b["mapping"], a["mapping"])
    gap = terms["native_gap"]
    rules = {
        "sum": _rule(terms, intervals, _verdict(intervals["training"])),
        "argmax": _rule(
            terms | {"training": argmax},
            intervals | {"training": [argmax - 0.009, argmax + 0.010]},
            _verdict([argmax - 0.009, argmax + 0.010]),
        ),
    }
    verdict = rules["sum"]["verdict"]
    return {
        "a": a["mapping"],
        "b": b["mapping"],
        "margin": 0.01,
        "detectable": 0.0314,
        "images": 240,
        "clusters": 240,
        "cluster_kind": "none",
        "runs": runs,
        "delta": delta,
        "interval": intervals["training"],
        "p": 0.21,
        "verdict": verdict,
        "decomposition": terms,
        "decomposition_intervals": intervals,
        "decision_rule": 0.0,
        "native": {"a": a["native"]["mean"], "b": b["native"]["mean"]},
        "common": {"a": a["common"]["mean"], "b": b["common"]["mean"]},
        "per_class": [
            _class(name, a["iou_common"][name], b["iou_common"][name]) for name in a["iou_common"]
        ],
        "rules": rules,
        "rules_agree": rules["argmax"]["verdict"] == verdict,
        "needed": {
            "images_factor": 2.4,
            "runs_factor": None,
            "text": "About 2.4 times as many held-out images would settle it; more seeds alone "
            "would not.",
        }
        if verdict == "not enough evidence"
        else None,
        "sentence": f"Of the {gap:.3f} that {names[0]} gains on {names[1]}, "
        f"{gap - delta:.3f} is the ruler and {delta:.3f} "
        f"[{delta - 0.009:.3f}, {delta + 0.009:.3f}] is the model: {verdict}.",
        "caveats": ["Five runs of each arm say little about how much runs differ."],
    }


def _rule(terms, intervals, verdict):
    return {
        "delta": terms["training"],
        "interval": intervals["training"],
        "verdict": verdict,
        "decomposition": terms,
        "decomposition_intervals": intervals,
    }


def _verdict(interval, margin=0.01):
    low, high = interval
    if -margin < low and high < margin:
        return "equivalent"
    return "better" if low > 0 else "worse" if high < 0 else "not enough evidence"


def _class(name, a, b):
    delta = b - a
    p = 2 * 0.5 ** (1 + (delta / 0.008) ** 2)
    return {
        "class": name,
        "a": a,
        "b": b,
        "delta": delta,
        "interval": [delta - 0.017, delta + 0.016],
        "p": p,
        "p_holm": min(1.0, 5 * p),
    }
