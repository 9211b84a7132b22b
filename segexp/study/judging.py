"""What a trial is judged by: before its first epoch, after each, and when it has ended."""

import math
from collections.abc import Callable
from dataclasses import asdict

import optuna

from segexp.evaluation.metrics import objective_title
from segexp.evaluation.result import TrialResult
from segexp.study.attributes import COSTS
from segexp.study.best import complete_trials
from segexp.study.constraints import describe_miss, excesses
from segexp.study.plan import ListPlan, SearchPlan
from segexp.study.pruners import Promoting, is_behind
from segexp.study.standing import make_standing, standing_of, values_of
from segexp.study.storage.several import report_score
from segexp.training.cost import Cost
from segexp.training.fit import DivergedError


def admit(plan: SearchPlan | ListPlan, trial: optuna.Trial, cost: Cost) -> None:
    """Note what a trial costs before its first epoch, and end it if that is over a ceiling.

    What a model costs does not change as it learns: what is over a ceiling now stays over it.
    """
    base = plan.base
    figures = asdict(cost)
    if base.study.costs:
        trial.set_user_attr(COSTS, [float(figures[name]) for name in base.study.costs])
    over = []
    for constraint in base.constraints:
        if constraint.class_name is None:
            excess = constraint.excess(figures[constraint.on])
            trial.set_constraint(constraint.on, excess)
            if excess > 0:
                over.append(describe_miss(constraint, figures[constraint.on]))
    prunes = base.study.pruner.name != "none"
    if over and prunes and not is_baseline(plan, trial):
        raise optuna.TrialPruned(f"before epoch 1: {', '.join(over)}")


def report(trial: optuna.Trial, epoch: int, value: float) -> None:
    """Report an epoch.

    Raises:
        DivergedError: When the score is not finite: Optuna ranks infinity as the best value.
    """
    if not math.isfinite(value):
        raise DivergedError(f"the objective is {value} in epoch {epoch}")
    report_score(trial, value, epoch)


def prune(
    plan: SearchPlan | ListPlan,
    trial: optuna.Trial,
    epoch: int,
    value: float,
    write: Callable[[], None],
) -> None:
    """End a trial after an epoch if its pruner would; ``write`` keeps what it needs to resume.

    Raises:
        optuna.TrialPruned: If it ends.
    """
    base, pruner = plan.base, trial.study.pruner
    # After the last epoch nothing is saved by pruning: the trial is complete, good or bad.
    if epoch >= base.config.training.epochs or is_baseline(plan, trial):
        return
    # A floor ends no trial: its class may still be learned.
    if not is_behind(trial, among_rivals=bool(base.study.costs or base.constraints)):
        return
    trials = trial.study.get_trials(deepcopy=False)
    if isinstance(pruner, Promoting) and pruner.will_be_next_in_line(trials[trial.number], trials):
        write()
    title = objective_title(base.study.score)
    raise optuna.TrialPruned(f"epoch {epoch}, {title} {value:.4f}")


def is_worth_keeping(plan: SearchPlan | ListPlan, trial: optuna.Trial, result: TrialResult) -> bool:
    """Whether no complete trial beats one, or it is the baseline that they are compared with."""
    if isinstance(plan, ListPlan) or is_baseline(plan, trial):
        return True
    base = plan.base
    own = make_standing(values_of(result, base.study.costs), excesses(base.constraints, result))
    return not any(standing_of(other).beats(own) for other in complete_trials(trial.study))


def set_constraints(plan: SearchPlan | ListPlan, trial: optuna.Trial, result: TrialResult) -> None:
    """Tell Optuna by how much a complete trial misses the floors; `admit` told it the ceilings."""
    floors = [c for c in plan.base.constraints if c.class_name is not None]
    for on, excess in excesses(floors, result).items():
        trial.set_constraint(on, excess)


def is_baseline(plan: SearchPlan | ListPlan, trial: optuna.Trial) -> bool:
    """Whether a trial has the baseline's params; it is never pruned."""
    return isinstance(plan, SearchPlan) and trial.params == dict(plan.baseline)
