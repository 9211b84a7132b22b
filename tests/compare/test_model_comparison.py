"""Two models of different mappings and sizes on three images, and what `evaluate` says of each."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.trees import picture, save
from segexp.compare.model_comparison import ModelComparison, compare_models, comparison_to_dict
from segexp.compare.page.models_page import models_page
from segexp.core.config import Config
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.evaluation.saved import evaluate_bundle
from segexp.labels.files import find_mapping
from segexp.labels.mapping import common_space
from segexp.training.bundle import Bundle, load_bundle, save_bundle
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing
from tests.report.parsed import read_page


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, lay_out_project: Callable[[Path], Path]
) -> Path:
    """A project with Kaggle's layout of random masks, and two untrained models."""
    project = lay_out_project(tmp_path_factory.mktemp("models") / "project")
    rng = np.random.default_rng(0)
    for split, count in {"train": 2, "val": 2, "test": 3}.items():
        for number in range(count):
            labels = rng.integers(-1, 19, (6, 10)).repeat(8, axis=0).repeat(8, axis=1)
            save(project / "streets" / split / "label" / f"{split}{number}.npy", labels)
            image = picture(100 * len(split) + number, (48, 80))
            save(project / "streets" / split / "image" / f"{split}{number}.npy", image)
    for name, size in (("cityscapes19", (32, 64)), ("merged10", (64, 64))):
        mapping = find_mapping(project, name)
        torch.manual_seed(len(name))
        model = make_model("Unet", "mobilenet_v2", None, len(mapping.classes), 0.25)
        with torch.no_grad():
            model(torch.randn(4, 3, *size))
        preprocessing = Preprocessing(size, (0.4, 0.45, 0.5), (0.2, 0.25, 0.3))
        bundle = Bundle("Unet", "mobilenet_v2", 0.25, mapping, preprocessing, {}, {}, model.eval())
        save_bundle(project / name, bundle)
    return project


@pytest.fixture(scope="module")
def config(project: Path) -> Config:
    overrides = {"data.format": "auto", "data.root": str(project / "streets")}
    return load_config(project / "config.yaml", overrides)


def compared(project: Path, config: Config, *names: str, **options: Any) -> ModelComparison:
    bundles = [(name, load_bundle(project / name)) for name in names]
    asked: dict[str, Any] = {"split": "heldout", "full_size": None, "caching": lambda *_: None}
    return compare_models(project, config, bundles, **asked | options)


@pytest.fixture(scope="module")
def found(project: Path, config: Config) -> ModelComparison:
    return compared(project, config, "cityscapes19", "merged10")


def test_each_score_and_interval_is_what_evaluate_gives_in_the_common_space(
    project: Path, config: Config, found: ModelComparison
) -> None:
    common = common_space([find_mapping(project, name) for name in ("cityscapes19", "merged10")])
    assert found.common.names == common.names
    assert found.size == "the masks' own size"  # they see images at two sizes
    for name, score in zip(("cityscapes19", "merged10"), found.scores, strict=True):
        expected = evaluate_bundle(
            project,
            config,
            project / name,
            split="heldout",
            space=common,
            rule="sum",
            full_size=True,
            caching=lambda *_: None,
        )
        assert expected.interval is not None
        interval = (expected.interval["low"], expected.interval["high"])
        assert score == pytest.approx((expected.scores["miou"], *interval))


def test_the_difference_is_that_of_the_scores_and_says_that_images_are_its_only_luck(
    found: ModelComparison,
) -> None:
    content = comparison_to_dict(found)
    first, second = content["models"]
    assert "delta" not in first
    assert second["delta"] == pytest.approx(second["miou_common"] - first["miou_common"])
    low, high = second["delta_interval"]
    assert low <= second["delta"] <= high
    assert any("over the images alone" in caveat for caveat in content["caveats"])
    assert [row["class"] for row in second["per_class"]] == content["common_space"]


def test_pictures_agree_with_the_matrices_that_were_counted(found: ModelComparison) -> None:
    for place in range(3):
        scene = found.shown.scene(place)
        assert scene.truth.shape == (48, 80)
        scored = scene.truth != 255
        for model, prediction in enumerate(scene.predictions):
            matrix = found.shown.matrices[model, place]
            assert int(((prediction == scene.truth) & scored).sum()) == np.trace(matrix[:, :-1])
            assert int(scored.sum()) == matrix.sum()


def test_three_models_are_compared_with_the_first(
    project: Path, config: Config, found: ModelComparison
) -> None:
    third = replace(load_bundle(project / "merged10"), origin={"study": "s", "trial": 1})
    save_bundle(project / "third", third)
    three = compared(project, config, "cityscapes19", "merged10", "third")
    assert [(pair.a, pair.b) for pair in three.pairs] == [
        ("cityscapes19", "merged10"),
        ("cityscapes19", "third"),
    ]
    assert three.scores[1] == three.scores[2]  # the same network
    page = read_page(models_page(comparison_to_dict(three), three.shown)["gallery.html"])
    assert "Each model is one training" in page.text
    assert "Each arm" not in page.text
    assert ["cityscapes19", "cityscapes19", "Unet, mobilenet_v2"] in [row[:3] for row in page.rows]


def test_what_cannot_be_asked_is_refused(project: Path, config: Config) -> None:
    with pytest.raises(InputError, match=r"32x64 .* and all are scored at the masks' own size"):
        compared(project, config, "cityscapes19", "merged10", full_size=False)
