from segexp.compare.page.ab_page import ab_page
from tests.compare.page.ab_page_example import MATCHED, SHARED, TWO
from tests.report.parsed import read_page


def test_the_information_that_each_mapping_costs_is_in_a_table(page):
    rows = [row for row in page.rows if row[:2] == ["cityscapes19", "19"]]
    arm = TWO["arms"][0]
    low, high = arm["interval_common"]
    scores = [f"{arm['native']['mean']:.3f}", f"{arm['common']['mean']:.3f}"]
    assert rows == [["cityscapes19", "19", "2.941", "0.000", *scores, f"[{low:.3f}, {high:.3f}]"]]


def test_the_arms_have_their_params_and_every_run_its_scores(page):
    assert page.row("encoder") == ["encoder", "mobilenet_v2", "resnet18"]
    assert page.row("loss_weighting") == ["loss_weighting", "null", "null"]
    kinds = ("native", "common", "common_argmax")
    expected = [f"{arm[kind]['runs'][2]:.3f}" for arm in TWO["arms"] for kind in kinds]
    assert page.row("seed 3") == ["seed 3", *expected]


def test_matched_arms_share_their_configurations():
    page = read_page(ab_page(MATCHED, []))
    numbers = [f"configuration {i}" for i in (1, 2, 3, 4)]
    assert page.row("param") == ["param", *numbers]
    assert page.row("learning_rate") == ["learning_rate", "0.0003", "0.001", "0.002", "0.004"]
    run = page.row("configuration 2, seed 1")
    assert run[2] == f"{MATCHED['arms'][0]['common']['runs'][2]:.3f}"
    assert "configurations (4, each with the seeds 1, 2)" in page.text


def test_every_candidate_has_its_score_in_every_arm_and_who_named_it():
    page = read_page(ab_page(SHARED, []))
    (pair,) = SHARED["pairs"]
    for place, candidate in enumerate(SHARED["candidates"]):
        scores = [f"{candidate['common'][name]:.3f}" for name in ("cityscapes19", "merged10")]
        assert page.row(f"configuration {place + 1}") == [
            f"configuration {place + 1}",
            *candidate["named_by"],
            *scores,
            f"{pair['differences'][place]:+.3f}",
        ]
    assert "-0.012 on the candidates of cityscapes19, +0.023 on those of merged10" in page.text
    winner = f"trained again {SHARED['candidates'][0]['common']['merged10']:.3f}"
    assert f"merged10: trial 7, 0.543 while tuning, {winner}" in page.text
    assert page.row("learning_rate") == ["learning_rate", "0.0003", "0.001", "0.002", "0.004"]
    assert "with 20 trials" in page.text


def test_runs_are_numbered_where_nobody_says_what_they_are():
    result = {key: value for key, value in MATCHED.items() if key != "runs"}
    page = read_page(ab_page(result, []))
    assert page.row("run 8")[2] == f"{MATCHED['arms'][0]['common']['runs'][7]:.3f}"


def test_the_common_space_names_the_labels_of_each_class(page):
    (row,) = [r for r in page.rows if r[:2] == ["structure", "building, wall, fence"]]
    assert row[2:] == [f"{arm['iou_common']['structure']:.3f}" for arm in TWO["arms"]]


def test_own_classes_are_side_by_side_even_if_one_arm_has_fewer(page):
    fine, coarse = (arm["iou_native"] for arm in TWO["arms"])
    motorcycle = [f"{fine['terrain']:.3f}", "motorcycle", f"{coarse['motorcycle']:.3f}"]
    assert ["terrain", *motorcycle] in page.rows
    assert ["bicycle", f"{fine['bicycle']:.3f}", "", ""] in page.rows
