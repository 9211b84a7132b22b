import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn import metrics as sklearn
from torch import Tensor, nn

from harness.project import ROOT
from harness.trees import CITYSCAPES, opened, save
from segexp.data.cache import open_dataset
from segexp.data.shard import Shard
from segexp.data.split import Split
from segexp.evaluation.evaluate import (
    Evaluation,
    constant_scores,
    evaluate,
    evaluate_split,
    ids_of,
    label_batches,
    merged,
)
from segexp.evaluation.metrics import Scores, score
from segexp.evaluation.rulers import Ruler, decide, make_ruler
from segexp.labels.files import load_mapping
from segexp.labels.mapping import collapse_lookup, common_space
from segexp.labels.taxonomy import VOID
from segexp.training.compute import Compute
from segexp.training.loss import make_loss
from segexp.training.network import make_model
from segexp.training.preprocess import NonFiniteLogitsError, Preprocessing

MAPPINGS = ROOT / "mappings"
CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
PREPROCESSING = Preprocessing((32, 64), (0.4, 0.45, 0.5), (0.2, 0.25, 0.3))
FINE = load_mapping(MAPPINGS / "cityscapes19.yaml")
MERGED = load_mapping(MAPPINGS / "merged10.yaml")
COMMON = common_space([FINE, MERGED])

Pixels = NDArray[np.uint8]


class ByPixel(nn.Module):
    """Decides the class that is written in an image's red channel (before normalisation)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes

    def forward(self, images: Tensor) -> Tensor:
        red = images[:, 0] * PREPROCESSING.std[0] + PREPROCESSING.mean[0]
        one_hot = F.one_hot((red * 255).round().long(), self.num_classes)
        return one_hot.permute(0, 3, 1, 2).float()


def make_split(count: int = 5) -> Split:
    """Noise, and blocks of labels: sky is absent, image 3 is all void, the others partly."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 32, 64, 3), np.uint8)
    blocks = rng.choice([i for i in range(19) if i != 10], (count, 8, 16)).astype(np.uint8)
    blocks[rng.random(blocks.shape) < 0.1] = VOID
    labels = blocks.repeat(4, axis=1).repeat(4, axis=2)
    labels[3] = VOID
    return Split("val", tuple(f"image_{i}" for i in range(count)), images, labels)


@pytest.fixture(scope="module")
def split() -> Split:
    return make_split()


@pytest.fixture(scope="module")
def unet() -> nn.Module:
    """A network that predicts nearly every class somewhere."""
    torch.manual_seed(0)
    model = make_model("Unet", "mobilenet_v2", None, len(FINE.classes), 0.25)
    with torch.no_grad():  # running statistics of its own, and a head that does not favour a class
        model(torch.randn(4, 3, 32, 64))
        logits = model.eval()(torch.randn(4, 3, 32, 64))
        head = model.get_submodule("segmentation_head.0")
        assert isinstance(head, nn.Conv2d)
        assert head.bias is not None
        scale = 2 / logits.std(dim=(0, 2, 3))
        head.weight *= scale[:, None, None, None]
        head.bias -= logits.mean(dim=(0, 2, 3))
        head.bias *= scale
    return model


@pytest.fixture(scope="module")
def logits(unet: nn.Module, split: Split) -> Tensor:
    """The logits of the whole split, by hand."""
    batch = torch.from_numpy(split.images).permute(0, 3, 1, 2).contiguous()
    with torch.inference_mode():
        return unet(PREPROCESSING.normalize(batch))


def sklearn_scores(truth: Pixels, prediction: NDArray[np.int64], num_classes: int) -> Scores:
    """Scores of flat class indices by scikit-learn, NaN where its denominator is 0."""
    scored = truth != VOID
    t, p = truth[scored], prediction[scored]
    classes = list(range(num_classes))
    options = {"labels": classes, "average": None}
    in_either = np.isin(classes, t) | np.isin(classes, p)
    iou = np.where(in_either, sklearn.jaccard_score(t, p, zero_division=0, **options), np.nan)
    return Scores(
        iou=iou,
        precision=sklearn.precision_score(t, p, zero_division=np.nan, **options),
        recall=sklearn.recall_score(t, p, zero_division=np.nan, **options),
        f1=sklearn.f1_score(t, p, zero_division=np.nan, **options),
        pixels=np.array([(t == c).sum() for c in classes]),
        miou=float(np.mean(iou[np.unique(t)])),
        classes_in_mean=len(np.unique(t)),
        classes_predicted_only=len(set(p[p < num_classes]) - set(t)),
        pixel_accuracy=float(sklearn.accuracy_score(t, p)),
    )


def assert_same(scores: Scores, expected: Scores) -> None:
    for name in ("iou", "precision", "recall", "f1", "pixels", "miou", "pixel_accuracy"):
        np.testing.assert_allclose(
            getattr(scores, name), getattr(expected, name), rtol=0, atol=1e-9, err_msg=name
        )
    for name in ("classes_in_mean", "classes_predicted_only"):
        assert getattr(scores, name) == getattr(expected, name), name


def named(*rulers: Ruler) -> dict[str, Ruler]:
    return {str(number): ruler for number, ruler in enumerate(rulers)}


def run(model: nn.Module, split: Split, *rulers: Ruler) -> Evaluation:
    return evaluate_split(model, split, named(*rulers), preprocessing=PREPROCESSING, compute=CPU)


def scores_of(evaluation: Evaluation, ruler: str = "0") -> Scores:
    return score(evaluation.confusion(ruler))


def test_scores_in_the_mappings_own_space_are_scikit_learns(unet, split, logits):
    scores = scores_of(run(unet, split, make_ruler(FINE, FINE)))
    expected = sklearn_scores(split.labels.ravel(), logits.argmax(dim=1).numpy().ravel(), 19)
    assert expected.classes_in_mean >= 15  # or the comparison would say little
    assert 0 < expected.miou < 1
    assert_same(scores, expected)


def test_scores_in_the_common_space_by_argmax_are_scikit_learns(unet, split, logits):
    place = {label: i for i, c in enumerate(COMMON.classes) for label in c.labels}
    table = np.array([place.get(name, len(COMMON.classes)) for name in FINE.names])
    truth = np.array([place.get(name, VOID) for name in FINE.names] + [VOID] * 237, np.uint8)
    scores = scores_of(run(unet, split, make_ruler(FINE, COMMON, "argmax")))
    prediction = table[logits.argmax(dim=1).numpy()]
    assert (prediction == len(COMMON.classes)).any()  # pole and bicycle, which fall into none
    expected = sklearn_scores(truth[split.labels].ravel(), prediction.ravel(), len(COMMON.classes))
    assert_same(scores, expected)


def test_scores_in_the_common_space_by_sum_are_scikit_learns(unet, split, logits):
    place = {label: i for i, c in enumerate(COMMON.classes) for label in c.labels}
    none = len(COMMON.classes)
    exact = logits.numpy().astype(np.float64)
    exact = np.exp(exact - exact.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    summed = np.zeros((len(exact), none + 2, 32, 64))
    outside = [name for name in FINE.names if name not in place]
    assert outside == ["pole", "bicycle"]  # each a rival of its own
    for index, name in enumerate(FINE.names):
        at = none + outside.index(name) if name in outside else place[name]
        summed[:, at] += exact[:, index]
    second, first = np.sort(summed, axis=1)[:, -2:].swapaxes(0, 1)
    is_clear = first - second > 1e-5
    assert is_clear.mean() > 0.99

    ruler = make_ruler(FINE, COMMON, "sum")
    decided = decide(logits, ruler).numpy()
    expected_classes = summed.argmax(axis=1).clip(max=none)
    assert np.array_equal(decided[is_clear], expected_classes[is_clear])
    assert (decided != collapse_lookup(FINE, COMMON)[logits.argmax(dim=1).numpy()]).any()

    truth = np.array([place.get(name, VOID) for name in FINE.names] + [VOID] * 237, np.uint8)
    expected = sklearn_scores(truth[split.labels].ravel(), decided.ravel(), none)
    assert_same(scores_of(run(unet, split, ruler)), expected)


def test_an_absent_class_has_no_iou_and_is_left_out_of_the_mean(split):
    sky = FINE.names.index("sky")
    assert not (split.labels == sky).any()
    model = ByPixel(len(FINE.classes))  # never decides sky: it copies the red channel
    images = np.where(split.labels == VOID, 0, split.labels)[..., None].repeat(3, axis=3)
    perfect = Split("val", split.ids, images, split.labels)
    scores = scores_of(run(model, perfect, make_ruler(FINE, FINE)))
    assert math.isnan(scores.iou[sky])
    assert (scores.miou, scores.classes_in_mean, scores.pixel_accuracy) == (1.0, 18, 1.0)


def batches_of(split: Split, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(split), size):
        images = torch.from_numpy(split.images[start : start + size]).permute(0, 3, 1, 2)
        yield images, torch.from_numpy(split.labels[start : start + size])


def conv_model() -> nn.Conv2d:
    torch.manual_seed(2)
    return nn.Conv2d(3, len(FINE.classes), 1)


RULERS = (make_ruler(FINE, FINE), make_ruler(FINE, COMMON, "sum"), make_ruler(FINE, MERGED))
CE = (make_loss("cross_entropy"), torch.from_numpy(FINE.lookup()))


def evaluate_in_batches(model: nn.Module, split: Split, size: int) -> Evaluation:
    return evaluate(
        model,
        batches_of(split, size),
        split.ids,
        named(*RULERS),
        preprocessing=PREPROCESSING,
        compute=CPU,
        loss=CE,
    )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_confusions_do_not_depend_on_the_batch_size(split, size):
    model = conv_model()
    whole, parts = (evaluate_in_batches(model, split, n) for n in (len(split), size))
    for name, counts in whole.confusions.items():
        assert np.array_equal(counts, parts.confusions[name])


def test_the_order_of_the_images_only_orders_the_confusions(split):
    order = [3, 0, 4, 2, 1]
    shuffled = Split(
        "val", tuple(split.ids[i] for i in order), split.images[order], split.labels[order]
    )
    model = conv_model()
    straight, mixed = (run(model, s, *RULERS) for s in (split, shuffled))
    assert mixed.image_ids == ("image_3", "image_0", "image_4", "image_2", "image_1")
    for name, counts in straight.confusions.items():
        assert np.array_equal(counts[order], mixed.confusions[name])
        assert scores_of(straight, name).miou == scores_of(mixed, name).miou


def test_what_a_model_says_under_void_changes_neither_scores_nor_loss(split):
    changed = split.images.copy()
    void = split.labels == VOID
    changed[void] = 255 - changed[void]
    model = conv_model()
    other = Split("val", split.ids, changed, split.labels)
    before, after = (evaluate_in_batches(model, s, 2) for s in (split, other))
    assert not np.array_equal(changed, split.images)
    assert before.loss == after.loss
    for name, counts in before.confusions.items():
        assert np.array_equal(counts, after.confusions[name])


def test_an_image_of_void_alone_counts_nothing(split):
    alone = split.part("val", 3, 4)
    evaluation = evaluate_in_batches(conv_model(), alone, 1)
    assert evaluation.loss == 0
    for name, counts in evaluation.confusions.items():
        assert counts.sum() == 0
        assert math.isnan(scores_of(evaluation, name).miou)
        assert scores_of(evaluation, name).classes_in_mean == 0


def test_the_loss_is_the_mean_of_the_batches_weighted_by_their_images(split):
    model = conv_model()
    chosen = split.part("val", 0, 3)
    expected = 0.0
    for images, labels in batches_of(chosen, 2):
        with torch.inference_mode():
            logits = model(PREPROCESSING.normalize(images))
        loss = F.cross_entropy(logits, labels.long(), ignore_index=VOID)
        expected += float(loss) * len(images) / 3
    assert evaluate_in_batches(model, chosen, 2).loss == pytest.approx(expected, rel=1e-6)


def test_without_a_loss_function_there_is_no_loss(split):
    assert math.isnan(run(conv_model(), split, RULERS[0]).loss)


def test_a_model_is_scored_in_evaluation_mode(split):
    model = nn.Sequential(nn.BatchNorm2d(3), conv_model()).train()
    run(model, split, RULERS[0])
    assert not model.training
    assert int(model[0].num_batches_tracked) == 0


def test_bf16_gives_nearly_the_same_scores(unet, split, logits):
    compute = Compute(torch.device("cpu"), bf16=True, channels_last=True)
    evaluation = evaluate_split(
        unet, split, named(*RULERS), preprocessing=PREPROCESSING, compute=compute
    )
    exact = run(unet, split, *RULERS)
    for name, counts in exact.confusions.items():
        miou = scores_of(evaluation, name).miou
        assert miou == pytest.approx(scores_of(exact, name).miou, abs=0.01)
        assert evaluation.confusions[name].sum() == counts.sum()


def test_full_size_scores_are_those_of_logits_resized_by_hand(unet, split):
    rng = np.random.default_rng(1)
    sizes = [(47, 101), (32, 64), (20, 33)]
    samples = [
        (torch.from_numpy(split.images[i]).permute(2, 0, 1), rng.integers(0, 19, size, np.uint8))
        for i, size in enumerate(sizes)
    ]
    samples[0][1][:9] = VOID
    evaluation = evaluate(
        unet,
        [(image[None], torch.from_numpy(labels)[None]) for image, labels in samples],
        ["x", "y", "z"],
        named(make_ruler(FINE, FINE), make_ruler(FINE, MERGED, "argmax")),
        preprocessing=PREPROCESSING,
        compute=CPU,
    )
    truths, predictions = [], []
    for image, labels in samples:
        with torch.inference_mode():
            own = unet(PREPROCESSING.normalize(image[None].contiguous()))
        large = F.interpolate(own, labels.shape, mode="bilinear", align_corners=False)
        truths.append(labels.ravel())
        predictions.append(large.argmax(dim=1).numpy().ravel())
    truth, prediction = np.concatenate(truths), np.concatenate(predictions)
    assert_same(scores_of(evaluation), sklearn_scores(truth, prediction, 19))
    assert evaluation.image_ids == ("x", "y", "z")
    assert evaluation.confusions["0"].sum(axis=(1, 2)).tolist() == [38 * 101, 32 * 64, 20 * 33]
    merged = collapse_lookup(FINE, MERGED)[prediction]
    expected = sklearn_scores(MERGED.lookup()[truth], merged, len(MERGED.classes))
    assert_same(scores_of(evaluation, "1"), expected)


def test_scores_at_the_masks_own_size_are_those_of_resized_logits_by_every_rule(unet, split):
    """Enlarged in bands; by sum the probabilities of the resized logits are added."""
    random = np.random.default_rng(2)
    sizes = [(40, 90), (33, 64), (32, 64), (200, 150), (7, 9)]
    masks = [random.integers(0, 19, size).astype(np.uint8) for size in sizes]
    rulers = (make_ruler(FINE, FINE), make_ruler(FINE, COMMON), make_ruler(FINE, COMMON, "argmax"))
    found = evaluate_split(
        unet,
        split,
        named(*rulers),
        preprocessing=PREPROCESSING,
        compute=CPU,
        own_labels=lambda index: masks[index],
        keep_predictions=True,
    )
    for name, ruler in named(*rulers).items():
        for index, size in enumerate(sizes):
            image = torch.from_numpy(split.image(index)).permute(2, 0, 1)[None]
            with torch.inference_mode():
                small = unet(PREPROCESSING.normalize(image.contiguous()))
            large = F.interpolate(small, size, mode="bilinear", align_corners=False)
            expected = decide(large, ruler)[0].numpy()
            kept = found.predictions[name][index]
            assert kept.shape == size
            assert (kept != expected).mean() < 0.002  # rounding decides between equals
            pixels = np.bincount(ruler.truth.numpy()[masks[index]].ravel(), minlength=256)
            counted = found.confusions[name][index].sum(axis=1)
            assert counted.tolist() == pixels[: len(counted)].tolist()


def write_split(root: Path, split: str, *masks: list[list[int]]) -> None:
    for number, mask in enumerate(masks):
        labels = np.array(mask)
        save(root / split / "label" / f"{number}.npy", labels)
        image = np.full((*labels.shape, 3), (len(split) * 20 + number) / 255)
        save(root / split / "image" / f"{number}.npy", image)


def test_the_constant_predictors_score_is_that_of_a_hand_count(tmp_path):
    road, sidewalk, sky, pole = 0, 1, 10, 5
    root = tmp_path / "data"
    write_split(root, "train", [[road, road], [sidewalk, sky]], [[sky, sky], [pole, -1]])
    # Constant sky. val: sky 2 of 8 (2 found, 6 wrong), road, sidewalk: 0.25 / 3.
    write_split(root, "val", [[road, road], [road, sky]], [[sidewalk, sidewalk], [sky, road]])
    # heldout: sky 3 of 4, the void pixel is out, and pole.
    write_split(root, "test", [[sky, sky], [sky, pole]], [[-1, -1], [-1, -1]])
    dataset = open_dataset(opened(root, CITYSCAPES), (2, 2), tmp_path / "cache")
    assert constant_scores(dataset, FINE, "miou") == {
        "class": "sky",
        "val": pytest.approx(0.25 / 3),
        "heldout": pytest.approx(0.75 / 2),
    }
    # merged10: road and sidewalk are one class, as frequent as sky in train; the first one wins.
    # val: road 6 of 8, sky 0. heldout: pole is void, so sky alone is there: 0 of 3 and road 0.
    assert constant_scores(dataset, MERGED, "miou") == {
        "class": "road",
        "val": pytest.approx(0.75 / 2),
        "heldout": 0.0,
    }


def test_the_decisions_that_were_counted_are_returned_where_they_are_asked_for(
    monkeypatch,
) -> None:
    split = make_split()
    model = ByPixel(256)
    table = torch.zeros(256, dtype=torch.long)
    table[:] = 10  # none
    table[:4] = torch.arange(4)
    ruler = Ruler(COMMON, torch.from_numpy(COMMON.lookup()), table, "argmax")
    scored = lambda **options: evaluate_split(  # noqa: E731
        model, split, named(ruler), preprocessing=PREPROCESSING, compute=CPU, **options
    )
    assert scored().predictions == {}
    kept = scored(keep_predictions=True)
    (decided,) = kept.predictions.values()
    assert [(mask.shape, mask.dtype) for mask in decided] == [((32, 64), np.uint8)] * 5
    red = split.images[..., 0]
    np.testing.assert_array_equal(decided, np.where(red < 4, red, 10))
    np.testing.assert_array_equal(kept.confusions["0"], scored().confusions["0"])
    for limit, images in ((5 * 32 * 64, 5), (5 * 32 * 64 - 1, 0)):  # what can be read again
        monkeypatch.setattr("segexp.evaluation.evaluate.MAX_PREDICTION_BYTES", limit)
        limited = scored(keep_predictions=True)
        assert sum(map(len, limited.predictions.values())) == images
        np.testing.assert_array_equal(limited.confusions["0"], kept.confusions["0"])


class SometimesBroken(nn.Module):
    """Gives NaN, or infinity, for one pixel of the image whose first red value is 77."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, images: Tensor) -> Tensor:
        logits = ByPixel(256)(images)[:, :19]
        red = images[:, 0, 0, 0] * PREPROCESSING.std[0] + PREPROCESSING.mean[0]
        logits[(red * 255).round() == 77, 3, 1, 2] = self.value
        return logits


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_never_scored(value: float):
    split = make_split()
    split.images[:, 0, 0, 0] = [1, 2, 77, 4, 5]
    options = {"preprocessing": PREPROCESSING, "compute": CPU}
    rulers = named(make_ruler(FINE, FINE))
    with pytest.raises(NonFiniteLogitsError, match="NaN or infinite logits for image_2: "):
        evaluate_split(SometimesBroken(value), split, rulers, **options)
    larger = [
        (images, F.interpolate(labels[None], scale_factor=2)[0])
        for images, labels in batches_of(split, 1)
    ]
    with pytest.raises(NonFiniteLogitsError, match="NaN or infinite logits for image_2: "):
        evaluate(SometimesBroken(value), larger, split.ids, rulers, **options)
    whole = evaluate_split(SometimesBroken(0.0), split, rulers, **options)
    assert whole.confusions["0"].sum() == (split.labels != VOID).sum()


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_the_parts_of_a_split_merge_to_what_the_whole_split_gives(
    shards: int, monkeypatch: pytest.MonkeyPatch
):
    """Two images in a batch: the parts of three are one, one and a batch of one."""
    monkeypatch.setattr("segexp.evaluation.evaluate.MAX_PIXELS", 2 * 32 * 64)
    split, torch_model = make_split(), make_model("Unet", "mobilenet_v2", None, 19, 0.25)
    rulers = {"own": make_ruler(FINE, FINE), "common": make_ruler(FINE, COMMON, "sum")}
    loss = (make_loss("cross_entropy"), torch.from_numpy(FINE.lookup()))

    def score(shard: Shard) -> Evaluation:
        return evaluate(
            torch_model,
            label_batches(split, shard),
            ids_of(split, shard),
            rulers,
            preprocessing=PREPROCESSING,
            compute=CPU,
            loss=loss,
        )

    whole = score(Shard())
    found = merged([score(Shard(place, shards)) for place in range(shards)])
    assert found.image_ids == whole.image_ids == split.ids
    assert found.loss == pytest.approx(whole.loss, rel=1e-6)
    for by in rulers:
        assert np.array_equal(found.confusions[by], whole.confusions[by])
        assert np.array_equal(found.voids[by], whole.voids[by])


def test_of_no_parts_nothing_was_seen():
    assert merged([]) == Evaluation((), 0.0, {})
    assert ids_of(make_split(), Shard(0, 2)) == ()  # one batch: the other has it
