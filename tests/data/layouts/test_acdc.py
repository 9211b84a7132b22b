"""ACDC's conditions and videos."""

import pytest

from harness.trees import CITYSCAPES, lay_out, opened, pairs_of, picture, save
from segexp.data.layout import layout_of
from segexp.data.sequences import places_of

PLACES = (("fog", "train", "GOPR0475"), ("night", "train", "GOPR0475"), ("fog", "val", "GP010476"))


def paths(place, kind):
    condition, split, video = place
    frame = f"{condition}/{split}/{video}/{video}_frame_000041"
    return {f"rgb_anon/{frame}_rgb_anon.png": f"gt/{frame}_gt_{kind}.png"}


@pytest.fixture
def acdc(tmp_path):
    for place in PLACES:
        for kind in ("labelIds", "labelTrainIds", "labelColor", "invIds"):
            lay_out(tmp_path, paths(place, kind))
    ref = "rgb_anon/fog/train_ref/GOPR0475/GOPR0475_frame_000041_rgb_ref_anon.png"
    save(tmp_path / ref, picture(7))
    return tmp_path


def test_train_ids_are_read_and_clear_weather_is_left_out(acdc):
    source = opened(acdc, CITYSCAPES)
    assert source.format == "acdc"
    assert source.faults == ()
    assert pairs_of(source) == {
        "train": paths(PLACES[0], "labelTrainIds") | paths(PLACES[1], "labelTrainIds"),
        "val": paths(PLACES[2], "labelTrainIds"),
    }
    assert source.reading == "default"
    assert layout_of("acdc").taxonomy(acdc) == "cityscapes19"


def test_label_ids_are_read_where_they_are_alone(acdc):
    for path in acdc.rglob("*labelTrainIds.png"):
        path.unlink()
    source = opened(acdc, CITYSCAPES)
    assert pairs_of(source)["val"] == paths(PLACES[2], "labelIds")
    assert source.reading == "labelIds"


def test_a_video_of_one_name_in_two_conditions_is_two_sequences(acdc):
    ids = [sample.id for sample in opened(acdc, CITYSCAPES).splits["train"]]
    assert ids == ["fog_GOPR0475_frame_000041", "night_GOPR0475_frame_000041"]
    assert places_of("sequence", ids, "acdc") == ["fog_GOPR0475", "night_GOPR0475"]
