"""The page of arms that are folders of masks: what they are, and other protocols."""

import json

import pytest

from segexp.compare.page.ab_page import ab_page
from segexp.compare.predictions import MaskAnswer, compare_masks, plan_masks, truth_in
from tests.compare.mask_example import COARSE, FINE, lay_out
from tests.report.parsed import read_page


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> MaskAnswer:
    folders = lay_out(tmp_path_factory.mktemp("masks"))
    arms = {"<a>": folders["a"], "b": folders["b"]}
    truth = truth_in(folders["truth"], FINE.taxonomy, "folder")
    study = plan_masks("masks", arms, {"<a>": FINE, "b": COARSE}, truth)
    return compare_masks(study, "none", 0.01)


def test_the_page_is_written_from_the_json_and_calls_the_arms_by_their_names(
    answer: MaskAnswer,
) -> None:
    page = read_page(ab_page(json.loads(json.dumps(answer.result)), answer.scenes))
    assert "b against <a>" in page.text
    sections = ["The difference", "Other protocols", "The arms", "Images", "How this was computed"]
    assert [heading for heading in page.headings if heading in sections] == sections
    assert "Both collapse rules" not in page.headings
    assert "Nothing was trained" in page.text
    assert "There is one run of each arm" in page.text
    assert ["<a>", answer.result["arms"][0]["folder"], "cityscapes19 (19)", "-"] in page.rows
    assert len(page.pictures) == len(answer.scenes) == 8


def test_every_protocol_is_a_row_with_the_scores_of_both_arms_in_both_spaces(
    answer: MaskAnswer,
) -> None:
    page = read_page(ab_page(answer.result, []))
    rows = {row[0]: row for row in page.rows if row}
    protocols = answer.result["protocols"]
    for own, common in zip(protocols["own"], protocols["common"], strict=True):
        numbers = [*own["scores"].values(), *common["scores"].values()]
        assert rows[own["title"]][2:6] == [f"{number:.3f}" for number in numbers]


def test_what_no_arm_can_tell_is_said_with_its_reason(answer: MaskAnswer) -> None:
    protocols = answer.result["protocols"]
    unknown = [
        row | {"scores": dict.fromkeys(row["scores"]), "missing": "nobody knows"}
        if row["key"] == "void_error"
        else row
        for row in protocols["common"]
    ]
    sentence = "By 'micro' b scores 0.1 higher than <a>."
    changed = answer.result | {
        "protocols": protocols | {"common": unknown, "own": unknown, "sentence": sentence}
    }
    page = read_page(ab_page(changed, []))
    assert "void as an error: nobody knows." in page.text
    assert sentence in page.notes
