import pytest

from segexp.cli.ab_answer import show_answer
from segexp.cli.console import results
from tests.compare.page.ab_page_example import SHARED, THREE, TWO


def shown(result: dict, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[list[str]]]:
    """What people read of a result: its lines, and those of its tables by column."""
    show_answer(result, results)
    lines = capsys.readouterr().out.splitlines()
    return lines, [line.split("  ") for line in lines]


def test_the_sentence_comes_first_and_caveats_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    lines, _ = shown(TWO, capsys)
    (pair,) = TWO["pairs"]
    said = [line for line in lines if line.strip()]
    assert said[0] == pair["sentence"]
    assert (
        f"A study of this size finds a difference of {pair['detectable']:.3f} in 80% of cases."
        in said
    )
    assert f"note: {pair['caveats'][0]}" in said
    assert f"note: {TWO['caveats'][0]}" in said


def test_what_to_do_next_is_said_with_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    needed = {"images_factor": None, "runs_factor": 3.0, "text": "3 times as many seeds."}
    pair = {**TWO["pairs"][0], "verdict": "not enough evidence", "needed": needed}
    lines, _ = shown({**TWO, "pairs": [pair]}, capsys)
    begins = (
        "3 times as many seeds.",
        "The numbers of this study are fixed by its answer",
        "next:  segexp ab cityscapes19 merged10 --plan --pilot cityscapes19-merged10",
    )
    places = [[line.startswith(begin) for line in lines].index(True) for begin in begins]
    assert places == sorted(places)


def test_no_difference_above_one_is_said_to_be_found(capsys: pytest.CaptureFixture[str]) -> None:
    lines, _ = shown({**TWO, "pairs": [{**TWO["pairs"][0], "detectable": 1.3}]}, capsys)
    said = "A study of this size finds no difference that a score could show in 80% of cases."
    assert said in lines


def test_what_all_pairs_have_in_common_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines, _ = shown(THREE, capsys)
    caveat = THREE["pairs"][0]["caveats"][0]
    assert [line for line in lines if caveat in line] == [f"note: for every pair: {caveat}"]
    assert all(pair["sentence"] in lines for pair in THREE["pairs"])


def test_numbers_are_those_of_the_result_with_three_decimals(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines, _ = shown(TWO, capsys)
    for arm in TWO["arms"]:
        (row,) = [line for line in lines if line.strip().startswith(f"{arm['mapping']} (")]
        low, high = arm["interval_common"]
        expected = [f"{arm['native']['mean']:.3f}", f"{arm['common']['mean']:.3f}"]
        expected += [
            f"{low:.3f} to {high:.3f}",
            f"{arm['bits_kept']:.2f}",
            f"{arm['bits_lost']:.2f}",
        ]
        assert row.split(")")[1].split() == " ".join(expected).split()


def test_no_interval_of_a_class_breaks_into_two_lines_at_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "width", 80)
    group = {"group": "untouched", "delta": 0.098, "interval": [-0.382, 0.647], "p": 0.233}
    rows = TWO["pairs"][0]["per_class"]
    means = {"a": 0.063, "b": 0.161, "classes": [row["class"] for row in rows]}
    pair = {**TWO["pairs"][0], "class_groups": [{**group, **means}]}
    lines, _ = shown({**TWO, "pairs": [pair]}, capsys)
    (mean,) = [line for line in lines if line.startswith("untouched: mean")]
    assert "-0.382 to +0.647" in mean


def test_a_pair_of_which_nothing_is_known_has_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    (pair,) = TWO["pairs"]
    rows = [{**row, "interval": None, "delta": None, "p_holm": None} for row in pair["per_class"]]
    unknown = {**pair, "detectable": None, "needed": None, "per_class": rows}
    lines, _ = shown({**TWO, "pairs": [unknown]}, capsys)
    (road,) = [line for line in lines if line.split()[:1] == ["road"]]
    assert road.split()[-3:] == ["-", "-", "-"]
    assert not any("in 80% of cases" in line for line in lines)


def test_every_candidate_is_shown_in_every_arm_and_who_named_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines, _ = shown(SHARED, capsys)
    candidate = SHARED["candidates"][0]
    row = [f"{candidate['common'][arm['mapping']]:.3f}" for arm in SHARED["arms"]]
    row.append(f"{SHARED['pairs'][0]['differences'][0]:+.3f}")
    assert any(line.split() == [*candidate["named_by"], *row] for line in lines)
    assert any("trial 7, 0.543 while tuning" in line for line in lines)
