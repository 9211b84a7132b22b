"""`segexp ab`: what it runs, prints and refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.hosts import lay_out_reader_of
from harness.trees import camvid_like
from tests.cli.running import Outcome, client_of, segexp, study_names, write_study

SMALL = """\
name: small
sampler: {name: random, seed: 0}
pruner: none
space: {learning_rate: {low: 1e-3, high: 1e-2, log: true}}
config: {epochs: 1}
"""
ARMS = ("ab", "cityscapes19", "merged10", "--study", "small")


@pytest.fixture(scope="module")
def compared(
    tmp_path_factory: pytest.TempPathFactory, lay_out_project: Callable[[Path], Path]
) -> tuple[Path, Outcome]:
    project = lay_out_project(tmp_path_factory.mktemp("ab") / "project")
    write_study(project, SMALL, "small")
    return project, segexp(project, *ARMS, "--trials", "7", "--workers", "2", "--json")


def test_the_result_alone_goes_to_standard_output(compared: tuple[Path, Outcome]) -> None:
    project, outcome = compared
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    (stored,) = (project / ".segexp" / "ab").glob("*/ab_result.json")
    assert result == json.loads(stored.read_text(encoding="utf-8"))
    assert result["name"] == "ab-small-cityscapes19-merged10"
    assert result["options"] == [["--study", "small"], ["--workers", "2"]]
    (pair,) = result["pairs"]
    assert (pair["a"], pair["b"], pair["margin"]) == ("cityscapes19", "merged10", 0.01)


def test_beside_the_json_people_read_the_sentence_the_tables_and_where_the_page_is(
    compared: tuple[Path, Outcome],
) -> None:
    _, outcome = compared
    (pair,) = json.loads(outcome.out)["pairs"]
    assert pair["sentence"] in outcome.err
    for words in (
        "2 arms, a search of 7 trials and 2 candidates trained in each",
        "each candidate trained in every arm",
        "A study of this size finds ",
        "winner of the search in merged10: trial ",
        "compared in 10 common classes",
        "training: the model",
        "traffic_object",
    ):
        assert words in outcome.err, words


def test_one_page_is_named_at_the_end(compared: tuple[Path, Outcome]) -> None:
    project, outcome = compared
    page = project / "runs" / "ab-small-cityscapes19-merged10" / "report.html"
    end = outcome.err[outcome.err.index("page: ") :]
    assert end.splitlines() == [
        f"page: {page} (ab_result.json beside it)",
        "look next:  segexp ui ab-small-cityscapes19-merged10",
    ]
    assert page.is_file()
    assert page.with_name("ab_result.json").is_file()
    assert ".html" not in end.replace(str(page), "")


def test_the_arms_are_scored_by_other_protocols_from_what_their_runs_left(
    compared: tuple[Path, Outcome],
) -> None:
    result = json.loads(compared[1].out)
    rows = {row["key"]: row for row in result["protocols"]["common"]}
    own = {row["key"]: row["scores"] for row in result["protocols"]["own"]}
    for arm in result["arms"]:
        name = arm["mapping"]
        assert rows["segexp"]["scores"][name] == pytest.approx(arm["common"]["mean"])
        assert own["segexp"][name] == pytest.approx(arm["native"]["mean"])
        # The scenes have void pixels, and no network of these says none everywhere on them.
        assert rows["void_error"]["scores"][name] <= rows["segexp"]["scores"][name]
    assert rows["void_error"]["missing"] is None
    assert result["protocols"]["missing"] == ["at another size, because the masks have this size."]


def test_asked_again_with_another_margin_nothing_is_trained(compared: tuple[Path, Outcome]) -> None:
    project, before = compared
    words = (*ARMS, "--trials", "7", "--margin", "0.99", "--json")
    outcome = segexp(project, *words)
    assert outcome.code == 0, outcome.err
    assert "COMPLETE" not in outcome.err
    pair, first = (json.loads(o.out)["pairs"][0] for o in (outcome, before))
    assert pair["verdict"] == "equivalent"
    assert pair["delta"] == first["delta"]
    assert "equivalent within a margin of 0.99" in outcome.err
    assert "first compared with a margin of 0.01, now it is 0.99" in outcome.err


def test_where_there_are_only_the_two_urls_another_margin_is_answered_from_the_records(
    compared: tuple[Path, Outcome], tmp_path: Path
) -> None:
    project, before = compared
    place = lay_out_reader_of(tmp_path / "third", project)
    words = (*ARMS, "--trials", "7", "--margin", "0.97")
    outcome = segexp(place, *words, "--json", "--require", "not-worse")
    assert outcome.code == 0, outcome.err
    pair, first = (json.loads(o.out)["pairs"][0] for o in (outcome, before))
    assert (pair["verdict"], pair["delta"]) == ("equivalent", first["delta"])
    assert "its mappings or its data are not here, its records are" in outcome.err
    page = place / "runs" / "ab-small-cityscapes19-merged10" / "report.html"
    assert f"page: {page}" in outcome.err
    assert "data:image/webp" in page.read_text(encoding="utf-8")
    # The next command says what was asked here, not what was asked before.
    assert json.loads(outcome.out)["options"] == [["--study", "small"], ["--margin", "0.97"]]
    for more, code, fault in (
        (("--study-name", "other"), 2, "no A/B study 'other' of cityscapes19, merged10 (shared)"),
        (("--data", str(tmp_path)), 2, "no study 'small'"),  # other data needs to be trained on
        (("--set", "epochs=30"), 2, "was begun with training.epochs = 1, now it is 30"),
    ):
        refused = segexp(place, *words, *more)
        assert (refused.code, refused.out) == (code, "")
        assert fault in refused.err


@pytest.mark.slow
def test_an_answer_that_misses_the_requirement_ends_with_exit_code_1_and_is_written(
    compared: tuple[Path, Outcome],
) -> None:
    project, _ = compared
    words = (*ARMS, "--trials", "7", "--json")
    met = segexp(project, *words, "--margin", "0.99", "--require", "not-worse")
    assert met.code == 0, met.err
    (stored,) = (project / ".segexp" / "ab").glob("*/ab_result.json")
    stored.unlink()
    unmet = segexp(project, *words, "--margin", "0.98", "--require", "better")
    assert unmet.code == 1
    last = unmet.err.splitlines()[-1]
    assert last.startswith(
        "error: required is better, but merged10 against cityscapes19 is 'equivalent': "
    )
    assert last.endswith("margin 0.98")
    assert json.loads(unmet.out) == json.loads(stored.read_text(encoding="utf-8"))


def test_what_a_margin_takes_is_planned_from_an_answer_and_trains_nothing(
    compared: tuple[Path, Outcome],
) -> None:
    project, before = compared
    answer = json.loads(before.out)
    words = (*ARMS, "--plan", "--trials", "7", "--margin", "0.05")
    few = segexp(project, *words)
    assert few.code == 2
    assert "2 runs per arm do not tell how runs differ; a pilot needs 3 candidates" in few.err
    pilot = project / "pilot.json"  # as if three had come to this
    answer["pairs"][0]["run_groups"] = 3
    pilot.write_text(json.dumps(answer), encoding="utf-8")
    outcome = segexp(project, *words, "--pilot", str(pilot), "--json")
    assert outcome.code == 0, outcome.err
    (plan,) = json.loads(outcome.out)["plans"]
    assert (plan["configs"], plan["images"], plan["margin"]) == (2, answer["images"], 0.05)
    assert plan["hours"] > 0
    assert "2 candidates of 7 trials on 3 held-out images find a difference of" in outcome.err
    assert "(32x64, 1 epoch)" in outcome.err
    assert "COMPLETE" not in outcome.err
    words = ("ab", "cityscapes19", "categories7", "--plan", "--pilot", plan["pilot"])
    other = segexp(project, *words)
    assert other.code == 2
    assert "tells nothing about cityscapes19 and categories7" in other.err


def test_other_numbers_are_refused_once_it_has_answered(compared: tuple[Path, Outcome]) -> None:
    project, _ = compared
    outcome = segexp(project, *ARMS, "--trials", "10")
    assert outcome.code == 2
    assert "--trials: A/B study 'ab-small-cityscapes19-merged10' has compared its arms with 7" in (
        outcome.err
    )
    assert "start another A/B study with --study-name" in outcome.err


@pytest.mark.slow
def test_a_changed_mapping_is_refused_with_the_difference(
    tmp_path: Path, lay_out_project: Callable[[Path], Path]
) -> None:
    project = lay_out_project(tmp_path / "project")
    write_study(project, SMALL, "small")
    words = (*ARMS, "--matched", "--configs", "1", "--seeds", "2", "--workers", "0")
    assert segexp(project, *words).code == 0
    path = project / "mappings" / "merged10.yaml"
    text = path.read_text(encoding="utf-8").replace("[person, rider]", "[person]")
    path.write_text(text.replace("void: [pole", "void: [rider, pole"), encoding="utf-8")
    outcome = segexp(project, *words)
    assert outcome.code == 2
    assert "label rider was in person, now in void" in outcome.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("cityscapes19", "merged10", "--study-name", "kämvid klein"), "not ending in '.'"),
        (("merged10",), "merged10 alone; name two or more"),
        (("cityscapes19", "merged11"), "did you mean 'merged10'?"),
        (("cityscapes19", "camvid11"), "different taxonomies cannot be compared"),
        (("cityscapes19", "merged10", "--margin", "0"), "--margin 0: must be above 0"),
        (("cityscapes19", "merged10", "--margin", "-0.01"), "--margin -0.01: must be above 0"),
        (("cityscapes19", "merged10", "--margin", "nan"), "--margin nan: must be above 0"),
        (("cityscapes19", "merged10", "--margin", "1"), "take less, such as 0.01"),
        (("cityscapes19", "merged10", "--seeds", "0"), "--seeds 0: take 1 or more"),
        (("cityscapes19", "merged10", "--candidates", "7"), "take 6 or fewer, or --trials 24"),
        (("cityscapes19", "merged10", "--candidates", "1"), "one shows no spread; take 2"),
        (("cityscapes19", "merged10", "--trials", "2"), "take --trials 7 or more"),
        (("cityscapes19", "merged10", "--looks", "4"), "take 3 or fewer"),
        (("cityscapes19", "merged10", "--matched", "--candidates", "3"), "--candidates: matched"),
        (("cityscapes19", "merged10", "--configs", "3"), "--configs: is for --matched arms"),
        (("cityscapes19", "merged10", "--matched", "--trials", "3"), "--trials: matched arms"),
        (("cityscapes19", "merged10", "--set", "mapping=merged10"), "each arm has its own mapping"),
        (("merged10", "--arm", "slow: {learning_rat: 1}"), "arm slow: learning_rat: no such key"),
        (("merged10", "--arm", "slow: {mapping: merged1}"), "did you mean 'merged10'?"),
        (("merged10", "--arm", "s: {mapping: merged10, loss: focl}"), "did you mean 'focal'?"),
        (("merged10", "--arm", "s: {mapping: merged10}"), "merged10 and s train the same"),
        (("--arm", "merged10+cityscapes19", "--arm", "merged10"), "after the + stands a mapping"),
        (("cityscapes19", "merged10", "--require", "equal"), "did you mean 'equivalent'?"),
        (("cityscapes19", "merged10", "--cluster", "squence"), "did you mean 'sequence'?"),
        (("cityscapes19", "merged10", "--cluster", "city"), "name no city"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_starts(
    project: Path, words: tuple[str, ...], expected: str
) -> None:
    outcome = segexp(project, "ab", *words)
    assert outcome.code == 2, outcome.err
    faults = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(faults) == 1, outcome.err
    assert expected in faults[0]
    assert study_names(project) == []
    names = [e.name for e in client_of(project).search_experiments()]
    assert sorted(names) == ["Default", "template"]


def test_people_read_the_answer_before_that_of_the_classes_that_no_arm_merges(
    compared: tuple[Path, Outcome],
) -> None:
    _, outcome = compared
    (pair,) = json.loads(outcome.out)["pairs"]
    about = pair["about"]
    assert about == "On two configurations that tuning found good in either arm"
    untouched = pair["untouched_sentence"].removeprefix(f"{about}, the ")
    order = [pair["sentence"], f"The {untouched}"]
    order += ["untouched: mean of 5", "merged: mean of 5", "dropped: pole"]
    places = [outcome.err.index(words) for words in order]
    assert places == sorted(places)


@pytest.mark.slow
def test_the_same_data_in_a_folder_of_another_name_is_the_same_study(
    project: Path, tmp_path: Path
) -> None:
    write_study(project, SMALL, "small")
    root = camvid_like(tmp_path / "streets", train=3, val=2, test=2)
    words = ["ab", "camvid11", "camvid_merged6", "--matched", "--configs", "2", "--workers", "0"]
    begun = segexp(project, *words, "--study", "small", "--data", str(root))
    assert begun.code == 0, begun.err
    name = "ab-small-camvid11-camvid_merged6-streets-matched"
    arms = [f"{name}-{arm}" for arm in ("camvid11", "camvid_merged6")]
    assert study_names(project) == [name, *arms]
    root.rename(tmp_path / "moved")
    again = segexp(project, *words, "--study", "small", "--data", str(tmp_path / "moved"))
    assert again.code == 0, again.err
    assert study_names(project) == [name, *arms]
    assert f"segexp ui {name}" in again.err and f"A/B study {name}: 2 arms" in again.err
    (tmp_path / "moved").rename(tmp_path / "moved again")
    third = segexp(project, *words, "--study", "small", "--data", str(tmp_path / "moved again"))
    assert third.code == 0, third.err
    assert study_names(project) == [name, *arms]
