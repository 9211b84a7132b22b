import pytest

from segexp.data.sequences import certain_places, places_of

CITIES = ["ulm_000003_000019", "ulm_000004_000019", "bonn_000003_000019"]


def test_cityscapes_ids_name_city_and_sequence() -> None:
    assert places_of("city", CITIES, "cityscapes") == ["ulm", "ulm", "bonn"]
    sequences = places_of("sequence", CITIES, "cityscapes")
    assert sequences == ["ulm_000003", "ulm_000004", "bonn_000003"]
    assert certain_places("sequence", CITIES, "cityscapes") == sequences


def test_one_id_of_another_form_and_nothing_is_said() -> None:
    assert places_of("city", [*CITIES, "aerial"], "cityscapes") is None


def test_a_folder_of_frames_is_taken_for_videos_where_there_are_fewer_videos_than_images() -> None:
    frames = ["0016E5_07959", "0016E5_07961", "Seq05VD_f00000"]
    assert places_of("sequence", frames, "folder") == ["0016E5", "0016E5", "Seq05VD"]
    assert certain_places("sequence", frames, "folder") == ["0016E5", "0016E5", "Seq05VD"]
    assert places_of("sequence", ["a_1", "b_1"], "folder") is None
    assert places_of("city", frames, "folder") is None


@pytest.mark.parametrize("ids", [["img_0001", "img_0002"], ["2007_000027", "2007_000032"]])
def test_a_word_or_a_year_is_a_guess_and_not_certain(ids: list[str]) -> None:
    assert places_of("sequence", ids, "folder") is not None
    assert certain_places("sequence", ids, "folder") is None


def test_drawn_scenes_are_in_no_sequence() -> None:
    assert places_of("sequence", ["00000", "00001"], "synthetic") is None
