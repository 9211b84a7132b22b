from pathlib import Path

import pytest

from segexp.compare.arms import parse_arms
from segexp.compare.trainable import can_train, names_data, settings_elsewhere
from segexp.core.config import Config


@pytest.mark.parametrize(
    ("names", "there"),
    [
        (["merged10"], True),
        (["merged10", "cityscapes34"], True),  # a taxonomy's name is a mapping, too
        (["cityscapes19+merged10"], True),
        (["cityscapes19+merged7"], False),
        (["merged10", "absent"], False),
    ],
)
def test_arms_are_trained_where_the_files_of_all_mappings_are(
    project: Path, names: list[str], *, there: bool
) -> None:
    config = Config.model_validate({"data": {"format": "synthetic"}})
    assert can_train(project, config, names) is there


def test_arms_are_trained_where_the_folder_of_the_data_is(project: Path) -> None:
    streets = Config.model_validate({"data": {"root": "streets", "format": "auto"}})
    assert not can_train(project, streets, ["merged10"])
    (project / "streets").mkdir()
    assert can_train(project, streets, ["merged10"])
    nowhere = Config.model_validate({"data": {"root": None, "format": "folder"}})
    assert not can_train(project, nowhere, ["merged10"])


def test_scenes_are_drawn_only_where_the_project_speaks_of_its_data(project: Path) -> None:
    assert can_train(project, Config(), ["merged10"])
    (project / "config.yaml").write_text("storage: null\n", encoding="utf-8")
    assert not can_train(project, Config(), ["merged10"])


def test_data_is_named_by_keys_that_say_which_images_there_are() -> None:
    assert names_data(["training.epochs", "data.root"])
    assert names_data(["data.synthetic.train"])
    assert not names_data(["data.image_size", "data.resize", "tracking.uri"])


def test_the_settings_that_scores_depend_on_are_compared_as_definitions_have_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.yaml").write_text("storage: null\n", encoding="utf-8")
    arms = parse_arms(["merged10", "cityscapes19"])
    overrides = {
        "training.epochs": 3,
        "image_size": [64, 96],
        "tracking.uri": "http://mlflow:5000",
        "mapping": "merged10",
        "training.precision": "auto",
        "trials": 7,
    }
    found = settings_elsewhere(tmp_path, overrides, arms)
    assert found is not None
    assert found[0].tracking.uri == "http://mlflow:5000"
    assert found[1] == {"training.epochs": "3", "data.image_size": "[64, 96]"}
    assert settings_elsewhere(tmp_path, {"data.root": "streets"}, arms) is None


def test_a_project_that_can_train_is_not_elsewhere(project: Path) -> None:
    assert settings_elsewhere(project, {}, parse_arms(["merged10", "cityscapes19"])) is None
