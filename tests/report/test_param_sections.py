from optuna.trial import TrialState

from segexp.report.param_sections import params_section
from segexp.report.study_page import study_page
from segexp.study.attributes import DEFINITION
from segexp.study.view import view_study
from tests.report.parsed import read_page
from tests.report.study_example import CATEGORIES, make_study


def test_mappings_are_ranked_in_the_common_space_and_native_scores_are_set_apart(study, page):
    header = ["mapping", *CATEGORIES, "its own mIoU", "own classes"]
    for name in ("fine", "coarse"):
        members = [t for t in study.trials if t.params["mapping"] == name]
        complete = [t for t in members if t.state == TrialState.COMPLETE]
        top = max(complete, key=lambda t: t.value)
        row = page.rows[page.rows.index(header) + 1 + (name == "fine")]
        assert row[0] == name
        assert row[1] == str(len(complete))
        assert row[2] == str(sum(t.state == TrialState.PRUNED for t in members))
        assert row[4:6] == [f"{top.value:.4f}", str(top.number)]
        assert row[7:] == [f"{top.value + 0.1:.4f}", "19"]
    assert "never compare it between rows" in page.text
    assert any("does not compare mappings fairly" in note for note in page.notes)


def test_native_scores_and_names_follow_the_objective():
    study = make_study(6)
    study.set_user_attr(DEFINITION, {"objective": "val/pixel_accuracy_common"})
    page = read_page(study_page(view_study(study)))
    header = ["mapping", *CATEGORIES, "its own pixel accuracy", "own classes"]
    assert set(page.column(header, header[-2])) <= {"0.8000", "-"}
    assert "Compare mappings by pixel accuracy, common space only" in page.text
    assert "val/" not in page.text + str([layout for _, layout in page.figures()])


def test_the_other_categories_have_their_best_value_too(study, page):
    header = ["param", "value", *CATEGORIES]
    rows = page.rows[page.rows.index(header) + 1 :][:3]
    assert [row[:2] for row in rows] == [["arch", "FPN"], ["arch", "Unet"], ["arch", "null"]]
    complete = [
        t.value
        for t in study.trials
        if t.params["arch"] == "FPN" and t.state == TrialState.COMPLETE
    ]
    assert rows[0][2] == str(len(complete))
    assert rows[0][5] == f"{max(complete):.4f}"


def test_both_importances_are_drawn_side_by_side(page):
    bars = [t for figure in page.traces() for t in figure if "ANOVA" in t.get("name", "")]
    assert {bar["name"] for bar in bars} == {"PED-ANOVA", "fANOVA"}
    assert all(set(bar["y"]) == {"mapping", "arch", "learning_rate"} for bar in bars)


def test_a_narrow_page_has_lines_through_the_params_that_matter_most():
    def run(trial):
        found = [trial.suggest_float(f"x{i}", 0, 1) for i in range(5)]
        trial.report(found[3], 1)
        return found[3] + found[1] / 4

    (section,) = params_section(view_study(make_study(12, run)))
    (drawn,) = section.parts
    wide, narrow = (f.layout.xaxis.ticktext for f in (drawn.wide, drawn.narrow))
    assert (len(wide), len(narrow)) == (6, 4)
    assert {"x3", "x1"} < set(narrow) < set(wide)
    assert drawn.narrow.layout.xaxis.tickangle == 90
