"""Which images a model loses most on: a case worked by hand."""

from pathlib import Path

import numpy as np

from segexp.evaluation.confusions import CONFUSIONS_FILE, Confusions, save_confusions
from segexp.evaluation.image_losses import image_losses, stored_confusions, worst
from segexp.evaluation.metrics import RULERS

MATRICES = np.array(
    [
        [[6, 2, 0], [1, 1, 0]],  # 3 of 10 wrong; class 0 loses 2 + 1, class 1 as many
        [[0, 0, 0], [0, 90, 10]],  # 10 of 100 wrong, to none; class 1 loses 10, class 0 nothing
        [[0, 0, 0], [0, 0, 0]],  # void alone
        [[5, 0, 0], [0, 5, 0]],  # all right
    ],
    np.int64,
)
IDS = ("a", "b", "void", "right")


def test_losses_are_the_share_that_is_wrong_and_by_class_what_is_missed_and_what_is_false() -> None:
    a, b, right = image_losses(IDS, MATRICES)
    assert (a.image, a.pixels, a.wrong) == ("a", 10, 0.3)
    assert (a.missed.tolist(), a.false.tolist(), a.lost.tolist()) == ([2, 1], [1, 2], [3, 3])
    assert (b.wrong, b.missed.tolist(), b.false.tolist()) == (0.1, [0, 10], [0, 0])
    assert right.wrong == 0


def test_the_worst_are_by_share_or_by_the_pixels_of_a_class_and_none_that_loses_nothing() -> None:
    losses = image_losses(IDS, MATRICES)
    assert [loss.image for loss in worst(losses, 10)] == ["a", "b"]
    assert [loss.image for loss in worst(losses, 10, 1)] == ["b", "a"]
    assert [loss.image for loss in worst(losses, 10, 0)] == ["a"]
    assert [loss.image for loss in worst(losses, 1)] == ["a"]


def test_matrices_beside_a_bundle_are_those_of_its_trial_where_they_have_its_classes(
    tmp_path: Path,
) -> None:
    bundle = tmp_path / "bundle"
    assert stored_confusions(bundle, "heldout", 2) is None
    left = Confusions(IDS, dict.fromkeys(RULERS, MATRICES))
    save_confusions(tmp_path / CONFUSIONS_FILE, {"heldout": left})
    found = stored_confusions(bundle, "heldout", 2)
    assert found is not None and found.image_ids == IDS
    assert stored_confusions(bundle, "heldout", 3) is None
    assert stored_confusions(bundle, "train", 2) is None
