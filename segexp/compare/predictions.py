"""Arms that are folders of masks from any tool: the answer of `segexp ab` without training.

names and folders -> a matrix for each image and run (`segexp.compare.mask_counts`) -> the same
comparison as for trained arms. Neither torch, Optuna nor MLflow is loaded.
"""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.compare.described_arms import described_arm, described_space, draw_scenes
from segexp.compare.mask_counts import (
    CountedMasks,
    MaskArm,
    Truth,
    common_decision,
    count_masks,
    unreadable_masks,
)
from segexp.compare.mask_folders import find_runs, named_as, paired_names, unmatched
from segexp.compare.page.pictures import ArmScene
from segexp.compare.shown_images import ShownImages, arms_galleries
from segexp.compare.statistics.arms import ArmRuns, common_scores, compare_arms
from segexp.compare.statistics.groups import class_groups
from segexp.compare.version import VERSION
from segexp.core.errors import InputError, collected
from segexp.core.files import name_fault
from segexp.data.threads import Progress
from segexp.evaluation.protocols import protocol_answer, protocol_scores
from segexp.evaluation.statistics.bootstrap import Estimate
from segexp.evaluation.statistics.clusters import Clusters, make_clusters
from segexp.labels.mapping import Mapping, common_space
from segexp.report.gallery import Files

RESAMPLES = 10_000


@dataclass(frozen=True)
class MaskStudy:
    """Arms of decided masks, ready to be counted.

    Attributes:
        arms: Two or more.
        run_names: The names of the pairs of runs; one empty name for a single run.
        caveats: Known limits of the answer.
    """

    name: str
    arms: tuple[MaskArm, ...]
    truth: Truth
    common: Mapping
    run_names: tuple[str, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class MaskAnswer:
    """The answer of a comparison of masks.

    Attributes:
        result: The content of ``ab_result.json``.
        scenes: The images on which the last arm gains or loses most against the first.
        galleries: The pages with the images side by side, and what they lead to, by name.
    """

    result: dict[str, Any]
    scenes: tuple[ArmScene, ...]
    galleries: Files


def plan_masks(
    name: str, folders: Dict[str, Path], mappings: Dict[str, Mapping], truth: Truth
) -> MaskStudy:
    """Find the masks of every arm, and refuse what does not match.

    Args:
        folders: The folder of each arm, by the arm's name.
        mappings: The mapping of each arm's classes, likewise.

    Raises:
        InputError: With every fault: folders that are missing, empty or given twice, images without
            a mask in any run, masks without an image, runs that cannot be paired, mappings over
            different taxonomies.
    """
    fault = name_fault("name", name)
    faults = [f"{fault}; name it with --study-name"] if fault else []
    if len(folders) < 2:
        faults.append(
            f"--predictions: {len(folders)} arm; give two or more, as in --predictions A=DIR "
            "--predictions B=DIR"
        )
    seen: dict[Path, str] = {}
    for arm, folder in folders.items():
        other = seen.setdefault(folder.resolve(), arm)
        if other != arm:
            faults.append(f"--predictions {arm}={folder}: is also the folder of {other}")
    arms: list[MaskArm] = []
    for arm, folder in folders.items():
        with collected(faults):
            runs = named_as({*truth.ids, *truth.others}, find_runs(folder))
            arms.append(MaskArm(arm, mappings[arm], runs))
            for run, files in enumerate(runs.files):
                faults += unmatched(truth.ids, truth.others, truth.where, files, runs.place(run))
    if faults:
        faults += unreadable_masks(arms, truth)
    common: Mapping | None = None
    with collected(faults):
        common = common_space([mappings[arm] for arm in folders])
    names: tuple[str, ...] = ()
    caveat: str | None = None
    if len(arms) == len(folders) >= 2:
        with collected(faults):
            names, caveat = paired_names({arm.name: arm.runs for arm in arms})
    if faults or common is None:
        raise InputError(faults)
    return MaskStudy(name, tuple(arms), truth, common, names, (caveat,) if caveat else ())


def compare_masks(
    study: MaskStudy, cluster: str, margin: float, progress: Progress | None = None
) -> MaskAnswer:
    """Count all masks, and compare the arms as trained arms are compared.

    Args:
        cluster: How the images are grouped for resampling: see
            `segexp.evaluation.statistics.clusters`.
        progress: Called with how many images are counted, and of how many.

    Raises:
        InputError: With every fault of the masks; or when the images cannot be clustered as asked.
    """
    clusters = make_clusters(cluster, study.truth.ids, study.truth.data_format)
    counted = count_masks(study.arms, study.truth, study.common, progress)
    runs = [arm.as_runs(of.name) for arm, of in zip(counted.arms, study.arms, strict=True)]
    result = _result(study, counted, runs, clusters, margin)
    return MaskAnswer(
        result,
        tuple(draw_scenes(runs, study.common, _shown(study, 0))),
        arms_galleries(
            study.name,
            runs,
            study.common,
            dict(enumerate(study.run_names)),
            lambda run: _shown(study, run),
        ),
    )


def _result(
    study: MaskStudy,
    counted: CountedMasks,
    runs: Sequence[ArmRuns],
    clusters: Clusters,
    margin: float,
) -> dict[str, Any]:
    groups = np.arange(len(study.run_names), dtype=np.int64)
    one_run = len(groups) == 1
    names = study.common.names
    pairs = compare_arms(
        runs,
        names,
        groups,
        clusters,
        margin,
        unit="runs",
        about=_about(len(groups)),
        class_groups=class_groups([arm.mapping for arm in study.arms], study.common),
        one_run=one_run,
        resamples=RESAMPLES,
    )
    scores = common_scores(runs, groups, clusters, one_run=one_run, resamples=RESAMPLES)
    caveats = [*study.caveats]
    if counted.same:
        caveats.append("The masks of all arms are equal in the common classes.")
    caveats.append(
        "Masks hold decided classes: only the argmax rule of collapse applies, and it is the "
        "headline."
    )
    size = max(counted.sizes, key=lambda s: counted.sizes[s])
    return {
        "version": VERSION,
        "name": study.name,
        "mode": "predictions",
        "design": {"mode": "predictions"},
        "data": study.truth.name,
        "truth": study.truth.where,
        "image_size": list(size),
        "image_sizes": [[*s, n] for s, n in sorted(counted.sizes.items())],
        "heldout_from": study.truth.heldout_from,
        "images": len(study.truth.ids),
        "clusters": {"kind": clusters.kind, "count": len(clusters.names)},
        "seeds": [],
        "runs": [{"run": name} for name in study.run_names] if not one_run else [],
        "candidates": [],
        "margin": margin,
        "resamples": RESAMPLES,
        "caveats": caveats,
        "common_space": described_space(study.common),
        "arms": [
            _arm(arm, of_arm, study.common, found, counted.pixels)
            for arm, of_arm, found in zip(study.arms, runs, scores, strict=True)
        ],
        "pairs": [_one_rule(pair.to_dict()) for pair in pairs],
        "protocols": _protocols(study, counted),
    }


def _about(runs: int) -> str:
    """Say what an answer is about: only these networks, if each arm has one run."""
    return (
        "On one run of each arm, only these networks"
        if runs == 1
        else f"On {runs} runs of each arm"
    )


def _one_rule(pair: dict[str, Any]) -> dict[str, Any]:
    """Keep only the rule that applies to decided masks."""
    return {**pair, "rules": {"argmax": pair["rules"]["argmax"]}, "decision_rule": None}


def _arm(
    arm: MaskArm, runs: ArmRuns, common: Mapping, found: Estimate, pixels: NDArray[np.int64]
) -> dict[str, Any]:
    return {
        "name": arm.name,
        "mapping": arm.mapping.name,
        "folder": str(arm.runs.directory),
        "folders": list(arm.runs.names),
        "classes": len(arm.mapping.classes),
        "params": None,
        "configs": 1,
        "search": None,
        "winner": None,
        "run_ids": [],
        **described_arm(runs, arm.mapping, common, found, pixels),
    }


def _protocols(study: MaskStudy, counted: CountedMasks) -> dict[str, Any]:
    """Score the arms by every protocol, in their own spaces and in the common one."""
    arms = list(zip(study.arms, counted.arms, strict=True))
    own = {a.name: protocol_scores(c.counts(a.mapping, own=True)) for a, c in arms}
    common = {a.name: protocol_scores(c.counts(study.common, own=False)) for a, c in arms}
    return protocol_answer(
        own, common, ["at another size, because masks are counted at their own size."]
    )


def _shown(study: MaskStudy, run: int) -> ShownImages:
    truth, common = study.truth, study.common
    read_image = truth.read_image
    return ShownImages(
        truth.ids,
        image_of=lambda i: read_image(truth.ids[i]) if read_image else None,
        labels_of=lambda i: truth.read_labels(truth.ids[i]),
        decided=lambda i: [common_decision(arm, run, truth.ids[i], common) for arm in study.arms],
    )
