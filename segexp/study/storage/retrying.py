"""Optuna's database storage for connections that break: every call takes effect exactly once.

A connection that breaks during a commit leaves open whether the commit happened. Each call that
must not happen twice therefore leaves a mark of its own in the rows that it writes, in the same
transaction. The second attempt looks for the mark, under the lock that the first attempt took, so
that it also waits for a first one that the server is still about to finish.

Only `access`, `begin`, `proxied` and `several` use names of Optuna, too, that are not public.
"""

import copy
import functools
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy
from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from segexp.core.errors import AwayError
from segexp.study.storage.database_errors import (
    database_error,
    is_passing,
    is_wrong_call,
    next_step,
    reason_of,
)
from segexp.study.storage.waiting import PATIENCE, Patience

# System attributes: the call that made a study or a trial, and the one that changed a trial's
# state last.
CREATED = "segexp.created"
CHANGED = "segexp.changed"

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _outlasting(
    method: Callable[Concatenate[RDBStorage, _P], _T],
) -> Callable[Concatenate["RetryingStorage", _P], _T]:
    """Repeat a method that does the same however often it is called, until it is answered."""

    def outlasting(self: "RetryingStorage", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self.until_answered(lambda is_repeated: method(self, *args, **kwargs))

    functools.update_wrapper(outlasting, method)
    return outlasting


class RetryingStorage(RDBStorage):
    """Optuna's RDBStorage, which outlasts connections that break and servers that restart.

    Args:
        name: What to call the database in messages; never with a password.
        patience: For how many seconds a call is repeated while the database does not answer.
        makes_tables: Whether tables that are missing are made.

    Raises:
        AwayError: From every method, when the patience is spent or repeating is of no use, as
            when the disk is full.
    """

    def __init__(
        self,
        url: str,
        name: str,
        engine_kwargs: dict[str, Any],
        patience: float = PATIENCE,
        *,
        makes_tables: bool = True,
    ) -> None:
        self.patience = Patience(name, patience)
        super().__init__(url, engine_kwargs=engine_kwargs, skip_table_creation=not makes_tables)

    @property
    def dialect(self) -> str:
        """The kind of database, as SQLAlchemy calls it, such as ``postgresql``."""
        return self.engine.dialect.name

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Create a study, see RDBStorage."""
        name = study_name or f"no-name-{uuid.uuid4()}"
        call = _new_call()

        def attempt(is_repeated: bool) -> int:
            with _create_scoped_session(self.scoped_session) as session:
                mark = models.StudySystemAttributeModel(key=CREATED, value_json=call)
                study = models.StudyModel(
                    study_name=name,
                    directions=[
                        models.StudyDirectionModel(objective=objective, direction=direction)
                        for objective, direction in enumerate(directions)
                    ],
                    system_attributes=[mark],
                )
                session.add(study)
                session.flush()
                return int(study.study_id)

        try:
            return self.until_answered(attempt)
        except IntegrityError:
            study_id = self.get_study_id_from_name(name)
            if self.get_study_system_attrs(study_id).get(CREATED) == json.loads(call):
                return study_id
            raise DuplicatedStudyError from None

    def replace_study_user_attr(self, study_id: int, key: str, expected: Any, value: Any) -> Any:
        """Set an attribute of a study if it is still what was expected; of many hosts one does.

        Args:
            expected: What it is to be now; None for absent.
            value: What it becomes; no other call has the same.

        Returns:
            What it is then: ``value``, or what another call made it.
        """

        def attempt(is_repeated: bool) -> Any:
            with _create_scoped_session(self.scoped_session) as session:
                _lock(models.StudyModel.study_id, study_id, models.StudyModel.study_name, session)
                study = models.StudyModel.find_or_raise_by_id(study_id, session)
                attribute = models.StudyUserAttributeModel
                found = attribute.find_by_study_and_key(study, key, session)
                stands = None if found is None else json.loads(str(found.value_json))
                if stands != expected:
                    return stands
                if found is None:
                    found = attribute(study_id=study_id, key=key)
                    session.add(found)
                found.value_json = json.dumps(value)
                return value

        return self.until_answered(attempt)

    def delete_study(self, study_id: int) -> None:
        """Delete a study, see RDBStorage."""

        def attempt(is_repeated: bool) -> None:
            try:
                RDBStorage.delete_study(self, study_id)
            except KeyError:
                if not is_repeated:
                    raise

        self.until_answered(attempt)

    def _create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> FrozenTrial:
        call = _new_call()
        if template_trial is not None:
            template_trial = _without_mark(template_trial)

        def attempt(is_repeated: bool) -> FrozenTrial:
            with _create_scoped_session(self.scoped_session) as session:
                # Trials are numbered by counting those before them: one at a time.
                models.StudyModel.find_or_raise_by_id(study_id, session, for_update=True)
                trial = _trial_created_by(call, study_id, session) if is_repeated else None
                if trial is None:
                    if template_trial is not None and _has_just_begun(template_trial):
                        trial = _begun_like(template_trial, study_id, session)
                    else:
                        trial = self._get_prepared_new_trial(study_id, template_trial, session)
                    mark = models.TrialSystemAttributeModel(
                        trial_id=trial.trial_id, key=CREATED, value_json=call
                    )
                    session.add(mark)
                    session.flush()
                return self._build_frozen_trial_from_trial_model(trial)

        return self.until_answered(attempt)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Change the state of a trial, see RDBStorage.

        Of several processes that begin the same waiting trial, one gets True. RDBStorage promises
        that as well, but on SQLite, which cannot lock a row, it does not keep it.
        """
        return self._change_trial(trial_id, state, values or (), {})

    def begin_trial(self, trial_id: int, user_attrs: Mapping[str, Any]) -> bool:
        """Let a waiting trial run, and set attributes of it, all or nothing.

        Returns:
            Whether it waited; of several processes that begin the same trial, one gets True.
        """
        return self._change_trial(trial_id, TrialState.RUNNING, (), user_attrs)

    def set_trial_user_attrs(self, trial_id: int, user_attrs: Mapping[str, Any]) -> None:
        """Set several attributes of a trial at once, see `set_trial_user_attr`."""

        def attempt(is_repeated: bool) -> None:
            with _create_scoped_session(self.scoped_session, True) as session:
                trial: Any = models.TrialModel.find_or_raise_by_id(trial_id, session)
                self.check_trial_is_updatable(trial_id, trial.state)
                _put_user_attributes(user_attrs, trial_id, session)

        self.until_answered(attempt)

    def _change_trial(
        self,
        trial_id: int,
        state: TrialState,
        values: Sequence[float],
        user_attrs: Mapping[str, Any],
    ) -> bool:
        call = _new_call()

        def attempt(is_repeated: bool) -> bool:
            with _create_scoped_session(self.scoped_session) as session:
                _lock(models.TrialModel.trial_id, trial_id, models.TrialModel.state, session)
                trial: Any = models.TrialModel.find_or_raise_by_id(trial_id, session)
                if is_repeated and _last_change(trial_id, session) == call:
                    return True
                self.check_trial_is_updatable(trial_id, trial.state)
                if state == TrialState.RUNNING and trial.state != TrialState.WAITING:
                    return False
                for objective, value in enumerate(values):
                    self._set_trial_value_without_commit(session, trial, objective, value)
                mark = {CHANGED: json.loads(call)}
                _put_attributes(models.TrialSystemAttributeModel, mark, trial_id, session)
                _put_user_attributes(user_attrs, trial_id, session)
                trial.state = state
                if state == TrialState.RUNNING:
                    trial.datetime_start = datetime.now()
                if state.is_finished():
                    trial.datetime_complete = datetime.now()
                return True

        return self.until_answered(attempt)

    set_study_user_attr = _outlasting(RDBStorage.set_study_user_attr)
    set_study_system_attr = _outlasting(RDBStorage.set_study_system_attr)
    get_study_id_from_name = _outlasting(RDBStorage.get_study_id_from_name)
    get_study_name_from_id = _outlasting(RDBStorage.get_study_name_from_id)
    get_study_directions = _outlasting(RDBStorage.get_study_directions)
    get_study_user_attrs = _outlasting(RDBStorage.get_study_user_attrs)
    get_study_system_attrs = _outlasting(RDBStorage.get_study_system_attrs)
    get_all_studies = _outlasting(RDBStorage.get_all_studies)
    get_trial_id_from_study_id_trial_number = _outlasting(
        RDBStorage.get_trial_id_from_study_id_trial_number
    )
    get_trial = _outlasting(RDBStorage.get_trial)
    get_trial_param = _outlasting(RDBStorage.get_trial_param)
    get_trial_user_attrs = _outlasting(RDBStorage.get_trial_user_attrs)
    get_trial_system_attrs = _outlasting(RDBStorage.get_trial_system_attrs)
    set_trial_user_attr = _outlasting(RDBStorage.set_trial_user_attr)
    set_trial_system_attr = _outlasting(RDBStorage.set_trial_system_attr)
    set_trial_intermediate_value = _outlasting(RDBStorage.set_trial_intermediate_value)
    _set_trial_param = _outlasting(RDBStorage._set_trial_param)
    _get_trials = _outlasting(RDBStorage._get_trials)
    _get_best_trial_id = _outlasting(RDBStorage._get_best_trial_id)

    def until_answered(self, attempt: Callable[[bool], _T]) -> _T:
        """Call ``attempt`` until it gets through; its argument says whether it was tried before."""
        return self.patience.until_answered(attempt, self._why_away)

    def _why_away(self, error: Exception) -> str | None:
        cause = database_error(error) if isinstance(error, StorageInternalError) else None
        if cause is None or (is_wrong_call(cause) and not next_step(cause)):
            return None
        if not is_passing(cause):
            reason = f"{reason_of(cause)}{next_step(cause)}"
            raise AwayError(f"storage: {self.patience.name}: {reason}") from error
        return reason_of(cause)


def _new_call() -> str:
    return json.dumps(uuid.uuid4().hex)


def _without_mark(trial: FrozenTrial) -> FrozenTrial:
    # What is copied from another study has that study's.
    unmarked = copy.copy(trial)
    unmarked.system_attrs = {k: v for k, v in trial.system_attrs.items() if k != CREATED}
    return unmarked


def _trial_created_by(call: str, study_id: int, session: Session) -> Any:
    attribute = models.TrialSystemAttributeModel
    return (
        session.query(models.TrialModel)
        .join(attribute, attribute.trial_id == models.TrialModel.trial_id)
        .filter(models.TrialModel.study_id == study_id)
        .filter(attribute.key == CREATED, attribute.value_json == call)
        .one_or_none()
    )


def _lock(key: Any, row: int, column: Any, session: Session) -> None:
    """Lock a row by an update that changes nothing: SQLite has no SELECT FOR UPDATE."""
    session.execute(
        sqlalchemy.update(key.class_)
        .where(key == row)
        .values({column: column})
        .execution_options(synchronize_session=False)
    )


def _has_just_begun(trial: FrozenTrial) -> bool:
    """Whether a new trial is like one that is asked for, but for user attributes."""
    others = (trial.params, trial.system_attrs, trial.intermediate_values, trial.values)
    return trial.state == TrialState.RUNNING and not any(others)


def _begun_like(template: FrozenTrial, study_id: int, session: Session) -> Any:
    """Make a trial that runs; Optuna looks each of its attributes up before it sets it."""
    trial: Any = models.TrialModel(
        study_id=study_id,
        number=None,
        state=TrialState.RUNNING,
        datetime_start=template.datetime_start,
    )
    session.add(trial)
    session.flush()
    for key, value in template.user_attrs.items():
        session.add(
            models.TrialUserAttributeModel(
                trial_id=trial.trial_id, key=key, value_json=json.dumps(value)
            )
        )
    trial.number = trial.count_past_trials(session)
    return trial


def _put_user_attributes(attributes: Mapping[str, Any], trial_id: int, session: Session) -> None:
    _put_attributes(models.TrialUserAttributeModel, attributes, trial_id, session)


def _put_attributes(
    model: Any, attributes: Mapping[str, Any], trial_id: int, session: Session
) -> None:
    """Set attributes of a trial; Optuna looks each one up, and the trial again for each."""
    if not attributes:
        return
    found = session.query(model).filter(model.trial_id == trial_id, model.key.in_(attributes))
    known = {row.key: row for row in found}
    for key, value in attributes.items():
        row = known.get(key)
        if row is None:
            row = model(trial_id=trial_id, key=key)
            session.add(row)
        row.value_json = json.dumps(value)


def _last_change(trial_id: int, session: Session) -> str | None:
    attribute = models.TrialSystemAttributeModel
    found = (
        session.query(attribute.value_json)
        .filter(attribute.trial_id == trial_id, attribute.key == CHANGED)
        .one_or_none()
    )
    return found[0] if found else None
