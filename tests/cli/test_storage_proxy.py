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
from optuna.storages import BaseStorage

from harness.project import ROOT
from harness.tracking_server import free_port
from segexp.study.storage.open import open_storage
from tests.cli.running import segexp, the_fault
from tests.tiny_study import Said, finished, run, states

pytest.importorskip("grpc")


class Proxy:
    """A process of the command, before the project's own database unless ``words`` say another."""

    def __init__(self, project: Path, *words: str) -> None:
        self.project = project
        self.words = words
        self.port = free_port()
        self.url = f"grpc://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "segexp", "storage-proxy", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, *self.words],
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
def a_proxy(project: Path, *words: str) -> Iterator[Proxy]:
    proxy = Proxy(project, *words)
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


@pytest.mark.slow
def test_a_proxy_whose_database_is_named_needs_no_project(tmp_path: Path) -> None:
    with a_proxy(tmp_path, "--storage", "sqlite:///a.db") as proxy:
        optuna.create_study(storage=open_storage(proxy.url, tmp_path), study_name="one")
    assert optuna.get_all_study_names(f"sqlite:///{tmp_path}/a.db") == ["one"]


@pytest.mark.parametrize("way", ["option", "file", "environment", "set"])
def test_each_way_to_name_the_database_does_without_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    served: list[BaseStorage] = []
    module = "segexp.study.storage.proxy"
    monkeypatch.setattr(f"{module}.serve", lambda storage, host, port: served.append(storage))
    url, words = "sqlite:///a.db", []
    if way == "option":
        words = ["--storage", url]
    elif way == "file":
        (tmp_path / "url").write_text(url)
        words = ["--storage-file", "url"]
    elif way == "environment":
        monkeypatch.setenv("SEGEXP_STORAGE", url)
    else:
        words = ["--set", f"storage={url}"]
    # Another program's is not read.
    (tmp_path / "config.yaml").write_text("storage: 5\ndatabase: {}\n")
    outcome = segexp(tmp_path, "storage-proxy", *words)
    assert outcome.code == 0, outcome.err
    optuna.create_study(storage=served[0], study_name="one")
    assert optuna.get_all_study_names(f"sqlite:///{tmp_path}/a.db") == ["one"]


def test_without_a_project_and_a_database_it_is_said_how_to_name_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGEXP_STORAGE", raising=False)
    fault = the_fault(segexp(tmp_path, "storage-proxy"))
    assert "make a project with `segexp init DIR`" in fault
    assert fault.endswith("without one, name the database with --storage URL")


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
