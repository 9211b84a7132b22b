import math

import optuna
import pytest

from segexp.evaluation.result import TrialResult
from segexp.report.trials import (
    TrialRow,
    best_trial,
    categorical_params,
    param_names,
    score_text,
    value_text,
    values_text,
)
from tests.report.study_example import scores


def row(number: int, value: float | None, kept: bool = False, **params: object) -> TrialRow:
    curve = ((1, 0.2), (2, 0.4), (3, math.nan))
    rank = (-1.0 if value is None else value, kept)
    state = "pruned" if value is None else "complete"
    result = None if value is None else TrialResult(value, 2, 2.0, scores(value))
    return TrialRow(number, state, value, curve, 1.0, params, result, "", "", rank)


def test_the_best_is_that_of_the_highest_rank_and_the_first_of_equals():
    assert best_trial([row(0, None), row(1, 0.4), row(2, 0.5), row(3, 0.5, kept=True)]).number == 3
    assert best_trial([row(1, 0.5), row(2, 0.5)]).number == 1
    assert best_trial([row(0, None)]) is None


def test_a_trial_knows_its_last_finite_value_and_its_best_epoch():
    pruned = row(0, None)
    assert pruned.last == 0.4
    assert row(0, 0.4).best_epoch == 2
    unbegun = TrialRow(0, "waiting", None, (), None, {}, None, "", "", (-1.0, False))
    assert (unbegun.last, unbegun.best_epoch) == (None, None)


def test_params_are_named_once_in_the_order_in_which_they_came():
    assert param_names([row(0, 0.1, b=1, a=2), row(1, 0.1, c=3, a=1)]) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (0.000123456, "0.0001235"), (3, "3"), ("Unet", "Unet"), (False, "False")],
)
def test_values_are_short(value: object, text: str):
    assert value_text(value) == text


def test_a_score_that_nobody_has_is_a_dash():
    assert [score_text(s) for s in (0.123456, None, math.nan)] == ["0.1235", "-", "-"]


def test_what_was_chosen_from_a_list_is_known_by_its_distribution():
    study = optuna.create_study()
    trial = study.ask()
    trial.suggest_categorical("arch", ["Unet"])
    trial.suggest_float("learning_rate", 0, 1)
    assert categorical_params(study) == {"arch"}


def test_objectives_are_written_in_words():
    text = values_text(["val/miou_common", "macs"], [0.43125, 213e6])
    assert text == "mIoU, common space 0.4313, multiply-accumulates 213M"
