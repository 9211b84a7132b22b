from segexp.compare.page.ab_page import ab_page
from segexp.compare.predictions import MaskAnswer
from tests.report.parsed import read_page


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
