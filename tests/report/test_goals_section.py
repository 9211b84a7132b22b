from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from segexp.evaluation.result import TrialResult
from segexp.report.answer import opening
from segexp.report.study_note import Asked, study_note
from segexp.report.study_page import study_page
from segexp.study.attributes import COSTS, DEFINITION, RESULT
from segexp.study.storage.several import directions_of, report_score
from segexp.study.view import view_study
from tests.report.parsed import Page, read_page
from tests.report.study_example import scores

HEADER = ["trial", "mIoU, common space", "held-out", "latency in ms", "parameters"]
HEADER += ["arch", "width"]

# Score, latency, parameters. The third is beaten by the second; the fourth is pruned.
TRIALS = [(0.50, 20.0, 3e6), (0.45, 12.0, 2.5e6), (0.44, 12.0, 4e6), (0.30, 5.0, 1e6)]


def study_of(definition: dict[str, Any], missed: float) -> optuna.Study:
    study = optuna.create_study(
        study_name="goals", directions=directions_of(2), sampler=optuna.samplers.RandomSampler(1)
    )
    study.set_user_attr(DEFINITION, {"objective": "val/miou_common", **definition})
    for number, (score, *costs) in enumerate(TRIALS):
        trial = study.ask()
        trial.suggest_categorical("arch", ["Unet", "<FPN>"])
        trial.suggest_float("width", 0.1, 1.0)
        trial.set_user_attr(COSTS, costs)
        report_score(trial, score, 1)
        if number == 3:
            study.tell(trial, state=TrialState.PRUNED)
            continue
        cost = {"latency_ms": costs[0], "parameters": costs[1], "measured_on": "cpu, fp32"}
        table = {"class": ["road", "person"], "iou": [score, 0.1], "pixels": [9, 9]}
        split = scores(score)
        made = TrialResult(
            score, 1, 2.0, type(split)(split.scores, {"own": table, "common": table})
        )
        trial.set_user_attr(RESULT, {**made.to_dict(), "cost": cost})
        trial.set_constraint("iou/person", missed)
        study.tell(trial, [score, *costs])
    return study


@pytest.fixture(scope="module")
def page() -> Page:
    study = study_of({"costs": "latency_ms, parameters", "constraints.iou/person": ">= 0.1"}, 0.0)
    return read_page(study_page(view_study(study)))


def test_the_front_is_a_table_whose_rows_lead_to_the_trials(page: Page):
    first = page.rows.index(HEADER) + 1
    assert [row[:5] for row in page.rows[first : first + 2]] == [
        ["0", "0.5000", "-", "20", "3M"],
        ["1", "0.4500", "-", "12", "2.5M"],
    ]
    links = [address for _, address in page.links if address.startswith("#trial")]
    assert links == ["#trial-0", "#trial-1"]
    assert "Latency: one image, cpu, fp32." in page.text


def test_each_cost_has_a_chart_with_params_to_hover_over(page: Page):
    charts = [
        traces for traces in page.traces() if any(t.get("name") == "on the front" for t in traces)
    ]
    assert len(charts) == 2
    of_latency = {trace.get("name"): trace for trace in charts[0]}
    assert of_latency["on the front"]["x"] == [20.0, 12.0]
    assert of_latency["complete"]["x"] == [12.0]
    assert of_latency["pruned, at its last score"]["y"] == [0.30]
    assert charts[0][0]["x"] == [12.0, 20.0]  # the stairs, the cheapest first
    text = of_latency["on the front"]["text"][0]
    said = "trial 0: mIoU, common space 0.5000<br>latency in ms 20<br>parameters 3M"
    assert text.startswith(said)
    assert "<FPN>" not in "".join(of_latency["on the front"]["text"])


def test_the_charts_of_one_objective_are_drawn_of_the_score(page: Page):
    assert {"How it went", "Goals", "Importance of the params"} <= set(page.headings)


def test_a_floor_that_no_trial_meets_is_said_with_the_nearest():
    study = study_of({"costs": "latency_ms, parameters", "constraints.iou/person": ">= 0.4"}, 0.75)
    view = view_study(study)
    page = read_page(study_page(view))
    said = "No trial meets the constraints. Trial 0 came nearest: iou/person 0.1, 0.3 below 0.4."
    assert page.notes.count(said) == 2
    assert said in "".join(opening(view))  # before anything else on the page
    assert said in study_note(view, Asked(4, "random", "data: tiny", ""), lambda _: "")
    assert ["iou/person", ">= 0.4", "0 of 3", "0.1"] in page.rows
    # A front of one trial, though others are cheaper: the page says why.
    assert "One that misses the constraints by less would, whatever it costs." in page.text


def test_a_plain_study_has_no_such_section(study: optuna.Study):
    assert "Goals" not in read_page(study_page(view_study(study))).headings
