"""Pairs of params: the rank of each trial, and a contour plot."""

from math import log10

import optuna
import plotly.graph_objects as go
import pytest

from segexp.report.page import Grid, Section
from segexp.report.pair_section import pairs_section
from segexp.study.view import view_study
from tests.report.study_example import leave


def study_of(trials: int, run) -> optuna.Study:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(trials):
        trial = study.ask()
        value = run(trial)
        leave(trial, value)
        study.tell(trial, value)
    return study


def plane(trial: optuna.Trial) -> float:
    """0.1 for each decade of the rate, 0.3 over the range of the decay, nothing for the arch."""
    trial.suggest_categorical("arch", ["<Unet>", "FPN"])
    decay = trial.suggest_float("decay", 0, 1)
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    return 0.6 + 0.1 * log10(rate) + 0.3 * decay


def contours(section: Section) -> list[go.Figure]:
    figures = [part for part in section.parts if isinstance(part, go.Figure)]
    return [figure for figure in figures if figure.data[0].type == "contour"]


@pytest.fixture(scope="module")
def section():
    (found,) = pairs_section(view_study(study_of(30, plane)))
    return found


def test_trials_are_coloured_by_their_rank_over_pairs_of_the_params_that_matter_most(section):
    (grid,) = [part for part in section.parts if isinstance(part, Grid)]
    names = [set(name.split(" and ")) for name, _ in grid.figures]
    assert {"rate", "decay"} in names
    assert len(names) == 3
    figure = dict(zip(map(frozenset, names), (f for _, f in grid.figures), strict=True))
    points = figure[frozenset(("rate", "decay"))].data[0]
    values = [custom[2] for custom in points.customdata]
    assert values == sorted(values)  # the best is drawn last
    assert list(points.marker.color) == list(range(30, 0, -1))
    with_arch = next(f.data[0] for name, f in grid.figures if "arch" in name)
    shown = {*with_arch.x, *with_arch.y}
    assert {"&lt;Unet&gt;", "FPN"} <= shown


def test_a_contour_plot_has_the_value_of_the_plane_through_the_trials(section):
    (figure,) = contours(section)
    contour = figure.data[0]
    title = figure.layout.xaxis.title.text
    found = 0
    for y, line in zip(contour.y, contour.z, strict=True):
        for x, value in zip(contour.x, line, strict=True):
            if value is not None:
                rate, decay = (x, y) if title == "rate" else (y, x)
                assert value == pytest.approx(0.6 + 0.1 * log10(rate) + 0.3 * decay, abs=1e-4)
                found += 1
    assert found > 400


def test_one_param_has_no_pairs_and_params_on_a_line_no_contour():
    one = study_of(5, lambda trial: trial.suggest_float("x", 0, 1))
    assert not [*pairs_section(view_study(one))]

    def on_a_line(trial):
        x = trial.suggest_float("x", 0, 1)
        trial.suggest_float("y", x, x)  # always as large as x
        return x

    (found,) = pairs_section(view_study(study_of(6, on_a_line)))
    assert not contours(found)
