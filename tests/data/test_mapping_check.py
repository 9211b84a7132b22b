"""A mapping against real files, with a taxonomy that is right and with one that is off by one."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.trees import MAPPINGS, camvid_like, picture, save
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.data.mapping_check import check_on_data, find_data, names_data
from segexp.labels.files import find_mapping

ROAD_HEAVY = [0] * 30 + [*range(18)]
"""48 pixels of train ids 0 road to 17 motorcycle; 18 bicycle does not occur."""


def street_npy(root: Path, ids: list[int]) -> Path:
    """Kaggle's layout with the same labels in every mask."""
    for number, split in enumerate(("train", "train", "val", "val", "test")):
        save(root / split / "image" / f"{number}.npy", picture(number) / 255.0)
        save(root / split / "label" / f"{number}.npy", np.array(ids, np.int64).reshape(6, 8))
    return root


def numbered_from_one(project: Path, void: list[int]) -> None:
    """Write a taxonomy that calls road 1 and bicycle 19, and a mapping over it."""
    content = yaml.safe_load((MAPPINGS / "taxonomies" / "cityscapes19.yaml").read_text())
    for label in content["labels"]:
        label["id"] += 1
    del content["encodings"]
    taxonomy = content | {"name": "from_one", "void": void}
    mapping = yaml.safe_load((MAPPINGS / "merged10.yaml").read_text())
    mapping |= {"name": "mine", "taxonomy": "from_one"}
    mappings = project / "mappings"
    (mappings / "taxonomies" / "from_one.yaml").write_text(yaml.safe_dump(taxonomy))
    (mappings / "mine.yaml").write_text(yaml.safe_dump(mapping))


def check(project: Path, root: Path | None, name: str, **data: str) -> list[tuple[str, str]]:
    values = {"format": "auto", "root": str(root)} if root else {}
    overrides = {f"data.{key}": value for key, value in (values | data).items()}
    # At their own size, that no label is lost.
    config = load_config(project / "config.yaml", overrides | {"data.image_size": [32, 64]})
    mapping = find_mapping(project, name)
    source, unchecked = find_data(project, config, [mapping], mapping.taxonomy, named=True)
    assert source is not None
    assert unchecked is None
    _, warnings = check_on_data(
        *(project, config, source, mapping),
        min_share=0.001,
        max_void=0.05,
        progress=lambda done, total: None,
    )
    return [(warning.kind, warning.message) for warning in warnings]


def test_a_data_set_that_merely_lacks_a_label_is_not_called_shifted(project: Path, tmp_path: Path):
    root = street_npy(tmp_path / "data", ROAD_HEAVY)
    ((kind, message), *others) = check(project, root, "cityscapes19")
    assert kind == "absent-label"
    assert "bicycle (in bicycle)" in message
    assert [kind for kind, _ in others] == ["empty-class"]


def test_a_taxonomy_numbered_from_one_is_found_when_it_calls_road_void(
    project: Path, tmp_path: Path
):
    numbered_from_one(project, [-1, 0])
    root = street_npy(tmp_path / "data", [*ROAD_HEAVY[:-1], 18])
    found = dict(check(project, root, "mine", taxonomy="from_one"))
    assert "bicycle (in void)" in found["absent-label"]
    assert "check which raw ids the taxonomy calls void" in found["unlabelled-pixels"]
    assert found["shifted-ids"].startswith("taxonomy from_one (default): the listed ids look off")
    assert "lowered by 1" in found["shifted-ids"]
    assert "0 goes to 'road'" in found["shifted-ids"]


def test_where_the_data_is_refused_for_its_ids_the_shift_is_the_last_fault(
    project: Path, tmp_path: Path
):
    numbered_from_one(project, [-1])
    root = street_npy(tmp_path / "data", [*ROAD_HEAVY[:-1], 18])
    with pytest.raises(InputError) as caught:
        check(project, root, "mine", taxonomy="from_one")
    *refused, shift = caught.value.faults
    assert refused
    assert all("raw id 0" in fault for fault in refused)
    assert "the listed ids look off by one: lowered by 1" in shift


def test_masks_that_count_from_one_are_refused_with_the_shift(project: Path, tmp_path: Path):
    ids = [label + 1 for label in [*ROAD_HEAVY[:-1], 18]]
    root = street_npy(tmp_path / "data", [-1, *ids[1:]])
    with pytest.raises(InputError) as caught:
        check(project, root, "cityscapes19")
    assert "raw id 19" in caught.value.faults[0]
    assert caught.value.faults[-1].startswith(
        "taxonomy cityscapes19 (default): the listed ids look off by one: raised by 1 "
        "(0 -> 1, ..., 18 -> 19)"
    )


def found(project: Path, name: str | None, taxonomy: str, named: bool, **data: str):
    overrides = {f"data.{key}": value for key, value in data.items()}
    config = load_config(project / "config.yaml", overrides)
    mappings = [find_mapping(project, name)] if name else []
    return find_data(project, config, mappings, find_mapping(project, taxonomy).taxonomy, named)


@pytest.mark.parametrize("known", [True, False])
def test_only_missing_data_and_another_taxonomy_are_cause_to_check_less(
    project: Path, tmp_path: Path, known: bool
):
    root = camvid_like(tmp_path / "data", train=2, val=2, test=1)
    (tmp_path / "empty").mkdir()
    name = "merged10" if known else None
    causes = {"no such folder": "nowhere", "is labelled in camvid11": str(root)}
    for cause, folder in causes.items():
        source, reason = found(project, name, "merged10", False, root=folder, format="auto")
        assert source is None
        assert cause in reason
        with pytest.raises(InputError, match=cause):
            found(project, name, "merged10", True, root=folder, format="auto")
    with pytest.raises(InputError):
        found(project, name, "merged10", False, root=str(tmp_path / "empty"), format="auto")


def test_any_key_of_the_data_names_it():
    assert names_data(["mapping", "data.root"])
    assert names_data(["data"])
    assert not names_data(["mapping", "training.data", "database"])


def test_the_drawn_scenes_have_every_label_of_the_baseline(project: Path):
    kinds = {kind for kind, _ in check(project, None, "cityscapes19", format="synthetic")}
    assert "shifted-ids" not in kinds


def test_a_mapping_over_another_taxonomy_is_refused(project: Path, tmp_path: Path):
    root = camvid_like(tmp_path / "data", train=2, val=2, test=1)
    with pytest.raises(InputError, match="is labelled in camvid11"):
        check(project, root, "merged10")
