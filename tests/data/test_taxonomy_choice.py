"""What is said of a data set whose taxonomy nobody has named."""

from pathlib import Path

import numpy as np
import pytest

from harness.trees import picture, save
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.data.open import find_source

SPLITS = ("train", "train", "val", "val")


def refused(project: Path, root: Path, *masks: list[int] | np.ndarray) -> tuple[str, ...]:
    """Refuse `images/<split>` beside `masks/<split>`, one mask after the other."""
    for number, split in enumerate(SPLITS):
        mask = masks[number % len(masks)]
        pixels = np.resize(np.array(mask, np.uint8), (6, 8)) if isinstance(mask, list) else mask
        save(root / "images" / split / f"{number}.png", picture(number))
        save(root / "masks" / split / f"{number}.png", pixels)
    config = load_config(project / "config.yaml", {"data.root": str(root), "data.format": "auto"})
    with pytest.raises(InputError) as caught:
        find_source(project, config, [])
    return caught.value.faults


def test_the_ids_are_shown_with_their_shares_and_what_taxonomies_would_make_of_them(
    project: Path, tmp_path: Path
):
    # Background, cat and dog: 0 is 3/4 of the pixels, 1 and 2 an eighth each.
    seen, fitting, own = refused(project, tmp_path / "pets", [0, 0, 0, 1, 0, 0, 0, 2])
    assert "data.taxonomy is null" in seen
    assert seen.endswith("4 of them hold the ids 0 75.0%, 1 12.5%, 2 12.5% of the pixels")
    assert "camvid11 (0 sky, 1 building, 2 pole); cityscapes19 (0 road, 1 sidewalk, 2 b" in fitting
    assert "--set data.taxonomy=NAME" in fitting
    assert '"classes": ["name of 0", "name of 1", "name of 2"]' in own
    assert "segexp mapping import labels.json --new-taxonomy NAME`, and" in own


def test_taxonomies_that_do_not_know_every_id_are_not_offered(project: Path, tmp_path: Path):
    _, fitting, own = refused(project, tmp_path / "data", [0, 255])
    assert "cityscapes19 (0 road, 255 void)" in fitting
    assert "camvid11" not in fitting
    assert "--new-taxonomy NAME --ids 0,255`" in own
    _, fitting, own = refused(project, tmp_path / "other", [190, 191], [192, 255])
    assert fitting.startswith("none of the taxonomies in ")
    assert "--ids 190,191,192`" in own


def test_taxonomies_that_use_most_of_their_labels_come_first(project: Path, tmp_path: Path):
    _, fitting, _ = refused(project, tmp_path / "data", list(range(21)), [20, 255])
    assert " these: voc21 (0 background, 20 tvmonitor, 255 void); idd26 (0 road, " in fitting
    assert "); and cityscapes34, idd40, vistas_v12, vistas_v20, ade150. If " in fitting


def test_a_taxonomy_that_calls_all_of_it_void_is_not_offered(project: Path, tmp_path: Path):
    _, fitting, _ = refused(project, tmp_path / "data", [0, 1], [2, 3])
    assert "cityscapes34" not in fitting  # unlabeled, ego vehicle, rectification border, out of roi


def test_colours_are_shown_where_masks_are_rgb(project: Path, tmp_path: Path):
    colors = np.zeros((6, 8, 3), np.uint8)
    colors[0] = (250, 50, 83)
    seen, fitting, own = refused(project, tmp_path / "cvat", colors)
    assert "the colours (0, 0, 0) 83.3%, (250, 50, 83) 16.7% of the pixels" in seen
    assert fitting.startswith("none of the taxonomies in ")
    assert '"palette": [[0, 0, 0], [250, 50, 83]]' in own
    assert "--ids" not in own


@pytest.mark.parametrize(
    ("mask", "held"),
    [
        ([255], "255"),
        ([0], "0"),
        ([7], "7"),
        (np.zeros((6, 8, 3), np.uint8), "(0, 0, 0)"),
    ],
)
def test_from_masks_of_one_value_there_is_nothing_to_learn(
    project: Path, tmp_path: Path, mask: list[int] | np.ndarray, held: str
):
    """A taxonomy of one class would be refused by the next command, and one of none, too."""
    _, nothing = refused(project, tmp_path / "data", mask)
    assert f"there is nothing to learn from masks that hold {held} alone" in nothing
    assert "name of" not in nothing.partition("if masks beside these 4 hold more labels")[0]


def test_what_is_wrong_with_the_folder_is_said_besides(project: Path, tmp_path: Path):
    root = tmp_path / "data"
    (root / "images" / "train").mkdir(parents=True)
    save(root / "images" / "train" / "stray.png", picture(9))
    faults = refused(project, root, [0, 1])
    assert len(faults) == 5
    assert "stray.png: image without mask" in faults[-1]
    assert faults[-2].endswith("unpaired: skip}")


def test_the_configured_taxonomy_says_it(project: Path, tmp_path: Path):
    root = tmp_path / "data"
    refused(project, root, [0, 1])
    config = load_config(
        project / "config.yaml",
        {"data.root": str(root), "data.format": "auto", "data.taxonomy": "camvid11"},
    )
    assert find_source(project, config, []).taxonomy.name == "camvid11"
