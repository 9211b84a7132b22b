"""A study's trials as the page shows them."""

import optuna
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import create_trial

from harness.results import made_scores
from segexp.evaluation.result import TrialResult
from segexp.study.attributes import RESULT
from segexp.study.best import best_trial
from segexp.study.view import view_study

TABLE = {"class": ["road"], "iou": [0.5], "pixels": [9]}
# Without a result: of a study that segexp did not make, or not alone.
kept = st.sampled_from([None, False, True])
trials = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3]), kept), max_size=6)


def study_of(ended: list[tuple[float, bool | None]]) -> optuna.Study:
    """A study whose trials ended with these objectives; with a saved model, or without a result."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    for value, keeps_model in ended:
        scores = made_scores(value, value, TABLE)
        result = TrialResult(value, 1, 2.0, scores, None, "b" if keeps_model else None)
        attributes = {} if keeps_model is None else {RESULT: result.to_dict()}
        study.add_trial(create_trial(value=value, user_attrs=attributes))
    return study


def test_of_equal_trials_the_first_that_kept_its_model_is_the_best():
    ended = [(0.2, True), (0.3, False), (0.3, True), (0.3, True)]
    best = view_study(study_of(ended)).best
    assert best is not None
    assert best.number == 2


@given(trials)
@settings(max_examples=40, deadline=None)
def test_the_page_and_the_commands_have_one_best_trial(ended):
    study = study_of(ended)
    best, shown = best_trial(study), view_study(study).best
    assert (best and best.number) == (shown and shown.number)
