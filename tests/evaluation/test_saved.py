import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import jaccard_score

from harness.trees import camvid_like, picture, save
from segexp.core.config import Config
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.data.open import digest_of, find_source
from segexp.data.resize import resize_image
from segexp.evaluation.saved import ScoredBundle, evaluate_bundle
from segexp.labels.files import find_mapping
from segexp.training.bundle import Bundle, save_bundle
from segexp.training.compute import choose_compute
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import Prior, Reading
from segexp.training.views import parse_views

SPLITS = {"train": 4, "val": 2, "test": 3}
OWN_SIZE = (48, 80)


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, lay_out_project: Callable[[Path], Path]
) -> Path:
    return lay_out_project(tmp_path_factory.mktemp("evaluate") / "project")


@pytest.fixture(scope="module")
def bundle(project: Path) -> Bundle:
    """An untrained model of the 19 classes."""
    torch.manual_seed(0)
    model = make_model("Unet", "mobilenet_v2", None, 19, 0.25)
    with torch.no_grad():
        model(torch.randn(4, 3, 32, 64))  # running statistics of its own
    mapping = find_mapping(project, "cityscapes19")
    preprocessing = Preprocessing((32, 64), (0.4, 0.45, 0.5), (0.2, 0.25, 0.3))
    bundle = Bundle("Unet", "mobilenet_v2", 0.25, mapping, preprocessing, {}, {}, model.eval())
    save_bundle(project / "bundle", bundle)
    return bundle


@pytest.fixture(scope="module")
def root(project: Path) -> Path:
    """Kaggle's layout, with masks larger than the model's images."""
    rng = np.random.default_rng(0)
    for split, count in SPLITS.items():
        for number in range(count):
            labels = rng.integers(-1, 19, (6, 10)).repeat(8, axis=0).repeat(8, axis=1)
            save(project / "streets" / split / "label" / f"{number}.npy", labels)
            image = picture(100 * len(split) + number, OWN_SIZE)
            save(project / "streets" / split / "image" / f"{number}.npy", image)
    return project / "streets"


def configured(project: Path, root: Path, **values: Any) -> Config:
    overrides = {"data.format": "auto", "data.root": str(root), **values}
    return load_config(project / "config.yaml", overrides)


def scored(project: Path, config: Config, bundle: str = "bundle", **options: Any) -> ScoredBundle:
    defaults: dict[str, Any] = {
        "split": "heldout",
        "space": None,
        "rule": "sum",
        "full_size": False,
        "caching": lambda done, total: None,
    }
    return evaluate_bundle(project, config, project / bundle, **(defaults | options))


def expected_miou(bundle: Bundle, root: Path, split: str, full_size: bool) -> float:
    """Mean IoU by scikit-learn from the files themselves."""
    numbers = range(SPLITS[split])
    images = [np.load(root / split / "image" / f"{n}.npy") for n in numbers]
    labels = [np.load(root / split / "label" / f"{n}.npy") for n in numbers]
    small = np.stack([resize_image(image, (32, 64)) for image in images])
    compute = choose_compute("fp32")
    batch = compute.send(torch.from_numpy(small).permute(0, 3, 1, 2))
    normalized = bundle.preprocessing.normalize(batch)
    model = compute.place(bundle.model)
    with torch.inference_mode():
        if full_size:
            own = torch.cat([model(image[None]) for image in normalized])
            logits = F.interpolate(own, OWN_SIZE, mode="bilinear", align_corners=False)
        else:
            logits = model(normalized)
            # Nearest, pixel centres aligned: row i of 32 is row floor((i + 1/2) 48 / 32).
            rows = ((np.arange(32) + 0.5) * 48 / 32).astype(int)
            columns = ((np.arange(64) + 0.5) * 80 / 64).astype(int)
            labels = [mask[rows][:, columns] for mask in labels]
    truth = np.stack(labels).ravel()
    prediction = logits.argmax(dim=1).cpu().numpy().ravel()[truth >= 0]
    truth = truth[truth >= 0]
    present = np.unique(truth)  # a class counts where the truth has it
    return float(np.mean(jaccard_score(truth, prediction, labels=present, average=None)))


@pytest.mark.parametrize("full_size", [False, True])
@pytest.mark.parametrize(("split", "folder"), [("train", "train"), ("heldout", "test")])
def test_scores_are_scikit_learns_from_the_files(
    project: Path, bundle: Bundle, root: Path, split: str, folder: str, full_size: bool
):
    result = scored(project, configured(project, root), split=split, full_size=full_size)
    expected = expected_miou(bundle, root, folder, full_size)
    assert result.scores["miou"] == pytest.approx(expected, abs=1e-9)
    assert result.images == SPLITS[folder]
    assert result.size == ("the masks' own size" if full_size else "32x64")
    assert sum(result.table["pixels"]) > 0


def test_the_bundles_size_is_taken_whatever_is_configured(
    project: Path, bundle: Bundle, root: Path
):
    small = scored(project, configured(project, root))
    large = scored(project, configured(project, root, image_size=[64, 64]))
    assert large == small


def test_scores_are_given_in_a_coarser_space_by_either_rule(
    project: Path, bundle: Bundle, root: Path
):
    by_sum = scored(project, configured(project, root), space="merged10")
    by_argmax = scored(project, configured(project, root), space="merged10", rule="argmax")
    assert (by_sum.mapping, by_sum.space, by_sum.rule) == ("cityscapes19", "merged10", "sum")
    assert by_argmax.rule == "argmax"
    assert by_sum.table["class"] == list(find_mapping(project, "merged10").names)
    assert by_sum.table["pixels"] == by_argmax.table["pixels"]
    assert by_sum.scores != by_argmax.scores
    own = scored(project, configured(project, root))
    # pole and bicycle are void in merged10
    dropped = sum(own.table["pixels"][own.table["class"].index(n)] for n in ("pole", "bicycle"))
    assert sum(by_sum.table["pixels"]) == sum(own.table["pixels"]) - dropped


def test_without_a_test_split_heldout_and_val_share_the_masks_of_val(
    project: Path, bundle: Bundle, root: Path, tmp_path: Path
):
    (tmp_path / "data").mkdir()
    for split in ("train", "val"):
        (tmp_path / "data" / split).symlink_to(root / split)
    config = configured(project, tmp_path / "data")
    parts = [scored(project, config, split=split, full_size=True) for split in ("val", "heldout")]
    assert [part.images for part in parts] == [1, 1]
    masks = [np.load(root / "val" / "label" / f"{n}.npy") for n in range(2)]
    pixels = np.sort([int((mask >= 0).sum()) for mask in masks])
    assert sorted(sum(part.table["pixels"]) for part in parts) == pixels.tolist()


@pytest.mark.parametrize(
    ("origin", "by"),
    [
        ({}, "sequence"),  # of other data, for all that is known
        ({"dataset_hash": "1"}, "image"),  # of before there was a choice
        ({"dataset_hash": "1", "heldout_by": "image"}, "image"),
        ({"dataset_hash": "1", "heldout_by": "sequence"}, "sequence"),
        ({"dataset_hash": "1", "heldout_by": "city"}, "sequence"),  # which the ids do not name
        ({"dataset_hash": "1", "heldout_by": None}, "sequence"),  # there was a test split
    ],
)
def test_a_model_is_scored_on_the_half_of_val_that_its_own_study_held_out(
    project: Path, bundle: Bundle, tmp_path: Path, origin: dict[str, Any], by: str
):
    root = tmp_path / "videos"
    for split, frames in (("train", ["t"]), ("val", [f"v{v}_{n}" for v in (1, 2) for n in (1, 2)])):
        for number, frame in enumerate(frames):
            labels = np.arange(32, dtype=np.uint8).reshape(4, 8) % 11
            save(root / f"{split}annot" / f"{frame}.png", labels)
            save(root / split / f"{frame}.png", picture(10 * len(split) + number, (4, 8)))
    save_bundle(project / "used", replace(bundle, origin=origin))
    for asked, expected in (("auto", by), ("image", "image")):
        config = configured(
            project, root, **{"data.taxonomy": "cityscapes19", "data.heldout_by": asked}
        )
        result = scored(project, config, bundle="used")
        assert f"2 held-out (a half of val, by {expected}) images" in result.data


def test_a_result_is_plain_values_and_says_what_the_data_is(
    project: Path, bundle: Bundle, root: Path
):
    result = scored(project, configured(project, root), split="val")
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert content["split"] == "val"
    assert content["data"].startswith("data: cityscapes-npy")
    assert content["classes_in_mean"] == sum(iou is not None for iou in content["table"]["iou"])
    assert scored(project, load_config(project / "config.yaml", {})).data.startswith(
        "data: synthetic"
    )


def test_a_space_that_does_not_coarsen_the_models_is_refused(
    project: Path, bundle: Bundle, root: Path
):
    config = configured(project, root)
    with pytest.raises(InputError, match="camvid11: maps the taxonomy camvid11, but"):
        scored(project, config, space="camvid11")
    with pytest.raises(InputError, match="cannot be given in merged10_background"):
        scored(project, config, space="merged10_background")
    with pytest.raises(InputError, match="did you mean 'merged10'"):
        scored(project, config, space="merged1")


def test_data_of_another_taxonomy_is_refused(project: Path, bundle: Bundle, tmp_path: Path):
    camvid = camvid_like(tmp_path / "camvid", train=2, val=2, test=1)
    with pytest.raises(InputError, match=r"'cityscapes19' is over .* labelled in camvid11"):
        scored(project, configured(project, camvid))


def test_a_directory_without_a_bundle_is_refused(project: Path, root: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"bundle\.json"):
        evaluate_bundle(
            project,
            configured(project, root),
            tmp_path,
            split="val",
            space=None,
            rule="sum",
            full_size=False,
            caching=lambda done, total: None,
        )


def test_the_size_of_scores_is_the_configured_one_unless_it_is_asked_for(
    project: Path, bundle: Bundle, root: Path
):
    own = configured(project, root, **{"data.scored_at": "own"})
    full = scored(project, own, full_size=True)
    assert scored(project, own, full_size=None) == full
    assert scored(project, own, full_size=False).size == "32x64"
    assert scored(project, configured(project, root), full_size=None).size == "32x64"


def test_a_model_whose_images_keep_their_shape_is_scored_at_the_masks_own_size(
    project: Path, bundle: Bundle, root: Path
):
    """48 x 80 fits into 32 x 64 as 32 x 53, and is seen padded to 32 x 64."""
    preprocessing = replace(bundle.preprocessing, resize="fit")
    save_bundle(project / "fit", replace(bundle, preprocessing=preprocessing))
    found = scored(project, configured(project, root), "fit", full_size=None)
    assert found.size == "the masks' own size"
    resized = scored(project, configured(project, root), "fit", full_size=False)
    assert resized.size == "the largest that fits into 32x64"
    numbers = range(SPLITS["test"])
    truth = np.stack([np.load(root / "test" / "label" / f"{n}.npy") for n in numbers])
    compute = choose_compute("fp32")
    model = compute.place(bundle.model)
    guesses = []
    for number in numbers:
        image = resize_image(np.load(root / "test" / "image" / f"{number}.npy"), (32, 53))
        pixels = compute.send(torch.from_numpy(image).permute(2, 0, 1)[None])
        with torch.inference_mode():
            logits = model(F.pad(bundle.preprocessing.normalize(pixels), (0, 11)))[..., :53]
        large = F.interpolate(logits, OWN_SIZE, mode="bilinear", align_corners=False)
        guesses.append(large.argmax(dim=1).cpu().numpy()[0])
    guess, present = np.stack(guesses)[truth >= 0], np.unique(truth[truth >= 0])
    ious = jaccard_score(truth[truth >= 0], guess, labels=present, average=None)
    assert found.scores["miou"] == pytest.approx(float(np.mean(ious)), abs=1e-9)


def test_several_views_are_scored_and_said(project: Path, bundle: Bundle, root: Path):
    config = configured(project, root)
    views = parse_views("flip,scales=1,1.5")
    found = scored(project, config, views=views)
    assert (found.tta, scored(project, config).tta) == ("flip,scales=1,1.5", None)
    assert found.to_dict()["tta"] == "flip,scales=1,1.5"
    assert found.table != scored(project, config).table
    assert found.table["pixels"] == scored(project, config).table["pixels"]


def test_void_is_never_scored(project: Path, bundle: Bundle, root: Path):
    labels = [np.load(root / "test" / "label" / f"{n}.npy") for n in range(SPLITS["test"])]
    result = scored(project, configured(project, root), full_size=True)
    assert sum(result.table["pixels"]) == sum(int((mask >= 0).sum()) for mask in labels)


def test_other_protocols_are_scikit_learns_from_the_files_at_both_sizes(
    project: Path, bundle: Bundle, root: Path
):
    config = configured(project, root)
    found = scored(project, config, protocols=True)
    assert found.protocols is not None
    rows = {row["key"]: row["scores"] for row in found.protocols["rows"]}
    full = scored(project, config, full_size=True)
    assert rows["segexp"] == {
        "32x64": found.scores["miou"],
        "the masks' own size": full.scores["miou"],
    }
    logits = _logits(bundle, root)
    guess = F.interpolate(logits, OWN_SIZE, mode="bilinear", align_corners=False)
    guess = guess.argmax(dim=1).cpu().numpy().ravel()
    numbers = range(SPLITS["test"])
    truth = np.stack([np.load(root / "test" / "label" / f"{n}.npy") for n in numbers]).ravel()
    present = sorted({*truth.tolist()} - {-1})
    assert (truth == -1).any()
    # With void pixels among the others: none of the labels that are averaged, so always wrong.
    expected = {
        "void_error": jaccard_score(truth, guess, labels=present, average="macro"),
        "micro": jaccard_score(
            truth[truth >= 0], guess[truth >= 0], labels=range(19), average="micro"
        ),
    }
    for key, value in expected.items():
        assert rows[key]["the masks' own size"] == pytest.approx(value, abs=1e-9)
    assert rows["void_error"]["32x64"] < rows["segexp"]["32x64"]


def test_protocols_are_scored_only_where_they_are_asked_for(
    project: Path, bundle: Bundle, root: Path
):
    assert scored(project, configured(project, root)).protocols is None


def _logits(bundle: Bundle, root: Path) -> torch.Tensor:
    """Of the test images, at the model's size."""
    images = [np.load(root / "test" / "image" / f"{n}.npy") for n in range(SPLITS["test"])]
    small = np.stack([resize_image(image, (32, 64)) for image in images])
    compute = choose_compute("fp32")
    batch = compute.send(torch.from_numpy(small).permute(0, 3, 1, 2))
    model = compute.place(bundle.model)
    with torch.inference_mode():
        return torch.cat([model(i[None]) for i in bundle.preprocessing.normalize(batch)])


def test_probabilities_are_added_as_the_bundle_says_and_a_note_says_so(
    project: Path, bundle: Bundle, root: Path
):
    config = configured(project, root)
    older = scored(project, config, space="merged10")
    assert older.reading is not None
    assert "from an earlier segexp" in older.reading
    pixels = tuple(range(1, 20))
    prior = Prior("inverse_frequency", pixels, (1000,) * 19)
    save_bundle(project / "bundle", replace(bundle, reading=Reading(3.0, False, prior)))
    try:
        read = scored(project, config, space="merged10")
        assert read.reading == "softmax, temperature 3.00, inverse_frequency weights divided out"
        assert read.table != older.table
        for other in ({"space": "merged10", "rule": "argmax"}, {}):
            assert scored(project, config, **other).reading is None  # nothing is added up
        assert scored(project, config).to_dict()["reading"] is None
    finally:
        save_bundle(project / "bundle", bundle)


def test_a_model_of_other_data_is_scored_with_a_warning_that_has_both_digests(
    project: Path, bundle: Bundle, root: Path, tmp_path: Path
):
    config = configured(project, root)
    digest = digest_of(project, find_source(project, config, []))
    for known, count in ((digest, 0), ("0123456789abcdef", 1)):
        origin = {"dataset": "streets", "dataset_hash": known, "heldout_by": None}
        save_bundle(tmp_path / known, replace(bundle, origin=origin))
        found = scored(project, config, str(tmp_path / known)).warnings
        assert len([text for text in found if "was trained on streets" in text]) == count
    assert found[-1].startswith(
        f"the model was trained on streets (0123456789abcdef), and {root} has other data ({digest})"
    )
    assert "--data DIR or SEGEXP_DATA" in found[-1]
    shutil.copytree(root, tmp_path / "copy")
    elsewhere = configured(project, tmp_path / "copy")
    assert not any(
        "other data" in text for text in scored(project, elsewhere, str(tmp_path / digest)).warnings
    )
