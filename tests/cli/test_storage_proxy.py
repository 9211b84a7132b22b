"""``segexp storage-proxy``: what it is refused for, and a study whose proxy is killed meanwhile."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest

from harness.project import ROOT
from harness.tracking_server import free_port
from tests.cli.running import segexp, the_fault
from tests.tiny_study import Said, finished, run, states

pytest.importorskip("grpc")


class Proxy:
    """A process of the command, before the project's own database."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.port = free_port()
        self.url = f"grpc://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "segexp", "storage-proxy", "--port", str(self.port)],
            cwd=self.project,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{self.url}\n"

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def a_proxy(project: Path) -> Iterator[Proxy]:
    proxy = Proxy(project)
    try:
        yield proxy
    finally:
        proxy.stop(signal.SIGKILL)


@pytest.mark.slow
def test_a_study_outlasts_proxies_that_are_killed_and_counts_exactly(project: Path) -> None:
    database = f"sqlite:///{project}/studies/optuna.db"
    with a_proxy(project) as proxy:
        killed: set[int] = set()

        def on_epoch(trial: int, epoch: int) -> None:
            if trial in {0, 2} - killed:
                killed.add(trial)
                proxy.stop(signal.SIGKILL)
                proxy.start()

        study, ran = run(project, Said(on_epoch=on_epoch), workers=2, trials=4, storage=proxy.url)
        assert ran == 4
        assert killed == {0, 2}
        assert finished(study) == ["COMPLETE"] * 4
        assert states(study) == ["COMPLETE"] * 4
        assert proxy.stop(signal.SIGTERM) == 143
    trials = optuna.load_study(study_name="tiny", storage=database).trials
    assert [t.state.name for t in trials] == ["COMPLETE"] * 4
    assert len({t.params["learning_rate"] for t in trials}) == 4


def test_a_proxy_before_a_proxy_or_a_journal_is_refused(project: Path) -> None:
    proxy = segexp(project, "storage-proxy", "--storage", "grpc://127.0.0.1:13000")
    assert "is a proxy itself" in the_fault(proxy)
    journal = segexp(project, "storage-proxy", "--storage", "journal:studies/optuna.log")
    assert "a journal file has no proxy" in the_fault(journal)
    assert not (project / "studies" / "optuna.log").exists()


def test_a_study_at_a_proxy_that_is_not_there_is_refused_before_torch_is_loaded(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segexp.study.storage.proxy._ANSWERS_WITHIN", 0.2)
    url = f"grpc://127.0.0.1:{free_port()}"
    outcome = segexp(project, "tune", "--storage", url)
    assert outcome.code == 2
    assert f"error: storage: {url}: no answer for" in outcome.err
    assert "loading torch" not in outcome.err
