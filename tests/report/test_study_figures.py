import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

from segexp.report.importances import Importances
from segexp.report.study_figures import (
    category_figure,
    history_figure,
    importances_figure,
    parallel_figure,
)
from segexp.study.view import view_study


def test_learning_curves_hold_every_reported_value_and_pruned_trials_are_grey(study, page):
    traces = next(
        figure for figure in page.traces() if any(t.get("name") == "pruned" for t in figure)
    )
    by_name = {trace["name"]: trace for trace in traces}
    expected = [
        (t.number, epoch, value)
        for t in study.trials
        if t.state == TrialState.PRUNED
        for epoch, value in sorted(t.intermediate_values.items())
    ]
    pruned = by_name["pruned"]
    points = zip(pruned["customdata"], pruned["x"], pruned["y"], strict=True)
    drawn = [point for point in points if point[1] is not None]
    assert drawn == expected
    assert pruned["line"]["color"] == "#b4bac1"
    widths = {name: trace["line"]["width"] for name, trace in by_name.items()}
    assert [name for name, width in widths.items() if width == 3] == [
        f"best: trial {study.best_trial.number}"
    ]
    complete = {
        n for name in ("mapping fine", "mapping coarse") for n in by_name[name]["customdata"] if n
    }
    numbers = {t.number for t in study.trials if t.state == TrialState.COMPLETE}
    assert complete | {0} == numbers
    assert set(by_name[f"best: trial {study.best_trial.number}"]["customdata"]) == {
        study.best_trial.number,
        None,
    }


def rows_of(study):
    return view_study(study).rows


def test_the_history_has_a_line_at_the_baseline(study):
    figure = history_figure(study, "mIoU", 0.5)
    assert "best so far" in {trace.name for trace in figure.data}
    assert [shape.y0 for shape in figure.layout.shapes] == [0.5]
    assert history_figure(study, "mIoU", None).layout.shapes == ()


def test_a_category_has_its_complete_trials_as_circles_and_its_pruned_ones_as_crosses(study):
    figure = category_figure(rows_of(study), "mapping", "mIoU")
    circles = {t.name: len(t.x) for t in figure.data if t.marker.symbol == "circle"}
    crosses = sum(len(t.x) for t in figure.data if t.marker.symbol == "x-thin-open")
    assert sum(circles.values()) == 18 and crosses == 6
    assert list(figure.layout.yaxis.categoryarray) == ["fine", "coarse"]  # the first on top


def test_importances_stand_in_the_order_of_both_together():
    verdicts = (
        Importances("PED-ANOVA", {"a": 0.7, "b": 0.3}, ""),
        Importances("fANOVA", {"a": 0.1, "b": 0.9}, ""),
    )
    fanova, ped_anova = importances_figure(verdicts).data
    assert (fanova.name, ped_anova.name) == ("fANOVA", "PED-ANOVA")
    assert list(ped_anova.y) == ["a", "b"]  # 0.8 before 1.2: the largest on top
    assert list(ped_anova.x) == [0.7, 0.3]


def test_a_long_name_is_short_beside_an_axis_and_whole_below_the_mouse():
    study = optuna.create_study(direction="maximize")
    names = ("tu-mobilenetv3_small_100", "resnet18")
    space = {"encoder": CategoricalDistribution(names)}
    for name, value in zip(names, (0.3, 0.6), strict=True):
        study.add_trial(create_trial(params={"encoder": name}, distributions=space, value=value))
    figure = parallel_figure(study, "mIoU")
    drawn = {annotation.text for annotation in figure.layout.annotations}
    assert {"tu-mobil…small_100", "resnet18"} <= drawn
    assert "tu-mobilenetv3_small_100" in str([trace.customdata for trace in figure.data])
