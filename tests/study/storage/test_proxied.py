"""A gRPC proxy whose answers are lost: each call takes effect exactly once."""

import pickle
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import optuna
import pytest
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from segexp.core.errors import AwayError
from segexp.study.storage.access import give_up_waiting, replace_attribute
from segexp.study.storage.open import hush_optuna
from tests.study.storage.small_study import check_small_study, small_study

grpc = pytest.importorskip("grpc")

from optuna.storages._grpc.auto_generated import api_pb2_grpc  # noqa: E402
from optuna.storages._grpc.servicer import OptunaStorageProxyService  # noqa: E402

from segexp.study.storage import proxied as module  # noqa: E402
from segexp.study.storage.proxied import ProxiedStorage  # noqa: E402


class Cut(grpc.ServerInterceptor):  # type: ignore[misc]
    """Loses a call before the storage has it, or its answer after that.

    Attributes:
        at: The call that is lost, counted from 1; None for none.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.at: int | None = None
        self.place = "before"
        self.meanwhile: Callable[[], None] = lambda: None

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)

        def answer(request: Any, context: Any) -> Any:
            self.calls += 1
            is_the_one = self.calls == self.at
            if is_the_one and self.place == "before":
                self.meanwhile()
                context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
            answered = handler.unary_unary(request, context)
            if is_the_one:
                self.meanwhile()
                context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
            return answered

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )


@pytest.fixture
def cut() -> Cut:
    return Cut()


@pytest.fixture
def behind() -> InMemoryStorage:
    hush_optuna()
    return InMemoryStorage()


@pytest.fixture
def proxied(cut: Cut, behind: InMemoryStorage) -> Iterator[ProxiedStorage]:
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads, interceptors=[cut])
        service = OptunaStorageProxyService(behind)
        api_pb2_grpc.add_StorageServiceServicer_to_server(service, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        storage = ProxiedStorage("127.0.0.1", port, patience=30)
        yield storage
        storage.close()
        server.stop(None).wait()


def test_nobody_is_told_that_optunas_client_is_experimental() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ProxiedStorage("127.0.0.1", 1, patience=0).close()
        with pytest.raises(ExperimentalWarning):  # of anything else it is still shown
            warnings.warn("Another one is", ExperimentalWarning, stacklevel=1)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_call_that_is_lost_at_any_moment_loses_and_doubles_nothing(
    proxied: ProxiedStorage, behind: InMemoryStorage, cut: Cut, place: str
) -> None:
    small_study(proxied, "undisturbed")
    check_small_study(behind, "undisturbed")
    calls = cut.calls
    assert calls > 20
    cut.place = place
    for call in range(2, calls + 1):
        cut.calls, cut.at = 0, call
        small_study(proxied, f"broken-{call}")
        assert cut.calls > call  # so it was repeated
        cut.at = None
        check_small_study(behind, f"broken-{call}")
    assert len(optuna.get_all_study_names(behind)) == calls


def test_of_a_studys_creation_that_was_not_answered_the_caller_is_told(
    proxied: ProxiedStorage, cut: Cut
) -> None:
    cut.at, cut.place = 1, "after"
    with pytest.raises(DuplicatedStudyError):
        proxied.create_new_study([StudyDirection.MAXIMIZE], "a")
    cut.calls, cut.at = 0, 1
    nameless = proxied.create_new_study([StudyDirection.MAXIMIZE])
    assert len(proxied.get_all_studies()) == 2
    cut.calls, cut.at = 0, 1
    proxied.delete_study(nameless)
    assert [study.study_name for study in proxied.get_all_studies()] == ["a"]


def test_a_trial_that_another_begins_while_the_call_is_lost_is_not_begun_twice(
    proxied: ProxiedStorage, cut: Cut
) -> None:
    other: ProxiedStorage = pickle.loads(pickle.dumps(proxied))
    study = optuna.create_study(storage=proxied)
    for place in ("before", "after"):
        study.enqueue_trial({"x": 0.5})
        trial_id = study.trials[-1]._trial_id
        others: list[bool] = []

        def begin(trial_id: int = trial_id, others: list[bool] = others) -> None:
            cut.at = None
            others.append(other.set_trial_state_values(trial_id, TrialState.RUNNING))

        # The first call leaves the mark, the second one begins the trial.
        cut.calls, cut.at, cut.place, cut.meanwhile = 0, 2, place, begin
        own = proxied.set_trial_state_values(trial_id, TrialState.RUNNING)
        assert study.trials[-1].state == TrialState.RUNNING
        assert [*others, own] == ([True, False] if place == "before" else [False, False])
    other.close()


def test_a_trial_that_another_ends_while_the_call_is_lost_is_not_ones_own(
    proxied: ProxiedStorage, behind: InMemoryStorage, cut: Cut
) -> None:
    study = optuna.create_study(storage=proxied)
    trial_id = study.ask()._trial_id

    def end() -> None:
        behind.set_trial_state_values(trial_id, TrialState.FAIL)

    cut.calls, cut.at, cut.meanwhile = 0, 1, end
    with pytest.raises(UpdateFinishedTrialError):
        proxied.set_trial_state_values(trial_id, TrialState.COMPLETE, [0.5])
    assert study.trials[0].state == TrialState.FAIL


def test_a_proxy_that_stays_away_is_one_line_and_one_that_knows_nothing_is_not_waited_for(
    proxied: ProxiedStorage, behind: InMemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = optuna.create_study(storage=proxied)
    give_up_waiting(study)

    def away(*args: Any) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(behind, "get_study_user_attrs", away)
    with pytest.raises(AwayError) as caught:
        study.user_attrs  # noqa: B018
    assert f"storage: grpc://127.0.0.1:{proxied._port}: no answer for 30 s: UNKNOWN" in str(
        caught.value
    )
    assert "the database is away" in str(caught.value)
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)  # of something else
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with pytest.raises(AwayError, match="UNIMPLEMENTED"):
            ProxiedStorage("127.0.0.1", port, patience=600).get_all_studies()
        server.stop(None).wait()


def test_an_attribute_is_replaced_unless_another_has_done_so(proxied: ProxiedStorage) -> None:
    study = optuna.create_study(storage=proxied)
    assert replace_attribute(study, "key", None, "a") == "a"
    assert replace_attribute(study, "key", None, "b") == "a"
    assert replace_attribute(study, "key", "a", "b") == "b"


def test_a_call_has_a_time_to_be_answered_in(
    proxied: ProxiedStorage, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    # gRPC rounds it up: of 60 s up to 60.1 were left.
    monkeypatch.setattr(module, "CALL_SECONDS", 59.0)
    left: list[float] = []
    handle = cut.intercept_service

    def noting(continuation: Any, details: Any) -> Any:
        handler = handle(continuation, details)

        def answer(request: Any, context: Any) -> Any:
            left.append(context.time_remaining())
            return handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )

    cut.intercept_service = noting  # type: ignore[method-assign]
    proxied.get_all_studies()
    assert 0 < left[0] <= 60
