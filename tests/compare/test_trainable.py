from pathlib import Path

import pytest

from segexp.compare.trainable import can_train
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
