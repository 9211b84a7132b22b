"""What must hold for any mapping, any labels, any order: checked on cases that no person chose."""

from itertools import pairwise
from pathlib import Path

import albumentations
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter
from torch import Tensor, nn

from harness.trees import camvid_like, npy_like, picture, raw_mask, save, tree_digest
from segexp.core.errors import InputError
from segexp.data.augment import make_augmentation
from segexp.data.batches import make_loader
from segexp.data.split import Split
from segexp.data.stats import count_labels
from segexp.evaluation.counting import confusion_matrices
from segexp.evaluation.evaluate import IDENTITY, Evaluation, evaluate
from segexp.evaluation.metrics import score
from segexp.evaluation.rulers import make_ruler
from segexp.labels.mapping import (
    MappedClass,
    Mapping,
    collapse_confusion,
    collapse_lookup,
    common_space,
)
from segexp.labels.taxonomy import VOID, VOID_NAME, Label, Taxonomy, to_label_indices
from segexp.training.class_weights import WEIGHTINGS, class_weights
from segexp.training.compute import Compute
from segexp.training.loss import loss_names, make_loss
from segexp.training.preprocess import Preprocessing
from tests.cli.running import segexp

CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
PLAIN = Preprocessing((32, 32), (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
"""Leaves pixels at 0..255."""

quick = settings(max_examples=60, deadline=None)
Pixels = NDArray[np.uint8]


def label_space(class_of: list[int]) -> Mapping:
    """A mapping that puts label i, and void as the last, into a class; -1 leaves it out."""
    num_labels = len(class_of) - 1
    names = [f"label{i}" for i in range(num_labels)]
    labels = tuple(Label(label, (i, i, i)) for i, label in enumerate(names))
    taxonomy = Taxonomy("t", labels, {"default": {i: i for i in range(num_labels)}})
    used = sorted({c for c in class_of if c >= 0})
    classes = tuple(
        MappedClass(
            f"class{c}",
            (c, c, c),
            tuple(n for n, at in zip([*names, VOID_NAME], class_of, strict=True) if at == c),
        )
        for c in used
    )
    return Mapping("m", taxonomy, classes)


@st.composite
def label_spaces(draw: st.DrawFn, num_labels: int | None = None) -> Mapping:
    """Mappings of up to 20 labels to two or more classes, with labels left out, void learned."""
    count = draw(st.integers(2, 20)) if num_labels is None else num_labels
    placed = draw(st.lists(st.integers(-1, count - 1), min_size=count + 1, max_size=count + 1))
    placed[:2] = [0, 1]
    return label_space(placed)


any_labels = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))
)


def valid(labels: Pixels, mapping: Mapping) -> Pixels:
    """Bring any bytes to label indices of the mapping's taxonomy, and void."""
    count = len(mapping.taxonomy.labels)
    places = labels.astype(int) % (count + 1)
    return np.where(places == count, VOID, places).astype(np.uint8)


# Mappings


@quick
@given(label_spaces(), any_labels)
def test_class_indices_are_in_range_or_void_whatever_is_mapped(mapping: Mapping, labels: Pixels):
    classes = mapping.lookup()[labels]
    assert classes.dtype == np.uint8
    assert set(np.unique(classes).tolist()) <= {*range(len(mapping.classes)), VOID}


@quick
@given(
    st.dictionaries(st.integers(-300, 70_000), st.integers(0, 254) | st.just(VOID), max_size=30),
    arrays.arrays(
        st.sampled_from(["u1", "i1", "i2", ">i2", "u2", "i4", "i8", "u8"]).map(np.dtype),
        st.tuples(st.integers(0, 5), st.integers(0, 5)),
    ),
)
def test_raw_ids_become_their_labels_or_are_counted_as_unknown(
    encoding: dict[int, int], raw: NDArray
):
    labels, unknown = to_label_indices(raw, encoding)
    assert labels.shape == raw.shape
    assert labels.ravel().tolist() == [encoding.get(i, VOID) for i in raw.ravel().tolist()]
    strangers = [i for i in raw.ravel().tolist() if i not in encoding]
    assert unknown == {i: strangers.count(i) for i in strangers}


@quick
@given(label_spaces(), any_labels)
def test_mapping_conserves_pixels(mapping: Mapping, labels: Pixels):
    labels = valid(labels, mapping)
    images = np.zeros((*labels.shape, 3), np.uint8)
    split = Split("train", tuple(map(str, range(len(labels)))), images, labels)
    by_label = count_labels(split, len(mapping.taxonomy.labels))
    by_class = count_labels(split, len(mapping.classes), mapping.lookup())
    assert by_label.pixels.sum() + by_label.void_pixels == labels.size
    assert by_class.pixels.sum() + by_class.void_pixels == labels.size
    pixels = dict(zip(mapping.taxonomy.names, by_label.pixels, strict=True))
    pixels[VOID_NAME] = by_label.void_pixels
    for mapped, count in zip(mapping.classes, by_class.pixels, strict=True):
        assert count == sum(pixels[label] for label in mapped.labels)


def test_label_indices_that_are_none_are_not_dropped_from_counts():
    labels = np.array([[[0, 5, 5, VOID]]], np.uint8)
    split = Split("train", ("a",), np.zeros((1, 1, 4, 3), np.uint8), labels)
    with pytest.raises(ValueError, match=r"label indices \[5\]; right are 0\.\.4 and 255"):
        count_labels(split, 5)


@quick
@given(st.data())
def test_confusion_matrices_and_their_collapse_conserve_pixels(data: st.DataObject):
    count = data.draw(st.integers(2, 12))
    fine, other = data.draw(label_spaces(count)), data.draw(label_spaces(count))
    labels = valid(data.draw(any_labels), fine)
    truth = fine.lookup()[labels]
    num = len(fine.classes)
    guess = data.draw(arrays.arrays(np.uint8, labels.shape, elements=st.integers(0, num - 1)))
    matrices = confusion_matrices(truth, guess, num)
    assert matrices.sum() == (truth != VOID).sum()
    for index in range(num):
        assert (matrices[:, index].sum(axis=1) == (truth == index).sum(axis=(1, 2))).all()
        found = ((guess == index) & (truth != VOID)).sum(axis=(1, 2))
        assert (matrices[:, :, index].sum(axis=1) == found).all()
    try:
        coarse = common_space([fine, other])
    except InputError as error:
        assert "two are needed" in str(error)
        return
    rows = collapse_lookup(fine, coarse)
    collapsed = collapse_confusion(matrices, rows, len(coarse.classes))
    kept = matrices[:, rows < len(coarse.classes)]
    assert collapsed.sum() == kept.sum()


# Augmentation


@quick
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_flipping_twice_is_the_identity(height: int, width: int, seed: int):
    image = picture(seed, (height, width))
    labels = image[..., 0]
    flip = albumentations.HorizontalFlip(p=1)
    once = flip(image=image, mask=labels)
    assert np.array_equal(once["mask"], labels[:, ::-1])
    twice = flip(image=once["image"], mask=once["mask"])
    assert np.array_equal(twice["image"], image)
    assert np.array_equal(twice["mask"], labels)


SHADES = {0: 50, 7: 70, 18: 95, VOID: 35}
"""Far enough apart to survive any change of colour, and low enough not to be cut off at 255."""


@settings(max_examples=100, deadline=None)
@example(np.array([[0, 7, 7, 7], [7, 7, 7, 7]], np.uint8), 1.0, 1058)
@given(
    arrays.arrays(np.uint8, (2, 4), elements=st.sampled_from([0, 7, 18])),
    st.sampled_from([0.1, 0.3, 0.7, 1.0]),
    st.integers(0, 2**32 - 1),
)
def test_image_and_mask_move_together(blocks: Pixels, strength: float, seed: int):
    labels = blocks.repeat(24, axis=0).repeat(24, axis=1)
    shades = np.zeros(256, np.uint8)
    shades[list(SHADES)] = list(SHADES.values())
    image = np.repeat(shades[labels][..., None], 3, axis=2)
    new_image, new_labels = make_augmentation(strength, (48, 96))(image, labels, seed)
    # Between labels the image is interpolated, the mask is not: two pixels in they must agree, also
    # from the edges, beyond which another label may begin.
    one_hot = [(new_labels == label).astype(np.uint8) for label in (0, 7, 18)]
    inside = [minimum_filter(found, 5, mode="constant").astype(bool) for found in one_hot]
    grey = new_image.astype(int).sum(axis=2)
    ranges = [(grey[where].min(), grey[where].max()) for where in inside if where.any()]
    for low, high in ranges:
        assert high - low <= 9  # one shade a label, but for rounding in three channels
    for (_, high), (low, _) in pairwise(ranges):
        assert high < low  # and darker labels stay darker


# Losses and scores


class ByTable(nn.Module):
    """Logits that are looked up from the red value of each pixel, so that images carry them."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, images: Tensor) -> Tensor:
        return self.table[images[:, 0].round().long()].permute(0, 3, 1, 2)


def random_table(num_classes: int, seed: int) -> Tensor:
    return 3 * torch.randn(256, num_classes, generator=torch.Generator().manual_seed(seed))


def evaluated(
    split: Split, mapping: Mapping, model: nn.Module, batch_size: int, order: list[int]
) -> Evaluation:
    chosen = Split(
        "val", tuple(split.ids[i] for i in order), split.images[order], split.labels[order]
    )
    batches = make_loader(chosen, IDENTITY, batch_size=batch_size, shuffle=False, seed=0)
    rulers = {rule: make_ruler(mapping, mapping, rule) for rule in ("sum", "argmax")}
    return evaluate(model, batches, chosen.ids, rulers, preprocessing=PLAIN, compute=CPU)


def noise_split(mapping: Mapping, labels: Pixels, seed: int) -> Split:
    images = np.random.default_rng(seed).integers(0, 256, (*labels.shape, 3), np.uint8)
    ids = tuple(f"image{i}" for i in range(len(labels)))
    return Split("val", ids, images, valid(labels, mapping))


many_labels = arrays.arrays(np.uint8, (7, 4, 5))


@quick
@given(label_spaces(), many_labels, st.integers(1, 8), st.permutations(range(7)), st.integers(0, 9))
def test_batches_and_the_order_of_images_do_not_change_iou(
    mapping: Mapping, labels: Pixels, batch_size: int, order: list[int], seed: int
):
    split = noise_split(mapping, labels, seed)
    model = ByTable(random_table(len(mapping.classes), seed))
    once = evaluated(split, mapping, model, 1, list(range(7)))
    again = evaluated(split, mapping, model, batch_size, list(order))
    assert again.image_ids == tuple(f"image{i}" for i in order)
    for ruler in ("sum", "argmax"):
        np.testing.assert_array_equal(again.confusions[ruler], once.confusions[ruler][list(order)])
        after, before = (score(found.confusion(ruler)) for found in (again, once))
        np.testing.assert_array_equal(after.iou, before.iou)
        np.testing.assert_equal(after.miou, before.miou)


@quick
@given(label_spaces(), many_labels, st.integers(0, 99))
def test_logits_under_void_change_no_score(mapping: Mapping, labels: Pixels, seed: int):
    split = noise_split(mapping, labels, seed)
    model = ByTable(random_table(len(mapping.classes), seed))
    before = evaluated(split, mapping, model, 3, list(range(7)))
    void = mapping.lookup()[split.labels] == VOID
    split.images[void] = np.random.default_rng(seed + 1).integers(0, 256, (int(void.sum()), 3))
    after = evaluated(split, mapping, model, 3, list(range(7)))
    np.testing.assert_array_equal(after.confusions["sum"], before.confusions["sum"])


@quick
@given(label_spaces(), many_labels, st.integers(0, 99))
def test_classes_that_are_absent_have_no_iou_and_the_others_are_counted(
    mapping: Mapping, labels: Pixels, seed: int
):
    split = noise_split(mapping, labels, seed)
    table = random_table(len(mapping.classes), seed)
    table[:, 1:] -= 100 * (torch.arange(1, table.shape[1]) % 2)  # never predicts the odd classes
    found = evaluated(split, mapping, ByTable(table), 3, list(range(7)))
    scores = score(found.confusion("sum"))
    truth = set(np.unique(mapping.lookup()[split.labels]).tolist()) - {VOID}
    red = torch.from_numpy(split.images[..., 0]).long()
    guesses = table[red].argmax(dim=-1).numpy()[mapping.lookup()[split.labels] != VOID]
    present = truth | set(np.unique(guesses).tolist())
    for index in range(len(mapping.classes)):
        assert np.isnan(scores.iou[index]) == (index not in present)
    assert scores.classes_in_mean == len(truth)
    assert scores.classes_predicted_only == len(present - truth)
    if truth:
        assert scores.miou == pytest.approx(scores.iou[sorted(truth)].mean())
    else:
        assert np.isnan(scores.miou)


def value_and_gradient(loss, logits: Tensor, target: Tensor) -> tuple[float, Tensor]:
    logits = logits.clone().requires_grad_()
    value = loss(logits, target)
    value.backward()
    assert logits.grad is not None
    return value.item(), logits.grad


def weights_of(weighting: str, target: Pixels, num_classes: int) -> Tensor:
    """Class weights as a train split of these masks would give them."""
    split = Split("train", ("a",) * len(target), np.zeros((*target.shape, 3), np.uint8), target)
    found = count_labels(split, num_classes)
    weights = class_weights(weighting, found.pixels, found.pixels_where_present)
    return torch.from_numpy(weights).float()


@st.composite
def targets(draw: st.DrawFn) -> tuple[int, Pixels]:
    """Class indices of a batch with void pixels, void images, absent classes, or void alone."""
    num_classes = draw(st.integers(2, 7))
    elements = st.integers(0, draw(st.integers(0, num_classes - 1))) | st.just(VOID)
    target = draw(arrays.arrays(np.uint8, (3, 4, 5), elements=elements))
    target[draw(st.lists(st.integers(0, 2), max_size=3))] = VOID
    return num_classes, target


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("name", loss_names())
@settings(max_examples=25, deadline=None)
@given(targets(), st.integers(0, 99))
def test_every_loss_is_finite_and_blind_to_void(
    name: str, weighting: str, case: tuple[int, Pixels], seed: int
):
    num_classes, target = case
    loss = make_loss(name, weights_of(weighting, target, num_classes))
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(3, num_classes, 4, 5, generator=generator)
    truth = torch.from_numpy(target)
    value, gradient = value_and_gradient(loss, logits, truth)
    assert np.isfinite(value)
    assert gradient.isfinite().all()
    void = (truth == VOID).unsqueeze(1)
    assert not gradient.masked_select(void).any()
    if void.all():
        assert value == 0
    other = torch.where(void, 40 * torch.randn(logits.shape, generator=generator), logits)
    other_value, other_gradient = value_and_gradient(loss, other, truth)
    assert other_value == value
    assert torch.equal(other_gradient, gradient)


@pytest.mark.parametrize("name", loss_names())
@settings(max_examples=25, deadline=None)
@given(targets(), st.permutations(range(3)), st.integers(0, 99))
def test_the_order_of_images_in_a_batch_does_not_change_the_loss(
    name: str, case: tuple[int, Pixels], order: list[int], seed: int
):
    num_classes, target = case
    logits = torch.randn(3, num_classes, 4, 5, generator=torch.Generator().manual_seed(seed))
    truth = torch.from_numpy(target)
    loss = make_loss(name)
    shuffled = loss(logits[list(order)], truth[list(order)]).item()
    assert shuffled == pytest.approx(loss(logits, truth).item(), rel=1e-5, abs=1e-6)


def test_a_split_of_void_alone_has_no_score_and_none_of_its_classes_is_counted():
    mapping = label_space([0, 1, 2, -1])
    labels = np.full((7, 4, 5), VOID, np.uint8)
    split = Split("val", tuple("abcdefg"), np.zeros((7, 4, 5, 3), np.uint8), labels)
    found = evaluated(split, mapping, ByTable(random_table(3, 0)), 3, list(range(7)))
    scores = score(found.confusion("sum"))
    assert np.isnan(scores.miou)
    assert np.isnan(scores.iou).all()
    assert np.isnan(scores.pixel_accuracy)
    assert scores.classes_in_mean == 0
    assert scores.pixels.tolist() == [0, 0, 0]


# A mapping is applied once


@quick
@given(label_spaces(), many_labels, st.integers(0, 99))
def test_training_and_scoring_map_labels_exactly_once(mapping: Mapping, labels: Pixels, seed: int):
    split = noise_split(mapping, labels, seed)
    table = mapping.lookup()
    loader = make_loader(split, table, batch_size=7, shuffle=False, seed=0)
    ((_, classes),) = list(loader)
    expected = np.array([[[int(table[label]) for label in row] for row in m] for m in split.labels])
    np.testing.assert_array_equal(classes.numpy(), expected)

    one_hot = F.one_hot(torch.arange(256) % len(mapping.classes), len(mapping.classes)).float()
    red = np.where(expected == VOID, 0, expected)
    split.images[..., 0] = red  # a model that says the right class everywhere
    scored = evaluated(split, mapping, ByTable(one_hot), 2, list(range(7)))
    matrix = scored.confusion("sum")
    counts = [(expected == index).sum() for index in range(len(mapping.classes))]
    assert np.array_equal(matrix[:, :-1], np.diag(counts))
    assert score(matrix).pixel_accuracy == 1 or not sum(counts)


# The data set


def camvid(root: Path) -> Path:
    camvid_like(root, train=4, val=2, test=2)
    (root / "train" / "notes.txt").write_text("left alone")
    return root


def folder(root: Path) -> Path:
    for split, numbers in {"train": range(4), "val": range(4, 8)}.items():
        for number in numbers:
            save(root / "images" / split / f"{number}.png", picture(number, (40, 60)))
            save(root / "masks" / split / f"{number}.png", raw_mask(number, (40, 60)))
    return root


def kaggle(root: Path) -> Path:
    return npy_like(root, train=4, val=2, test=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lay_out", "mapping"),
    [(camvid, "camvid11"), (folder, "camvid_merged6"), (kaggle, "merged10")],
)
def test_nothing_that_segexp_does_changes_a_data_set(
    project: Path, tmp_path: Path, lay_out, mapping
):
    root = lay_out(tmp_path / "data")
    before, times = tree_digest(root), change_times(root)
    data = ["--data", str(root)]
    if lay_out is folder:  # a layout that does not tell it
        data += ["--set", "data.taxonomy=camvid11"]
    for words in (
        ["data", "check", *data, "--set", f"mapping={mapping}"],
        ["data", "stats", *data, "--set", f"mapping={mapping}"],
        ["mapping", "check", mapping, *data],
        ["train", *data, "--mapping", mapping, "--set", "epochs=1", "--set", "augmentation=1"],
    ):
        outcome = segexp(project, *words)
        assert outcome.code == 0, (words, outcome.err)
        assert tree_digest(root) == before, words
    (bundle,) = (project / ".segexp" / "train").glob("*/bundle")
    outcome = segexp(project, "evaluate", str(bundle), *data, "--split", "val")
    assert outcome.code == 0, outcome.err
    assert tree_digest(root) == before
    assert change_times(root) == times


def change_times(root: Path) -> dict[str, int]:
    """When anything about each file, its content, name or rights, was last changed."""
    return {str(path): path.stat().st_ctime_ns for path in [root, *sorted(root.rglob("*"))]}
