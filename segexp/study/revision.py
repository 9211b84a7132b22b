"""Revisions of a study: it is changed, and keeps the trials that are still valid.

A study's trials are compared with each other, so they must mean the same. Whoever adds an encoder
or a mapping to a study begins a new revision, a study named ``<name>-rev2``. A trial of the study
before is carried over if it would come out the same in the new one.
"""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from segexp.core.config_keys import flatten, resolve_key
from segexp.core.errors import InputError
from segexp.evaluation.result import result_from_dict
from segexp.study.attributes import CARRIED_FROM, COSTS, PARTS, PRECISION, RESULT, RUN_ID
from segexp.study.changes import is_known
from segexp.study.constraints import excesses
from segexp.study.definition import as_written_now, stored_definition
from segexp.study.plan import SearchPlan, StudyPlan
from segexp.study.promotion import promoted
from segexp.study.space import Choices, Parameter, contains
from segexp.study.standing import values_of
from segexp.study.storage.open import revisions
from segexp.study.untried import distribution_of


@dataclass(frozen=True)
class Revision:
    """The study that a plan is run as.

    Attributes:
        carried: The trials that it begins with.
        left: How many trials of the revision before are not valid in it.
        before: That revision's name; None unless this one is new.
    """

    plan: SearchPlan
    carried: tuple[FrozenTrial, ...] = ()
    left: int = 0
    before: str | None = None


def choose_revision(
    plan: SearchPlan, now: Dict[str, Any], storage: BaseStorage, *, new: bool
) -> Revision:
    """Find the newest revision of a study that means the same as a plan, or begin one.

    Args:
        plan: The plan, under the study's own name.
        now: What it means, from `segexp.study.definition.definition`.
        new: Whether to begin a revision when none means the same.

    Raises:
        InputError: When there are revisions, none means the same, and no new one is wanted.
    """
    name = plan.base.study.name
    names = revisions(storage, name)
    for known in reversed(names):
        stored = stored_definition(storage, known)
        if stored is None or as_written_now(stored, now) == now:
            return Revision(with_name(plan, known))
    if not names:
        return Revision(plan)
    if not new:
        is_known(storage, names[-1], now, plan.base.source.root)  # raises with the differences
    stored = stored_definition(storage, names[-1])
    if stored is None or PARTS in stored:
        raise InputError(f"{names[-1]!r} is an A/B study, which has no revisions")
    stored = as_written_now(stored, now)
    study = optuna.load_study(study_name=names[-1], storage=storage)
    trials = study.get_trials(deepcopy=False)
    resumed = promoted(trials)
    finished = [
        t
        for t in trials
        if (t.state == TrialState.PRUNED and t.number not in resumed)
        or (t.state == TrialState.COMPLETE and RESULT in t.user_attrs)
    ]
    carried = [
        _carry(trial, params, values, plan.base, names[-1])
        for trial in finished
        if (params := _params_now(trial, stored, now, plan.base)) is not None
        and (values := _values_now(trial, plan.base)) is not None
    ]
    carried.sort(key=lambda trial: trial.params != dict(plan.baseline))  # the baseline comes first
    return Revision(
        with_name(plan, f"{name}-rev{len(names) + 1}"),
        tuple(carried),
        len(finished) - len(carried),
        names[-1],
    )


def with_name(plan: SearchPlan, name: str) -> SearchPlan:
    """Return a plan for a study of another name."""
    study = plan.base.study.model_copy(update={"name": name})
    return replace(plan, base=replace(plan.base, study=study))


def _params_now(
    trial: FrozenTrial, stored: Dict[str, Any], now: Dict[str, Any], plan: StudyPlan
) -> dict[str, Any] | None:
    """Return the params that give the same trial in the plan; None when none do."""
    if any(stored.get(key) != now[key] for key in ("data", "heldout", "objective", "common_space")):
        return None
    settings = flatten(plan.config.to_dict()).keys()
    searched = {n: value for n, value in trial.params.items() if f"space.{n}" in stored}
    mappings = [key.removeprefix("mappings.") for key in stored if key.startswith("mappings.")]
    mapping = str(searched.get("mapping", mappings[0]))  # that of all trials, or the trial's own
    was = {key: stored[key] for key in settings if key in stored}
    was |= {resolve_key(name) or name: str(value) for name, value in searched.items()}
    was["mapping"] = mapping
    if stored[f"mappings.{mapping}"] != now.get(f"mappings.{mapping}"):
        return None
    if any(was.get(key) != now[key] for key in settings if key in now):
        return None
    params: dict[str, Any] = {}
    for name, parameter in plan.space.items():
        value = _value_in(parameter, was.get(resolve_key(name) or name))
        if value is None:
            return None
        (params[name],) = value
    return params if params.get("mapping", plan.config.mapping) == mapping else None


def _value_in(parameter: Parameter, text: str | None) -> tuple[Any] | None:
    """Read a parameter's value from text; in a tuple, since None is a value."""
    if text is None:
        return None
    if isinstance(parameter, Choices):
        return next(((c,) for c in parameter.choices if str(c) == text), None)
    try:
        value = int(text) if parameter.integer else float(text)
    except ValueError:
        return None
    return (value,) if contains(parameter, value) else None


def _values_now(trial: FrozenTrial, plan: StudyPlan) -> list[float] | None:
    """Return a trial's score, and its costs in the plan; None when these were not recorded.

    Nor what the plan requires of it. A pruned trial recorded no costs.
    """
    if not plan.study.costs and not plan.constraints:
        return [*(trial.values or ())]
    if RESULT not in trial.user_attrs:
        return None
    result = result_from_dict(trial.user_attrs[RESULT])
    cost = result.cost or {}
    unknown = [c for c in plan.constraints if isnan(c.value_in(result)) and not c.is_of_iou_alone]
    if unknown or any(name not in cost for name in plan.study.costs):
        return None
    return values_of(result, plan.study.costs)


def _carry(
    trial: FrozenTrial,
    params: Dict[str, Any],
    values: Sequence[float],
    plan: StudyPlan,
    study: str,
) -> FrozenTrial:
    """Copy a finished trial for another study, over the space that it has there."""
    carried = create_trial(
        state=trial.state,
        values=list(values) if trial.state == TrialState.COMPLETE else None,
        params=dict(params),
        distributions={name: distribution_of(plan.space[name]) for name in params},
        # Not which trial it retries or resumes: that is a number in the study before.
        user_attrs={
            **{
                key: trial.user_attrs[key]
                for key in (RESULT, RUN_ID, PRECISION)
                if key in trial.user_attrs
            },
            **({COSTS: list(values[1:])} if plan.study.costs else {}),
            CARRIED_FROM: f"{study}/{trial.number}",
        },
        system_attrs={"fixed_params": dict(params)} if "fixed_params" in trial.system_attrs else {},
        intermediate_values=dict(trial.intermediate_values),
    )
    if trial.state == TrialState.COMPLETE and plan.constraints:
        for on, excess in excesses(
            plan.constraints, result_from_dict(trial.user_attrs[RESULT])
        ).items():
            carried.set_constraint(on, excess)
    carried.datetime_start = trial.datetime_start
    carried.datetime_complete = trial.datetime_complete
    return carried


def describe_revision(revision: Revision, asked: str) -> Sequence[str]:
    """Say which revision of a study is run, and what a new one carries over."""
    name = revision.plan.base.study.name
    if revision.before is not None:
        return [
            f"new revision {name}: {len(revision.carried)} trials of {revision.before} are carried "
            f"over, {revision.left} are not valid in it"
        ]
    if name != asked:
        return [f"resuming {name}, the revision of {asked} that has these settings"]
    return []
