"""Trials that actors of Ray run; without Ray only what is refused is tested."""

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import optuna
import psutil
import pytest

from segexp.core.config import Config
from segexp.core.errors import InputError, WorkError
from segexp.study.attributes import CRASHES, OWNER, RETRY_OF
from segexp.study.engines import load_engine
from segexp.study.run import run_study
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, plan_of, run, states, statuses

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One that is put back, whatever the engine sets in it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def _own_cache(environment: None, tmp_path: Path) -> None:
    os.environ["XDG_CACHE_HOME"] = str(tmp_path / "cache")


def run_on_ray(project: Path, display: Said, workers: int, **overrides: object) -> optuna.Study:
    """Run a study on Ray of this machine, whose actors can open the databases' files."""
    storage = f"sqlite:///{project}/studies/optuna.db"
    plan = plan_of(project, storage=storage, **overrides)
    engine = load_engine("ray")
    engine.prepare(workers, None)
    opened = open_storage(storage, project)
    study, _ = run_study(plan, opened, display, engine=engine, workers=workers)
    return study


@needs_ray
@pytest.mark.slow
def test_ray_gives_the_same_trials_and_a_killed_actors_trial_is_tried_again(
    project: Path, _own_cache: None
) -> None:
    killed: list[int] = []
    addresses: set[str] = set()

    def kill(trial: int, epoch: int) -> None:
        if not killed and (trial, epoch) == (1, 1):
            owner = study_of(project).trials[trial].user_attrs[OWNER]
            addresses.update(listened_on())
            os.kill(owner["pid"], signal.SIGKILL)
            killed.append(owner["pid"])

    display = Said(on_epoch=kill)
    study = run_on_ray(project, display, workers=1, trials=3, epochs=4)
    assert killed
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert display.ended == [
        (0, "COMPLETE"), (1, "INTERRUPTED"), (2, "COMPLETE"), (3, "COMPLETE"),
    ]  # fmt: skip
    assert (study.trials[2].user_attrs[RETRY_OF], study.trials[2].user_attrs[CRASHES]) == (1, 1)
    assert study.trials[2].user_attrs[OWNER]["pid"] != killed[0]
    assert statuses(project, study) == ["FINISHED", "KILLED", "FINISHED", "FINISHED"]
    assert addresses == {"127.0.0.1"}
    here, _ = run(project, workers=0, trials=3, epochs=4, name="here")
    done = [t for t in study.trials if t.state.name == "COMPLETE"]
    assert [(t.params, t.value) for t in done] == [(t.params, t.value) for t in here.trials]


@needs_ray
@pytest.mark.slow
def test_a_cluster_that_is_gone_ends_the_command_and_not_the_process_and_the_next_one_goes_on(
    project: Path, _own_cache: None
) -> None:
    os.environ |= {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}  # it is 60

    def kill(trial: int, epoch: int) -> None:
        if (trial, epoch) == (1, 1):
            for process in psutil.Process().children(recursive=True):
                if process.name() in {"gcs_server", "raylet"}:
                    for part in [*process.children(), process]:
                        part.kill()

    display = Said(on_epoch=kill)
    with pytest.raises(WorkError, match=r"this machine: the cluster is gone: .* the same command"):
        run_on_ray(project, display, workers=1, trials=3, epochs=4)
    study = study_of(project)
    assert states(study)[:2] == ["COMPLETE", "FAIL"]
    assert "RUNNING" not in states(study)
    study = run_on_ray(project, Said(), workers=1, trials=3, epochs=4)
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert study.trials[2].user_attrs[RETRY_OF] == 1
    assert statuses(project, study) == ["FINISHED", "KILLED", "FINISHED", "FINISHED"]


def study_of(project: Path) -> optuna.Study:
    return optuna.load_study(study_name="tiny", storage=open_storage(None, project))


def listened_on() -> set[str]:
    """Return the addresses on which this process and Ray's listen, as IPv4."""
    own = psutil.Process()
    pids = {own.pid, *(child.pid for child in own.children(recursive=True))}
    return {
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.net_connections("tcp")
        if connection.pid in pids and connection.status == psutil.CONN_LISTEN
    }


@needs_ray
def test_what_ray_cannot_do_is_refused_before_it_is_started(environment: None) -> None:
    with pytest.raises(InputError, match=r"--workers 0: the engine 'ray' needs one or more"):
        load_engine("ray").prepare(0, None)
    config = Config.model_validate({"engine": {"num_gpus": 0.5}}, strict=False)
    with pytest.raises(InputError, match=r"--per-gpu 2: engine.num_gpus says 0.5; give one of"):
        load_engine("ray", {"per_gpu": 2}).prepare(None, config)
    with pytest.raises(InputError, match=r"storage: studies/optuna.db: a file, which workers of"):
        load_engine("ray").prepare(None, Config())


def test_without_ray_it_is_said_how_to_install_it(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segexp.study.engines.ray.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"--engine ray: Ray is not installed: pip install 'seg"):
        load_engine("ray").prepare(None, None)


def test_ray_of_this_machine_has_a_token_sends_no_statistics_and_listens_on_loopback(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segexp.study.engines.ray.find_spec", lambda name: object())
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        del os.environ[name]
    load_engine("ray").prepare(None, None)
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        del os.environ[name]
    load_engine("ray", {"address": "auto"}).prepare(None, None)  # a cluster has its own
    assert {n for n in os.environ if n.startswith("RAY_")} == {"RAY_USAGE_STATS_ENABLED"}
