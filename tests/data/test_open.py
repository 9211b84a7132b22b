import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.trees import camvid_like, cityscapes_like, npy_like, picture, raw_mask, save
from segexp.core.config import Config
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.data.cache import Dataset
from segexp.data.open import (
    describe_data,
    find_source,
    find_taxonomy,
    mappings_over,
    open_data,
)
from segexp.labels.files import find_mapping, find_mappings
from segexp.training.preprocess import IMAGENET_MEAN, IMAGENET_STD, make_preprocessing


def configured(project: Path, **values: object) -> Config:
    overrides = {f"data.{key}": value for key, value in values.items()}
    return load_config(project / "config.yaml", overrides)


def opened(project: Path, config: Config) -> Dataset:
    source = find_source(project, config, [])
    return open_data(project, config, source, lambda done, total: None)


def with_data(project: Path, root: Path, **values: object) -> Dataset:
    mapping = {"camvid_like": "camvid11"}.get(root.name, "cityscapes19")
    config = configured(project, format="auto", root=str(root), **values)
    source = find_source(project, config, [find_mapping(project, mapping)])
    return open_data(project, config, source, lambda done, total: None)


def faults_of(project: Path, config: Config, *mappings: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        find_source(project, config, find_mappings(project, mappings))
    return caught.value.faults


def test_an_unknown_mapping_is_answered_with_the_nearest_and_all(project: Path):
    with pytest.raises(InputError) as caught:
        find_mapping(project, "cityscape19")
    (fault,) = caught.value.faults
    assert "'cityscape19'" in fault
    assert str(project / "mappings") in fault
    assert "did you mean 'cityscapes19'?" in fault
    assert "merged10_two_wheeler" in fault


def test_an_unknown_taxonomy_is_answered_with_the_nearest_and_all(project: Path):
    with pytest.raises(InputError, match=r"'camvid1' .*did you mean 'camvid11'.*cityscapes19"):
        find_taxonomy(project, "camvid1")
    assert find_taxonomy(project, "camvid11").name == "camvid11"


def test_the_mappings_over_a_taxonomy_are_listed_without_the_broken_ones(project: Path):
    (project / "mappings" / "broken.yaml").write_text("name: broken\ntaxonomy: camvid11\n")
    names = [m.name for m in mappings_over(project, find_taxonomy(project, "camvid11"))]
    assert names == ["camvid11", "camvid11_to_19", "camvid_merged6"]


def test_mappings_over_another_taxonomy_are_each_refused_with_the_fitting_ones_named(
    project: Path, tmp_path: Path
):
    root = camvid_like(tmp_path / "camvid_like", train=2, val=2, test=1)
    config = configured(project, format="auto", root=str(root))
    faults = faults_of(project, config, "cityscapes19", "camvid11", "merged10")
    assert len(faults) == 2
    for fault, name in zip(faults, ("cityscapes19", "merged10"), strict=True):
        assert f"mapping '{name}' is over the taxonomy cityscapes19" in fault
        assert f"(folder, {root}) is labelled in camvid11" in fault
        assert (
            "take one that fits it with --mapping: camvid11, camvid11_to_19, camvid_merged6; or set"
            in fault
        )


def test_synthetic_data_refuses_a_mapping_over_another_taxonomy(project: Path):
    (fault,) = faults_of(project, configured(project), "camvid11")
    assert fault.endswith("; or name data labelled in camvid11 with --data DIR")
    assert "(synthetic) is labelled in cityscapes19" in fault
    assert "categories7, cityscapes19, merged10" in fault


def test_a_model_that_does_not_fit_is_answered_with_data_and_never_with_a_mapping(
    project: Path, tmp_path: Path
):
    camvid11 = find_mappings(project, ["camvid11"])
    with pytest.raises(InputError) as caught:
        find_source(project, configured(project), camvid11, named_by=None)
    (fault,) = caught.value.faults
    assert fault.endswith("in cityscapes19; name data labelled in camvid11 with --data DIR")
    config = configured(project, format="auto", root=str(camvid_like(tmp_path / "c", test=1)))
    with pytest.raises(InputError) as caught:
        find_source(project, config, find_mappings(project, ["merged10"]), named_by=None)
    (fault,) = caught.value.faults
    assert "; name data labelled in cityscapes19 with --data DIR, or set data.taxonomy, if" in fault
    assert "camvid_merged6" not in fault


def test_a_missing_folder_is_named(project: Path, tmp_path: Path):
    config = configured(project, format="auto", root=str(tmp_path / "nowhere"))
    assert faults_of(project, config) == (f"data.root: {tmp_path / 'nowhere'}: no such folder",)
    (tmp_path / "file").touch()
    config = configured(project, format="folder", root=str(tmp_path / "file"))
    assert "no such folder" in faults_of(project, config)[0]


@pytest.mark.parametrize("layout", ["auto", "folder", "cityscapes", "cityscapes-npy"])
def test_a_format_of_files_needs_a_folder(project: Path, layout: str):
    (fault,) = faults_of(project, configured(project, format=layout))
    assert "data.root: null" in fault
    assert repr(layout) in fault
    assert "--data DIR" in fault


def test_a_relative_folder_starts_at_the_project_and_a_tilde_at_home(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    camvid_like(project / "data" / "camvid_like", train=2, val=2, test=1)
    monkeypatch.chdir(tmp_path)
    config = configured(project, format="auto", root="data/camvid_like")
    assert find_source(project, config, []).root == project / "data" / "camvid_like"
    monkeypatch.setenv("HOME", str(project))
    config = configured(project, format="auto", root="~/data/camvid_like")
    assert find_source(project, config, []).root == project / "data" / "camvid_like"


@pytest.mark.parametrize(
    ("make", "layout", "taxonomy"),
    [
        (camvid_like, "folder", "camvid11"),
        (npy_like, "cityscapes-npy", "cityscapes19"),
        (cityscapes_like, "cityscapes", "cityscapes19"),
    ],
)
def test_the_format_is_recognised_and_implies_the_taxonomy(
    project: Path, tmp_path: Path, make, layout: str, taxonomy: str
):
    root = make(tmp_path / "data", train=2, val=2)
    source = find_source(project, configured(project, format="auto", root=str(root)), [])
    assert (source.format, source.taxonomy.name) == (layout, taxonomy)


def images_and_masks(root: Path) -> Path:
    """`images/<split>` beside `masks/<split>`: a layout that does not tell its taxonomy."""
    for number, split in enumerate(("train", "train", "val", "val", "test")):
        save(root / "images" / split / f"{number}.png", picture(number))
        save(root / "masks" / split / f"{number}.png", raw_mask(number))
    return root


def test_a_layout_that_does_not_tell_is_refused_whatever_the_mapping(project: Path, tmp_path: Path):
    root = images_and_masks(tmp_path / "data")
    config = configured(project, format="auto", root=str(root))
    for mappings in ((), ("camvid_merged6",), ("camvid11", "cityscapes19")):
        faults = faults_of(project, config, *mappings)
        assert faults[0].startswith(f"{root}: nothing says which labels its masks hold")
    config = configured(project, format="auto", root=str(root), taxonomy="camvid11")
    mapping = find_mapping(project, "camvid_merged6")
    assert find_source(project, config, [mapping]).taxonomy.name == "camvid11"


def test_the_configured_taxonomy_decides_where_there_is_one(project: Path, tmp_path: Path):
    root = images_and_masks(tmp_path / "data")
    config = configured(project, format="auto", root=str(root), taxonomy="camvid11")
    (fault,) = faults_of(project, config, "cityscapes19")
    assert "is labelled in camvid11" in fault
    config = configured(project, format="auto", root=str(root), taxonomy="camvid1")
    assert "did you mean 'camvid11'" in faults_of(project, config)[0]


def test_synthetic_data_is_of_the_configured_size_and_number_and_cached_in_the_project(
    project: Path,
):
    dataset = opened(project, configured(project, **{"image_size": [32, 96], "synthetic.test": 2}))
    counts = [len(split) for split in (dataset.train, dataset.val, dataset.heldout)]
    assert counts == [6, 3, 2]
    assert dataset.train.images.shape == (6, 32, 96, 3)
    assert (project / ".segexp" / "cache").is_dir()


def test_the_description_always_says_synthetic_for_drawn_data(project: Path):
    text = describe_data(opened(project, configured(project)))
    assert text == ("data: synthetic: 6 train, 3 val, 3 held-out (test split) images, 32x64")
    without_test = configured(project, **{"synthetic.test": 0, "synthetic.val": 4})
    text = describe_data(opened(project, without_test))
    assert "synthetic: 6 train, 2 val, 2 held-out (a half of val, by image) images" in text


def test_the_description_of_files_says_where_and_how_they_are_resized(
    project: Path, tmp_path: Path
):
    root = camvid_like(tmp_path / "camvid_like", train=2, val=2, test=1)
    text = describe_data(with_data(project, root, image_size=[96, 128]))
    assert f"data: folder in {root}: 2 train, 2 val, 1 held-out (test split) images" in text
    assert text.endswith("6x8 resized to 96x128")  # 3:4 as before


@pytest.mark.parametrize(
    ("size", "stretch"),
    [([32, 64], "1.50"), ([96, 64], "2.00"), ([32, 32], "1.33"), ([64, 96], "1.12")],
)
def test_a_size_of_another_aspect_is_warned_of(
    project: Path, tmp_path: Path, size: list[int], stretch: str
):
    root = camvid_like(tmp_path / "camvid_like", train=2, val=2, test=1)  # 6 x 8
    text = describe_data(with_data(project, root, image_size=size, resize="stretch"))
    way_out = f"(stretched by {stretch}; data.resize: fit keeps their shape)"
    assert f"resized to {size[0]}x{size[1]} {way_out}" in text


@pytest.mark.parametrize(
    ("rule", "size", "text"),
    [
        ("stretch", [32, 96], "6x8 and 1 other size resized to 32x96 (4 of 5 images stretched by"),
        ("fit", [32, 64], "6x8 and 1 other size resized to 32x43 and 1 other size"),
        ("none", [32, 64], "6x8 and 1 other size"),
        ({"factor": 10.0}, [32, 64], "resized to 60x80 and 1 other size, seen 32x64 at once"),
    ],
)
def test_the_description_tells_sizes_by_the_rule(
    project: Path, tmp_path: Path, rule: object, size: list[int], text: str
):
    root = camvid_like(tmp_path / "camvid_like", train=2, val=2, test=1)  # 6 x 8
    save(root / "train" / "train_0.png", picture(50, (4, 12)))
    save(root / "trainannot" / "train_0.png", raw_mask(50, (4, 12)))
    described = describe_data(with_data(project, root, image_size=size, resize=rule))
    assert text in described
    assert ("seen" in described) == ("seen" in text)


def test_statistics_are_the_train_splits_own_or_imagenets(project: Path):
    config = configured(project, normalization="dataset")
    dataset = opened(project, config)
    own = make_preprocessing(config, dataset)
    pixels = np.asarray(dataset.train.images, np.float64).reshape(-1, 3) / 255
    assert own.image_size == (32, 64)
    assert own.mean == pytest.approx(pixels.mean(axis=0), abs=1e-9)
    assert own.std == pytest.approx(pixels.std(axis=0), abs=1e-9)
    imagenet = make_preprocessing(configured(project, normalization="imagenet"), dataset)
    assert (imagenet.mean, imagenet.std) == (IMAGENET_MEAN, IMAGENET_STD)


def test_a_project_without_mappings_says_so(project: Path):
    shutil.rmtree(project / "mappings")
    with pytest.raises(InputError, match="there are none"):
        find_mapping(project, "merged10")


def test_no_aspect_is_warned_of_where_nothing_is_resized(project: Path):
    dataset = opened(project, configured(project))
    assert "resized" not in describe_data(dataset)
    larger = replace(dataset, report=replace(dataset.report, sizes={(64, 128): 12}))
    assert "64x128 resized to 32x64" in describe_data(larger)


def test_an_implied_taxonomy_that_a_project_lacks_is_told_where_it_is(project, tmp_path):
    (project / "mappings" / "taxonomies" / "camvid11.yaml").unlink()
    root = camvid_like(tmp_path / "streets", train=2, val=2)
    config = load_config(project / "config.yaml", {"data.root": str(root), "data.format": "auto"})
    with pytest.raises(InputError) as caught:
        find_source(project, config, [])
    first, advice = caught.value.faults
    assert first.startswith("taxonomy 'camvid11' is not in ")
    assert "the layout folder implies it" in advice
    assert "copy mappings/taxonomies/camvid11.yaml" in advice


def test_a_taxonomy_that_is_not_the_one_of_the_folder_names_is_noted(project: Path, tmp_path: Path):
    """Ids of CamVid are ids of Cityscapes, too: nothing else would tell."""
    root = camvid_like(tmp_path / "other", train=2, val=2)
    config = configured(project, format="auto", root=str(root), taxonomy="cityscapes19")
    (warning,) = find_source(project, config, []).warnings
    assert warning == (
        f"the folders of {root} tell camvid11, but data.taxonomy says cityscapes19, in which masks "
        "are read"
    )
    config = configured(project, format="auto", root=str(root))
    assert find_source(project, config, []).warnings == ()


def test_what_says_how_a_folder_is_read_is_refused_beside_drawn_scenes(project: Path):
    layout = {"images": "a/*", "masks": "b/*"}
    config = configured(project, format="synthetic", layout=layout, masks={"void": [7]})
    tree, masks = faults_of(project, config)
    assert tree.startswith("data.layout: describes a folder, but data.format is synthetic; set")
    assert masks == (
        "data.masks: says how the masks of a folder are read, but data.format is synthetic; set "
        "data.format to auto, or data.masks to null"
    )
