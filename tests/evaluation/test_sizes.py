from pathlib import Path

import numpy as np
import pytest

from harness.trees import camvid_like, opened, picture, raw_mask, save
from segexp.core.data_config import Factor, Resize, ScoredAt, ShortSide
from segexp.core.errors import InputError
from segexp.data.cache import Dataset, open_dataset
from segexp.evaluation.sizes import at_own_size, is_resized, own_labels, size_text

SIZES = {"train": (6, 8), "val": (12, 20), "test": (9, 8)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A split of each size."""
    root = tmp_path_factory.mktemp("sizes")
    for number, (split, size) in enumerate(SIZES.items()):
        for n in range(2):
            save(root / "data" / split / f"{split}_{n}.png", picture(10 * number + n, size))
            save(root / "data" / f"{split}annot" / f"{split}_{n}.png", raw_mask(n, size))
    return root


def opened_at(root: Path, resize: Resize) -> Dataset:
    return open_dataset(opened(root / "data"), (32, 32), root / "cache", resize=resize)


@pytest.mark.parametrize(
    ("resize", "scored_at", "expected"),
    [
        ("stretch", None, False),  # as before there was a choice
        ("stretch", "own", True),
        ("fit", None, True),
        ("fit", "resized", False),
        (ShortSide(short_side=6), None, True),
        (Factor(factor=0.5), None, True),
        (Factor(factor=1), None, False),  # nothing is resized
        ("none", None, False),
    ],
)
def test_final_scores_are_at_the_masks_own_size_where_images_are_resized_in_their_shape(
    root: Path, resize: Resize, scored_at: ScoredAt | None, expected: bool
):
    dataset = opened_at(root, resize)
    assert at_own_size(scored_at, dataset) == expected
    assert is_resized(dataset) == (resize not in {Factor(factor=1), "none"})


@pytest.mark.parametrize(
    ("resize", "text"),
    [
        ("stretch", "32x32"),
        ("fit", "the largest that fits into 32x32"),
        (ShortSide(short_side=6), "a short side of 6"),
        (Factor(factor=0.5), "0.5 times their own size"),
        ("none", "the masks' own size"),
    ],
)
def test_the_size_of_scores_has_a_name(root: Path, resize: Resize, text: str):
    dataset = opened_at(root, resize)
    assert size_text(dataset, at_own=False) == text
    assert size_text(dataset, at_own=True) == "the masks' own size"


def test_label_indices_are_read_from_the_file_of_each_image(root: Path):
    dataset = opened_at(root, "stretch")
    for split, name in ((dataset.train, "train"), (dataset.heldout, "test")):
        labels = own_labels(dataset, split)
        for index in range(2):
            found, raw = labels(index), raw_mask(index, SIZES[name])
            assert found.shape == SIZES[name]
            assert np.array_equal(found == 255, raw == 11)
            assert np.array_equal(found[raw != 11], raw[raw != 11])


def test_a_mask_that_is_gone_is_named(tmp_path: Path):
    data = camvid_like(tmp_path / "data", train=2, val=1, test=1)
    dataset = open_dataset(opened(data), (32, 32), tmp_path / "cache")
    (data / "testannot" / "test_0.png").unlink()
    with pytest.raises(InputError, match=r"test_0\.png: .*scores at the masks' own size need it"):
        own_labels(dataset, dataset.heldout)(0)
