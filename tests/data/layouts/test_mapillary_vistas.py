"""Mapillary Vistas, its versions and its first release."""

from dataclasses import replace

import pytest

from harness.trees import CAMVID, lay_out, opened, pairs_of, picture, save
from segexp.data.layout import layout_of

NAME = "0035fkbjWljhaftpVM37-g"


def pairs(version):
    return {
        split: {f"{folder}/images/{NAME}.jpg": f"{folder}/{version}labels/{NAME}.png"}
        for split, folder in (("train", "training"), ("val", "validation"))
    }


def vistas(root, *versions):
    for version in versions:
        for of_split in pairs(version).values():
            lay_out(root, of_split)
        for folder in ("training", "validation"):
            save(root / folder / version / "instances" / f"{NAME}.png", picture(7))
            save(root / folder / version / "panoptic" / f"{NAME}.png", picture(7))
    save(root / "testing" / "images" / "x.jpg", picture(8))
    return root


@pytest.mark.parametrize(
    ("version", "taxonomy"), [("v1.2/", "vistas_v12"), ("v2.0/", "vistas_v20"), ("", "vistas_v12")]
)
def test_labels_are_read_and_instances_are_not(tmp_path, version, taxonomy):
    source = opened(vistas(tmp_path, version))
    assert source.format == "mapillary-vistas"
    assert source.faults == ()
    assert pairs_of(source) == pairs(version)
    assert layout_of("mapillary-vistas").taxonomy(tmp_path) == taxonomy


def test_the_taxonomy_decides_between_two_versions(tmp_path):
    vistas(tmp_path, "v1.2/", "v2.0/")
    source = opened(tmp_path)
    assert source.faults == ()
    assert pairs_of(source) == pairs("v1.2/")
    note = f"{tmp_path}: the masks of v2.0 are left out; data.taxonomy: vistas_v20 reads them"
    assert note in source.notes
    assert pairs_of(opened(tmp_path, replace(CAMVID, name="vistas_v20"))) == pairs("v2.0/")
