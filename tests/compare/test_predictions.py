"""Folders of masks compared: by scikit-learn from the pixels, and by the comparison of arms."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from segexp.compare.folder_truth import folder_truth
from segexp.compare.predictions import plan_masks
from segexp.core.errors import InputError
from segexp.labels.mapping import collapse_lookup, common_space
from tests.compare.mask_example import (
    COARSE,
    FINE,
    VOID,
    compared,
    lay_out,
    predict,
    truths,
    write,
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return lay_out(tmp_path_factory.mktemp("masks"))


@pytest.fixture(scope="module")
def result(folders: dict[str, Path]) -> dict[str, Any]:
    return compared(folders)


def _miou(truth: np.ndarray, guess: np.ndarray) -> float:
    there = sorted(set(truth[truth != VOID].tolist()))
    scored = truth != VOID
    return float(jaccard_score(truth[scored], guess[scored], labels=there, average="macro"))


def test_every_score_is_what_scikit_learn_makes_of_the_pixels(result: dict[str, Any]) -> None:
    raw = np.stack(list(truths().values()))
    common = common_space([FINE, COARSE])
    for arm, mapping, share, seed in (("a", FINE, 0.3, 0), ("b", COARSE, 0.1, 100)):
        decided = np.stack([predict(r, mapping, share, seed + i) for i, r in enumerate(raw)])
        (said,) = [found for found in result["arms"] if found["name"] == arm]
        assert said["native"]["mean"] == pytest.approx(_miou(mapping.lookup()[raw], decided))
        collapsed = collapse_lookup(mapping, common)[decided]
        expected = _miou(common.lookup()[raw], collapsed)
        assert said["common"]["mean"] == said["common_argmax"]["mean"] == pytest.approx(expected)
        assert said["mapping"] == mapping.name
    (pair,) = result["pairs"]
    scores = [arm["common"]["mean"] for arm in result["arms"]]
    assert pair["delta"] == pytest.approx(scores[1] - scores[0])
    assert sum(pair["decomposition"][k] for k in ("ruler_a", "training", "ruler_b")) == (
        pytest.approx(pair["decomposition"]["native_gap"])
    )


def test_the_answer_is_of_decided_masks_and_says_so(result: dict[str, Any]) -> None:
    assert (result["mode"], result["images"], result["seeds"]) == ("predictions", 8, [])
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    (pair,) = result["pairs"]
    assert list(pair["rules"]) == ["argmax"]
    assert any("only the argmax rule" in caveat for caveat in result["caveats"])
    assert any("one run" in caveat for caveat in pair["caveats"])


def test_one_run_in_a_sub_folder_or_not_is_the_same(
    folders: dict[str, Path], result: dict[str, Any], tmp_path: Path
) -> None:
    for arm in ("a", "b"):
        shutil.copytree(folders[arm], tmp_path / arm / "only")
    moved = compared({"truth": folders["truth"], "a": tmp_path / "a", "b": tmp_path / "b"})
    assert moved["pairs"] == result["pairs"]


def test_arms_that_predict_the_same_are_equivalent_without_any_doubt(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders["b"], tmp_path / "a")
    same = compared(
        {"truth": folders["truth"], "a": tmp_path / "a", "b": folders["b"]},
        {"a": COARSE, "b": COARSE},
    )
    (pair,) = same["pairs"]
    assert (pair["delta"], pair["interval"], pair["verdict"]) == (0.0, [0.0, 0.0], "equivalent")
    assert "The masks of all arms are equal in the common classes." in same["caveats"]


def test_void_that_is_predicted_is_wrong_where_the_truth_is_not_void(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    for name, raw in truths().items():
        perfect = COARSE.lookup()[raw]  # 255 where the truth is void, and that alone
        write(tmp_path / "a" / f"{name}.png", perfect)
        write(tmp_path / "b" / f"{name}.png", np.where(perfect == 5, VOID, perfect))  # no sky
    found = compared(
        {"truth": folders["truth"], "a": tmp_path / "a", "b": tmp_path / "b"},
        {"a": COARSE, "b": COARSE},
    )
    a, b = found["arms"]
    assert a["common"]["mean"] == 1.0
    assert (b["iou_common"]["sky"], b["iou_common"]["road"]) == (0.0, 1.0)
    rows = {row["key"]: row["scores"] for row in found["protocols"]["common"]}
    assert rows["void_error"]["a"] == rows["void_class"]["a"] == 1.0
    assert rows["micro"]["b"] < 1.0


def test_runs_are_compared_in_pairs_by_their_names(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    for run in range(3):
        for i, (name, raw) in enumerate(truths().items()):
            seed = 1000 * run + i
            write(tmp_path / "a" / f"seed{run}" / f"{name}.png", predict(raw, FINE, 0.3, seed))
            write(tmp_path / "b" / f"seed{run}" / f"{name}.png", predict(raw, COARSE, 0.1, seed))
    found = compared({"truth": folders["truth"], "a": tmp_path / "a", "b": tmp_path / "b"})
    assert [run["run"] for run in found["runs"]] == ["seed0", "seed1", "seed2"]
    (pair,) = found["pairs"]
    assert pair["runs"] == 3
    a, b = (arm["common"]["runs"] for arm in found["arms"])
    assert pair["delta"] == pytest.approx(np.mean(np.array(b) - np.array(a)))
    assert not any("one run" in caveat for caveat in pair["caveats"])


def test_every_fault_of_folders_and_names_is_listed_together(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    truth = folder_truth(folders["truth"], FINE.taxonomy, "folder")
    arms = {"a": folders["a"], "b": folders["a"], "c": tmp_path / "none", "d": tmp_path}
    with pytest.raises(InputError) as caught:
        plan_masks("masks", arms, dict.fromkeys(arms, FINE), truth)
    text = str(caught.value)
    assert "is also the folder of a" in text
    assert f"{tmp_path / 'none'}: no such folder" in text
    assert f"{tmp_path}: no masks in it" in text
