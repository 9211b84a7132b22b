"""How saved models are called, and what is said of the images that they have seen."""

from dataclasses import replace
from pathlib import Path

import pytest

from segexp.compare.saved_models import load_models
from segexp.core.config import Config
from segexp.core.errors import InputError
from segexp.data.cache import Dataset
from segexp.evaluation.saved import data_for
from segexp.training.bundle import load_bundle, save_bundle
from tests.compare.test_model_comparison import compared, config, project

__all__ = ["config", "project"]  # fixtures


def opened(project: Path, config: Config) -> Dataset:
    bundle = load_bundle(project / "merged10")
    return data_for(project, config, bundle, "heldout", lambda *_: None)[0]


def test_a_model_is_called_by_study_and_trial_where_these_tell_all_apart(project: Path) -> None:
    bundle = load_bundle(project / "merged10")
    for name, trial in (("one", 1), ("two", 2), ("again", 2)):
        save_bundle(project / name, replace(bundle, origin={"study": "s", "trial": trial}))
    one, two, again = ((name, project / name) for name in ("one", "two", "again"))
    assert [name for name, _ in load_models([one, two])] == ["s, trial 1", "s, trial 2"]
    assert [name for name, _ in load_models([one, two, again])] == ["one", "two", "again"]


def test_one_model_is_not_compared_with_itself(project: Path) -> None:
    there = project / "merged10"
    with pytest.raises(InputError, match="b: is the model of a, too; name another one"):
        load_models([("a", there), ("b", there / ".." / "merged10")])


def test_images_that_training_or_tuning_saw_are_counted(project: Path, config: Config) -> None:
    digest = opened(project, config).hash
    origin = {"dataset_hash": digest, "dataset": "streets"}
    for name in ("known", "known_too"):
        save_bundle(project / name, replace(load_bundle(project / "merged10"), origin=origin))
    for split, expected in (
        ("train", "its training saw 2 of these 2 images, which flatter it"),
        ("val", "its tuning saw 2 of these 2 images, which flatter it"),
    ):
        found = compared(project, config, "known", "known_too", split=split)
        for name in ("known", "known_too"):
            assert f"{name}: {expected}" in found.warnings
    heldout = compared(project, config, "known", "known_too")
    assert not [warning for warning in heldout.warnings if "saw" in warning]


def test_of_other_data_it_is_not_known_what_a_model_saw(project: Path, config: Config) -> None:
    found = compared(project, config, "cityscapes19", "merged10")
    (warning, _) = (text for text in found.warnings if "is not known" in text)
    assert warning.startswith("cityscapes19: does not say what data it was trained on:")
    origin = {"dataset_hash": "0123456789abcdef", "dataset": "streets"}
    save_bundle(project / "of_streets", replace(load_bundle(project / "merged10"), origin=origin))
    found = compared(project, config, "cityscapes19", "of_streets")
    (_, warning) = (text for text in found.warnings if "is not known" in text)
    data = opened(project, config)
    assert warning.startswith(
        f"of_streets: was trained on streets (0123456789abcdef), and {data.root or data.name} has "
        f"other data ({data.hash}): "
    )
    assert "--data DIR or SEGEXP_DATA" in warning
