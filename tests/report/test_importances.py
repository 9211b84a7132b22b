import optuna
import pytest

from segexp.report.importances import FANOVA, PED_ANOVA, both_importances


def study_of(objective, trials):
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=trials)
    return study


def two_params(trial):
    x = trial.suggest_float("x", 0, 1)
    trial.suggest_categorical("idle", ["a", "b"])
    return -((x - 0.3) ** 2)


def test_both_evaluators_name_the_param_that_alone_matters():
    ped_anova, fanova = both_importances(study_of(two_params, 60))
    assert (ped_anova.evaluator, fanova.evaluator) == (PED_ANOVA, FANOVA)
    assert ped_anova.first == fanova.first == "x"
    assert fanova.shares["x"] > 0.9
    for verdict in (ped_anova, fanova):
        assert sum(verdict.shares.values()) == pytest.approx(1)
        assert verdict.reason == ""


def test_shares_are_those_of_optuna():
    study = study_of(two_params, 30)
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    expected = optuna.importance.get_param_importances(study, evaluator=evaluator)
    assert both_importances(study)[1].shares == pytest.approx(dict(expected))


@pytest.mark.parametrize("trials", [0, 1])
def test_fewer_than_two_complete_trials_have_no_importances(trials):
    for verdict in both_importances(study_of(two_params, trials)):
        assert verdict.shares == {}
        assert verdict.first is None
        assert f"needs at least 2 complete trials, there are {trials}" in verdict.reason


def test_equal_scores_tell_nothing():
    def constant(trial):
        trial.suggest_float("x", 0, 1)
        return 0.5

    ped_anova, fanova = both_importances(study_of(constant, 8))
    assert fanova.shares == {}
    assert "zero total variance" in fanova.reason
    assert ped_anova.shares == {} or sum(ped_anova.shares.values()) == pytest.approx(1)


def test_trials_without_a_finite_score_do_not_count():
    study = study_of(lambda trial: trial.suggest_float("x", 0, 1) * 0 + float("-inf"), 5)
    assert all(not verdict.shares for verdict in both_importances(study))
