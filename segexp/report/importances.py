"""How much each param matters, by two evaluators that do not always agree."""

import math
import warnings
from dataclasses import dataclass

import optuna
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)
from optuna.trial import TrialState

PED_ANOVA = "PED-ANOVA"
FANOVA = "fANOVA"


@dataclass(frozen=True)
class Importances:
    """The verdict of one evaluator.

    Attributes:
        shares: The share of each param, largest first, with sum 1; or empty.
    """

    evaluator: str
    shares: dict[str, float]
    reason: str = ""

    @property
    def first(self) -> str | None:
        """The most important param."""
        return next(iter(self.shares), None)


def both_importances(study: optuna.Study) -> tuple[Importances, Importances]:
    """Return the importances by PED-ANOVA, which is Optuna's default, and by fANOVA.

    PED-ANOVA (Watanabe et al. 2023) asks what distinguishes the best tenth of the trials;
    fANOVA (Hutter et al. 2014) asks what explains the variance over all of them.
    """
    return (
        _importances(study, PED_ANOVA, PedAnovaImportanceEvaluator()),
        _importances(study, FANOVA, FanovaImportanceEvaluator(seed=0)),
    )


def _importances(study: optuna.Study, name: str, evaluator: BaseImportanceEvaluator) -> Importances:
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    values = [t.value for t in complete if t.value is not None and math.isfinite(t.value)]
    if len(values) < 2:
        return Importances(name, {}, f"needs at least 2 complete trials, there are {len(values)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Optuna divides by the sum; where that is 0, it would make all shares equal.
            raw = get_param_importances(study, evaluator=evaluator, normalize=False)
    except (RuntimeError, ValueError) as error:  # all scores, or all params, are the same
        return Importances(name, {}, f"cannot tell: {error}")
    total = sum(raw.values())
    if not total > 0:
        return Importances(name, {}, f"finds no difference between the {len(values)} trials")
    shares = sorted(((p, float(v) / total) for p, v in raw.items()), key=lambda s: -s[1])
    return Importances(name, dict(shares))
