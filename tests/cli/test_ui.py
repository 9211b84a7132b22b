"""`segexp ui`: what it opens, and what it refuses."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest

from segexp.core.errors import Interrupted
from segexp.study.attributes import DEFINITION, RUN_ID, TRACKING
from segexp.study.storage.open import open_storage
from tests.cli.running import segexp, the_fault


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser is told to open."""
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.get", lambda: None)
    monkeypatch.setattr("webbrowser.open", addresses.append)
    return addresses


def begun(project: Path, uri: str | None, objective: str = "val/miou_common") -> None:
    """Note a study as one that is recorded somewhere."""
    study = optuna.create_study(storage=open_storage(None, project), study_name="street")
    study.set_user_attr(DEFINITION, {"objective": objective})
    study.set_user_attr(RUN_ID, "abc")
    study.set_user_attr(TRACKING, [uri, "street", "7"])


def test_of_a_study_on_a_server_only_the_address_is_opened(project: Path, opened: list[str]):
    begun(project, "http://127.0.0.1:9")  # where nothing answers: it is not asked
    outcome = segexp(project, "ui", "street")
    address = (
        "http://127.0.0.1:9/#/experiments/7/runs?workflowType=machine_learning"
        "&orderByKey=metrics.%60best%2Fmiou_common%60&orderByAsc=false"
    )
    assert (outcome.code, outcome.out.splitlines(), opened) == (0, [address], [address])


def test_no_open_prints_the_address_alone_by_the_studys_own_objective(
    project: Path, opened: list[str]
):
    begun(project, "http://127.0.0.1:9", "val/pixel_accuracy")
    outcome = segexp(project, "ui", "--no-open")
    assert "orderByKey=metrics.%60best%2Fpixel_accuracy%60" in outcome.out
    assert not opened


def test_without_a_study_it_says_so(project: Path):
    assert "no study" in the_fault(segexp(project, "ui"))


def test_a_study_that_is_not_there_is_refused(project: Path):
    begun(project, None)
    assert "no study 'stret'" in the_fault(segexp(project, "ui", "stret"))


def test_a_study_whose_database_is_gone_is_refused(project: Path, opened: list[str]):
    begun(project, None)
    (project / "mlflow.db").unlink()
    outcome = segexp(project, "ui", "street")
    assert outcome.code == 2
    assert "there is no MLflow database" in outcome.err
    assert not opened


def test_ctrl_c_ends_it_without_a_word(
    project: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
):
    @contextmanager
    def interrupted(*_: object) -> Iterator[SimpleNamespace]:
        def wait() -> None:
            raise Interrupted(signal.SIGINT)

        yield SimpleNamespace(wait=wait)

    begun(project, None)
    monkeypatch.setattr("segexp.tracking.ui.served", interrupted)
    monkeypatch.setattr("segexp.tracking.ui.share_view", lambda *_: False)
    outcome = segexp(project, "ui", "street")
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "Ctrl-C ends it"
