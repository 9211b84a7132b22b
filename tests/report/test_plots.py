"""The charts of a study as PNG."""

import io
import warnings
from dataclasses import replace

import numpy as np
import optuna
from PIL import Image

from segexp.report.plots import PLOTS, study_plots
from segexp.study.view import view_study
from tests.report.study_example import make_study


def test_every_chart_is_a_png_where_the_study_has_the_trials_for_it():
    view = view_study(make_study(8))
    confusion = np.array([[7, 2, 1, 0], [0, 4, 0, 0], [0, 0, 0, 0]])
    view = replace(view, objective="$\\bad", confusions={"val": confusion, "heldout": confusion})
    drawn = study_plots(view)
    assert list(drawn) == list(PLOTS)
    for png in drawn.values():
        picture = Image.open(io.BytesIO(png))
        assert picture.format == "PNG"
        assert len(set(picture.convert("L").getdata())) > 2


def test_a_study_without_trials_has_no_charts():
    assert study_plots(view_study(optuna.create_study(direction="maximize"))) == {}


def test_letters_that_no_font_here_has_are_no_reason_to_warn():
    view = replace(view_study(make_study(8)), objective="道路")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert study_plots(view)
