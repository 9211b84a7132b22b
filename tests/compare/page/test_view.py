from segexp.compare.page.view import AbView, listed, matched_text, pair_title
from tests.compare.page.ab_page_example import MATCHED, THREE, TWO


def view_of(result):
    return AbView(result, result["arms"], result["pairs"], [])


def test_a_view_knows_its_arms_and_whether_they_were_trained():
    assert view_of(THREE).names == ["cityscapes19", "merged10", "categories7"]
    assert not view_of(TWO).is_masks
    assert view_of({**TWO, "mode": "predictions"}).is_masks


def test_the_later_arm_is_held_against_the_earlier():
    titles = [pair_title(pair) for pair in THREE["pairs"]]
    assert titles == [
        "merged10 against cityscapes19",
        "categories7 against cityscapes19",
        "categories7 against merged10",
    ]


def test_configurations_and_seeds_are_in_words():
    assert matched_text(MATCHED) == "4, each with the seeds 1, 2"
    assert matched_text({**MATCHED, "seeds": [7]}) == "4, each with the seed 7"
    assert listed([]) == ""
