"""What the page of an A/B study says before there is an answer, and what it must not say."""

from dataclasses import replace

from segexp.compare.page.live_page import AbSoFar, ArmSoFar, live_page
from tests.report.parsed import read_page

SEARCHING = AbSoFar(
    name="ab-a-b",
    about="a or b: compared by mIoU.",
    searches=[ArmSoFar("a", 3, 20, 0.4123), ArmSoFar("b", 2, 20)],
    finals=[],
    finals_ahead=12,
    looks=1,
    is_live=True,
)
FINALS = replace(SEARCHING, finals=[ArmSoFar("a", 5, 6), ArmSoFar("b", 4, 6)])


def words_of(view: AbSoFar) -> str:
    return " ".join(" ".join(read_page(live_page(view)).texts).split())


def test_it_says_how_far_the_searches_are_and_that_there_is_no_answer() -> None:
    html = live_page(SEARCHING)
    assert '<meta http-equiv="refresh"' in html
    words = words_of(SEARCHING)
    for said in (
        "No answer yet.",
        "5 of 40 trials of the searches",
        "0 of 12 final trainings",
        "a 3 20 0.4123",
        "b 2 20 -",
        "They begin when the searches of all arms have ended.",
    ):
        assert said in words, said


def test_of_final_trainings_it_has_the_number_and_no_score() -> None:
    words = words_of(FINALS)
    assert "9 of 12 final trainings" in words
    assert "arm trainings ended of a 5 6 b 4 6" in words


def test_the_total_is_that_of_all_looks() -> None:
    looked = replace(FINALS, finals=[ArmSoFar("a", 2, 2), ArmSoFar("b", 2, 2)], looks=3)
    words = words_of(looked)
    assert "4 of 12 final trainings" in words
    assert "at 3 planned looks" in words


def test_matched_arms_have_no_searches() -> None:
    words = words_of(replace(FINALS, searches=[]))
    assert "Searches" not in words
    assert "trials of the searches" not in words


def test_a_study_that_was_ended_says_how_to_go_on_and_is_not_loaded_again() -> None:
    ended = replace(SEARCHING, is_live=False)
    assert '<meta http-equiv="refresh"' not in live_page(ended)
    assert "The same segexp ab command goes on." in words_of(ended)
