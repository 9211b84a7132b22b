"""The same predictions by other conventions: by hand, and against scikit-learn."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import jaccard_score

from harness.project import ROOT
from segexp.evaluation.metrics import score
from segexp.evaluation.protocols import (
    PROTOCOLS,
    Counts,
    background_of,
    protocol_rows,
    protocol_scores,
    ranked_differently,
)
from segexp.labels.files import find_mapping, read_mappings

CLASSES = 4
NONE = CLASSES
VOID = 255
Labels = NDArray[np.int64]


def counted(truths: Labels, guesses: Labels, background: int | None = None) -> Counts:
    """Count pixel by pixel, slowly."""
    matrices = np.zeros((len(truths), CLASSES, CLASSES + 1), np.int64)
    void = np.zeros((len(truths), CLASSES + 1), np.int64)
    for image, (truth, guess) in enumerate(zip(truths, guesses, strict=True)):
        for t, g in zip(truth.tolist(), guess.tolist(), strict=True):
            if t == VOID:
                void[image, g] += 1
            else:
                matrices[image, t, g] += 1
    return Counts(matrices, void, background)


def by_scikit_learn(truths: Labels, guesses: Labels) -> dict[str, float]:
    """The same from another library, from the pixels themselves; class 0 is the background."""
    truth, guess = truths.ravel(), guesses.ravel()
    scored = truth != VOID
    true = [k for k in range(CLASSES) if (truth == k).any()]
    either = [k for k in range(CLASSES) if k in true or (guess[scored] == k).any()]

    def jaccard(t: Labels, g: Labels, labels: list[int], **options: Any) -> float:
        if not labels:
            return float("nan")
        return float(
            jaccard_score(
                t, g, labels=labels, **{"average": "macro", "zero_division": 0, **options}
            )
        )

    every = list(range(CLASSES))
    t, g = truth[scored], guess[scored]
    with_void = np.where(truth == VOID, NONE, truth)
    images = [
        jaccard(own[own != VOID], its[own != VOID], sorted({*own.tolist()} - {VOID}))
        for own, its in zip(truths, guesses, strict=True)
    ]
    defined = [v for v in images if not np.isnan(v)]
    return {
        "segexp": jaccard(t, g, true),
        "predicted_too": jaccard(t, g, either),
        "absent_0": jaccard(t, g, every),
        "absent_1": jaccard(t, g, every, zero_division=1),
        "void_error": jaccard(with_void, guess, true),
        "void_class": jaccard(with_void, guess, [*true, *([NONE] if (~scored).any() else [])]),
        "without_background": jaccard(t, g, [k for k in true if k > 0]),
        "image_mean": float(np.mean(defined)) if defined else float("nan"),
        "micro": jaccard(t, g, every if true else [], average="micro"),
        "frequency": jaccard(t, g, every if true else [], average="weighted"),
    }


def pixels(of: list[int]) -> st.SearchStrategy[Labels]:
    row = st.lists(st.sampled_from(of), min_size=6, max_size=6)
    return st.lists(row, min_size=3, max_size=3).map(lambda rows: np.array(rows, np.int64))


@settings(max_examples=60, deadline=None)
@given(pixels([0, 1, 2, 3, VOID]), pixels([0, 1, 2, 3, NONE]))
def test_every_protocol_scores_as_scikit_learn_does(truths: Labels, guesses: Labels) -> None:
    found = protocol_scores([counted(truths, guesses, background=0)])
    expected = by_scikit_learn(truths, guesses)
    assert found.keys() == expected.keys() == {p.key for p in PROTOCOLS}
    for key, value in expected.items():
        # All classes absent: over all of them there is a mean, over the true ones there is none.
        assert found[key] == (None if np.isnan(value) else pytest.approx(value, abs=1e-12)), key


@settings(max_examples=30, deadline=None)
@given(pixels([0, 1, 2, 3, VOID]), pixels([0, 1, 2, 3, NONE]))
def test_the_first_protocol_is_the_score_of_everything_else(
    truths: Labels, guesses: Labels
) -> None:
    counts = counted(truths, guesses)
    own = score(counts.matrices.sum(axis=0)).miou
    found = protocol_scores([counts])["segexp"]
    assert found == (None if np.isnan(own) else own)


def test_two_images_by_hand() -> None:
    truths = np.array([[0, 0, 0, 1], [1, 1, VOID, VOID]])
    guesses = np.array([[0, 0, 1, 1], [1, 2, 1, NONE]])
    found = protocol_scores([counted(truths, guesses)])
    # Class 0: 2 of 3. Class 1: 2 right, 3 true, 3 predicted, so 2 of 4. Class 2: predicted, 0 of 1.
    assert found == {
        "segexp": pytest.approx((2 / 3 + 1 / 2) / 2),
        "predicted_too": pytest.approx((2 / 3 + 1 / 2 + 0) / 3),
        "absent_0": pytest.approx((2 / 3 + 1 / 2 + 0 + 0) / 4),
        "absent_1": pytest.approx((2 / 3 + 1 / 2 + 0 + 1) / 4),
        "void_error": pytest.approx((2 / 3 + 2 / 5) / 2),  # one void pixel is called 1
        "void_class": pytest.approx((2 / 3 + 2 / 5 + 1 / 2) / 3),  # of two void pixels one is none
        "without_background": None,
        "image_mean": pytest.approx(((2 / 3 + 1 / 2) / 2 + 1 / 2) / 2),
        "micro": pytest.approx(4 / (3 + 4 + 1)),
        "frequency": pytest.approx((3 * 2 / 3 + 3 * 1 / 2) / 6),
    }


def test_unknown_values_are_stated_and_not_made_up() -> None:
    counts = counted(np.array([[0, 1, 2, 3]]), np.array([[0, 1, 2, 2]]))
    without_void = Counts(counts.matrices, None)
    rows = {r["key"]: r for r in protocol_rows({"a": protocol_scores([without_void])})}
    assert rows["void_error"]["scores"] == {"a": None}
    assert rows["void_error"]["missing"] == "the predictions on void pixels are not known"
    assert rows["segexp"]["missing"] is None
    assert "without_background" not in rows
    # One run of two without void counts: a mean over the other would be of other runs.
    assert protocol_scores([counts, without_void])["void_error"] is None


def test_several_runs_are_scored_separately_and_averaged() -> None:
    right = counted(np.array([[0, 1, 2, 3]]), np.array([[0, 1, 2, 3]]))
    wrong = counted(np.array([[0, 1, 2, 3]]), np.array([[1, 0, 3, 2]]))
    assert protocol_scores([right, wrong])["segexp"] == 0.5


def test_the_background_is_the_class_of_the_unlabelled_or_one_named_background() -> None:
    found = {m.name: background_of(m) for m in read_mappings(ROOT).mappings}
    assert found["merged10"] is found["cityscapes19"] is None
    assert found["merged10_background"] == 10  # called background; holds what merged10 drops
    merged = find_mapping(ROOT, "merged10")
    rest = replace(merged.classes[3], name="rest", labels=("void",))
    assert background_of(replace(merged, classes=(*merged.classes[:3], rest))) == 3


def _row(key: str, **scores: float | None) -> dict[str, Any]:
    return {"key": key, "title": key, "scores": scores}


def test_a_contradiction_between_protocols_is_stated_in_one_sentence() -> None:
    rows = [
        _row("segexp", a=0.50, b=0.52),
        _row("micro", a=0.80, b=0.79),
        _row("image_mean", a=0.60, b=0.585),
        _row("void_error", a=None, b=None),
    ]
    assert ranked_differently(rows) == (
        "By 'segexp' b scores 0.020 higher than a, by 'image_mean' 0.015 lower: which is ahead "
        "depends on the protocol."
    )


@pytest.mark.parametrize(
    "rows",
    [
        [_row("segexp", a=0.5, b=0.6), _row("micro", a=0.7, b=0.8)],
        [_row("segexp", a=0.5, b=0.6), _row("micro", a=0.70004, b=0.69996)],  # shown as equal
        [_row("segexp", a=0.5, b=0.6), _row("micro", a=0.7, b=None)],
    ],
)
def test_protocols_that_agree_say_nothing(rows: list[dict[str, Any]]) -> None:
    assert ranked_differently(rows) is None
