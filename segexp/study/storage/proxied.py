"""Optuna's gRPC client for a proxy that is restarted: every call takes effect exactly once.

As in `retrying`, whose marks are in the rows that a call writes; through the proxy only Optuna's
public calls reach the database. A call that was not answered therefore looks first whether it took
effect: a trial that it made has its mark, a trial that it ended has its state and values, and a
trial that it began has its mark and that of no other call.

A first call that the proxy is still working on when the second one looks may take effect after it.
What is doubled then is a trial that nobody has signed, which is dropped: see
`segexp.study.reconcile`.
"""

import copy
import functools
import os
import uuid
import warnings
from collections.abc import Callable, Container, Sequence
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it writes of each lost connection by itself

import grpc
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.storages import GrpcStorageProxy
from optuna.storages._grpc.auto_generated import api_pb2_grpc
from optuna.storages._grpc.client import GrpcClientCache
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from segexp.core.errors import AwayError
from segexp.study.storage.waiting import Patience

# System attributes of a trial: the call that made it, and those that began it.
MADE = "segexp.made"
BEGUN = "segexp.begun."

CALL_SECONDS = 60.0
"""A call that takes longer is taken for lost: the proxy hangs, or the network."""

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),  # as Optuna's own
    # Seconds after it is back, not minutes, and noticed when it is cut off without a word.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.keepalive_time_ms", 30_000),
]

# https://grpc.github.io/grpc/core/md_doc_statuscodes.html. UNKNOWN is whatever the database behind
# the proxy raised.
_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _outlasting(
    method: Callable[Concatenate[GrpcStorageProxy, _P], _T],
) -> Callable[Concatenate["ProxiedStorage", _P], _T]:
    """Repeat a method that does the same however often it is called, until it is answered."""

    def outlasting(self: "ProxiedStorage", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._until_answered(lambda is_repeated: method(self, *args, **kwargs))

    functools.update_wrapper(outlasting, method)
    return outlasting


class ProxiedStorage(GrpcStorageProxy):
    """Optuna's client of a gRPC proxy, which outlasts its restarts.

    Args:
        patience: For how many seconds a call is repeated while the proxy does not answer.

    Raises:
        AwayError: From every method, when the patience is spent.
    """

    def __init__(self, host: str, port: int, patience: float) -> None:
        self.patience = Patience(f"grpc://{host}:{port}", patience)
        with warnings.catch_warnings():  # that it is experimental, of which no user can do anything
            warnings.filterwarnings("ignore", "GrpcStorageProxy", ExperimentalWarning)
            super().__init__(host=host, port=port)

    def _setup(self) -> None:
        channel = grpc.insecure_channel(f"{self._host}:{self._port}", options=_OPTIONS)
        self._channel = grpc.intercept_channel(channel, _Deadline())
        self._stub = api_pb2_grpc.StorageServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._cache = GrpcClientCache(self._stub)

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Create a study, see BaseStorage.

        Of a study with a name, a creation that was not answered is told as DuplicatedStudyError.
        """
        name = study_name or f"no-name-{uuid.uuid4()}"
        create = super().create_new_study
        try:
            return self._until_answered(lambda is_repeated: create(directions, name))
        except DuplicatedStudyError:
            if study_name is not None:
                raise
            return self.get_study_id_from_name(name)

    def delete_study(self, study_id: int) -> None:
        """Delete a study, see BaseStorage."""
        delete = super().delete_study

        def attempt(is_repeated: bool) -> None:
            try:
                delete(study_id)
            except KeyError:
                if not is_repeated:
                    raise

        self._until_answered(attempt)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial, see BaseStorage."""
        call = uuid.uuid4().hex
        template = copy.copy(template_trial) if template_trial is not None else _begun_now()
        template.system_attrs = {**template.system_attrs, MADE: call}
        create, read = super().create_new_trial, super().get_all_trials

        def attempt(is_repeated: bool) -> int:
            trials = read(study_id, deepcopy=False) if is_repeated else []
            made = [t._trial_id for t in trials if t.system_attrs.get(MADE) == call]
            return made[0] if made else create(study_id, template)

        return self._until_answered(attempt)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Change the state of a trial, see BaseStorage.

        Of several processes that begin the same waiting trial, at most one gets True. None does
        when several began it and the answer to the one that did was lost; its lease runs out then.
        """
        call = f"{BEGUN}{uuid.uuid4().hex}"
        if state == TrialState.RUNNING:
            self.set_trial_system_attr(trial_id, call, True)
        change, read = super().set_trial_state_values, super().get_trial

        def attempt(is_repeated: bool) -> bool:
            trial = read(trial_id) if is_repeated else None
            if trial is None or trial.state != state:
                return change(trial_id, state, values)
            if state == TrialState.RUNNING:
                return [key for key in trial.system_attrs if key.startswith(BEGUN)] == [call]
            if state.is_finished() and [*(values or ())] == [*(trial.values or ())]:
                return True
            return change(trial_id, state, values)

        return self._until_answered(attempt)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials of a study, see BaseStorage."""
        read = super().get_all_trials
        return self._until_answered(lambda is_repeated: read(study_id, deepcopy, states))

    set_study_user_attr = _outlasting(GrpcStorageProxy.set_study_user_attr)
    set_study_system_attr = _outlasting(GrpcStorageProxy.set_study_system_attr)
    get_study_id_from_name = _outlasting(GrpcStorageProxy.get_study_id_from_name)
    get_study_name_from_id = _outlasting(GrpcStorageProxy.get_study_name_from_id)
    get_study_directions = _outlasting(GrpcStorageProxy.get_study_directions)
    get_study_user_attrs = _outlasting(GrpcStorageProxy.get_study_user_attrs)
    get_study_system_attrs = _outlasting(GrpcStorageProxy.get_study_system_attrs)
    get_all_studies = _outlasting(GrpcStorageProxy.get_all_studies)
    set_trial_param = _outlasting(GrpcStorageProxy.set_trial_param)
    set_trial_intermediate_value = _outlasting(GrpcStorageProxy.set_trial_intermediate_value)
    set_trial_user_attr = _outlasting(GrpcStorageProxy.set_trial_user_attr)
    set_trial_system_attr = _outlasting(GrpcStorageProxy.set_trial_system_attr)
    get_trial_id_from_study_id_trial_number = _outlasting(
        GrpcStorageProxy.get_trial_id_from_study_id_trial_number
    )
    get_trial = _outlasting(GrpcStorageProxy.get_trial)

    def _until_answered(self, attempt: Callable[[bool], _T]) -> _T:
        return self.patience.until_answered(attempt, self._why_away)

    def _why_away(self, error: Exception) -> str | None:
        if not isinstance(error, grpc.RpcError):
            return None
        code, details = error.code(), str(error.details() or "").partition("\n")[0]
        reason = f"{code.name}: {details}" if details else code.name
        if code not in _PASSING:
            raise AwayError(f"storage: {self.patience.name}: {reason}") from error
        return reason


class _Deadline(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Gives calls a time in which they are answered; Optuna's have none."""

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(_with_timeout(details), request)


class _Details(grpc.ClientCallDetails):  # type: ignore[misc]
    """What is known of a call."""

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


def _with_timeout(details: Any) -> _Details:
    names = ("method", "metadata", "credentials", "wait_for_ready", "compression")
    known = {name: getattr(details, name, None) for name in names}
    return _Details(timeout=details.timeout or CALL_SECONDS, **known)


def _begun_now() -> FrozenTrial:
    """Return what a trial without a template is made from."""
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=TrialState.RUNNING,
        value=None,
        datetime_start=datetime.now(),
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )
