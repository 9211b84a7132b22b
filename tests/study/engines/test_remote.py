"""Trials of a study that other hosts run. Here they are threads with a directory of their own."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import pytest

from segexp.core.config import Config
from segexp.core.credentials import without_credentials
from segexp.core.errors import InputError, WorkError
from segexp.study.attributes import is_interrupted
from segexp.study.engines import load_engine
from segexp.study.engines._joined import join
from segexp.study.engines._sent_task import Own
from segexp.study.engines.remote import Remote
from segexp.study.run import run_study
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, plan_of, run, states, statuses

TOKEN = "a token of some length"


@dataclass
class Host:
    """A host with a worker.

    Attributes:
        ended: What the worker ended with.
    """

    directory: Path
    lines: list[str] = field(default_factory=list)
    ended: list[BaseException] = field(default_factory=list)
    thread: threading.Thread | None = None

    def connect(self, engine: Remote) -> None:
        assert engine._gate is not None
        address = engine._gate.address

        def work() -> None:
            try:
                join(address, TOKEN, Own(self.directory), self.lines.append)
            except BaseException as error:
                self.ended.append(error)

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def wait(self) -> None:
        assert self.thread is not None
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    monkeypatch.setenv("SEGEXP_WORKER_TOKEN", TOKEN)
    engine = load_engine("remote", {"listen": "127.0.0.1:0"})
    assert isinstance(engine, Remote)
    engine.prepare(None, None)  # without a look at the databases, which are files here
    yield engine
    assert engine._gate is not None
    engine._gate._listening.close()


def end(engine: Remote) -> None:
    """Do to its workers what the end of the study's command does."""
    assert engine._workers is not None
    for guest in engine._workers._idle:
        guest.connection.close()


def run_by(engine: Remote, project: Path, display: Said, **overrides: object) -> optuna.Study:
    storage = f"sqlite:///{project}/studies/optuna.db"
    plan = plan_of(project, storage=storage, **overrides)
    study, _ = run_study(plan, open_storage(storage, project), display, engine=engine)
    return study


def test_another_host_gives_the_same_trials_and_keeps_its_files_to_itself(
    engine: Remote, project: Path, tmp_path: Path
) -> None:
    host, display = Host(tmp_path / "host"), Said()
    host.directory.mkdir()
    host.connect(engine)
    study = run_by(engine, project, display, trials=2)
    again = run_by(engine, project, display, trials=3)  # the same worker waits for more
    end(engine)
    host.wait()
    assert host.ended == []
    assert host.lines[-1] == "the study needs this worker no longer"
    here, _ = run(project, workers=0, trials=3, name="here")
    assert [(t.params, t.value, t.state) for t in again.trials] == [
        (t.params, t.value, t.state) for t in here.trials
    ]
    assert states(study) == ["COMPLETE"] * 3
    assert statuses(project, study) == ["FINISHED"] * 3
    assert display.ended == [(number, "COMPLETE") for number in range(3)]
    assert display.epochs == [(number, 1) for number in range(3)]
    assert list((host.directory / ".segexp").glob("studies/tiny-*/trial-*/bundle"))
    assert not list((project / ".segexp").glob("studies/tiny-*/trial-*/bundle"))
    assert sum("has joined" in line for line in display.lines) == 1
    assert not any(TOKEN in line for line in [*display.lines, *host.lines])


def test_a_trial_whose_connection_is_gone_is_tried_again_by_who_comes_then(
    engine: Remote, project: Path, tmp_path: Path
) -> None:
    first, second = Host(tmp_path / "first"), Host(tmp_path / "second")
    first.directory.mkdir()
    second.directory.mkdir()

    def cut(trial: int, epoch: int) -> None:
        if trial == 0:
            assert engine._workers is not None
            (worker,) = cutting
            worker.close()
            second.connect(engine)

    cutting = []
    come_in = engine._gate.guests  # type: ignore[union-attr]

    def guests() -> list[object]:
        found = come_in()
        cutting.extend(guest.connection for guest in found)
        del cutting[1:]
        return found

    engine._gate.guests = guests  # type: ignore[union-attr, method-assign, assignment]
    display = Said(on_epoch=cut)
    first.connect(engine)
    study = run_by(engine, project, display, trials=2, epochs=8)
    end(engine)
    first.wait()
    second.wait()
    (ended,) = first.ended
    assert isinstance(ended, WorkError)
    assert "is gone; what was under way here is tried again" in str(ended)
    # On a busy machine the first host may take the retry before it sees that its link is gone.
    complete = [t for t in study.trials if t.state.name == "COMPLETE"]
    assert len(complete) == 2
    assert all(is_interrupted(t) for t in study.trials if t not in complete)
    assert is_interrupted(study.trials[0])
    assert display.ended[0] == (0, "INTERRUPTED")
    assert study.trials[0].params in [t.params for t in complete]


def test_a_host_with_other_data_is_refused_there_and_the_study_waits_for_another(
    engine: Remote, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segexp.study.engines import _worker

    wrong, right = Host(tmp_path / "wrong"), Host(tmp_path / "right")
    wrong.directory.mkdir()
    right.directory.mkdir()
    refuse = _worker._refuse_other_data

    def refuse_first(dataset: object, wanted: str) -> None:
        if not wrong.ended and threading.current_thread() is wrong.thread:
            wanted = "0" * 64
        refuse(dataset, wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(_worker, "_refuse_other_data", refuse_first)

    @dataclass
    class OnLeaving(Said):
        def say(self, text: str) -> None:
            super().say(text)
            if "has left" in text:
                right.connect(engine)

    display = OnLeaving()
    wrong.connect(engine)
    study = run_by(engine, project, display, trials=1)
    end(engine)
    wrong.wait()
    right.wait()
    assert states(study) == ["COMPLETE"]
    (ended,) = wrong.ended
    assert isinstance(ended, InputError)
    assert f"has left: {ended}" in next(line for line in display.lines if "has left" in line)
    assert right.ended == []


def test_databases_that_are_files_are_refused_with_what_to_name(tmp_path: Path) -> None:
    engine = load_engine("remote")
    with pytest.raises(InputError) as caught:
        engine.prepare(None, Config())
    storage, uri = caught.value.faults
    assert storage.startswith("storage: studies/optuna.db: a file, which workers of the engine")
    assert "--storage postgresql://" in storage
    assert uri.startswith("tracking.uri: mlflow.db: a file") and "--set tracking.uri=http" in uri
    with pytest.raises(InputError, match=r"--workers 2: workers of the engine 'remote' come by"):
        engine.prepare(2, None)


def test_a_token_of_its_own_is_said_once(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGEXP_WORKER_TOKEN", raising=False)
    engine = Remote("127.0.0.1:0")
    engine.prepare(None, None)
    assert engine._gate is not None
    token = engine._gate._token
    assert token not in repr(engine)
    said = engine._how_to_join(engine._gate)
    port = engine._gate.address[1]
    assert said == (
        f"workers join with: segexp worker --connect 127.0.0.1:{port}; the token that they ask "
        f"for, shown only here: {token} (or it is in their SEGEXP_WORKER_TOKEN)"
    )
    assert without_credentials(said) == said  # as all that is shown is filtered
    assert token not in engine._how_to_join(engine._gate)
    with suppress(OSError):
        engine._gate._listening.close()


@pytest.mark.parametrize("listen", ["127.0.0.1", ":8765", "127.0.0.1:99999"])
def test_where_to_listen_is_checked_before_anything_is_loaded(listen: str) -> None:
    with pytest.raises(InputError, match=r"^--listen '.*': expected HOST:PORT, .* up to 65535$"):
        load_engine("remote", {"listen": listen})


def test_an_option_of_another_engine_is_refused() -> None:
    with pytest.raises(InputError, match=r"^--listen: the engine 'here' has no such option; it is"):
        load_engine("here", {"listen": "127.0.0.1:0"})
