"""How the machine is divided among workers."""

from pathlib import Path

import joblib
import psutil
import pytest
import torch

from segexp.study.engines import _seats as seats
from segexp.study.engines._seats import Seat, describe_team, seat_workers
from segexp.study.plan import ListPlan
from tests.tiny_study import Said, finished, plan_of, run


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A machine of the test's own: ``machine(cores=, gpus=, gigabytes=, limit=)``."""
    total = psutil.virtual_memory()

    def build(cores: int, gpus: int = 0, gigabytes: float = 1000, limit: str = "max") -> None:
        monkeypatch.setattr(joblib, "cpu_count", lambda: cores)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
        monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
        memory = total._replace(total=int(gigabytes * 1e9))
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
        (tmp_path / "memory.max").write_text(limit)
        monkeypatch.setattr(seats, "_MEMORY_LIMIT", tmp_path / "memory.max")

    return build


def test_on_a_cpu_there_is_a_worker_of_one_thread_to_each_core(machine, project: Path):
    machine(cores=8)
    assert seat_workers([plan_of(project, trials=50)], None) == [Seat(threads=1)] * 8


def test_a_sampler_suggests_a_fifth_of_its_trials_together_and_at_least_four(
    machine, project: Path
):
    machine(cores=64)
    assert seat_workers([plan_of(project, trials=50)], None) == [Seat(threads=6)] * 10
    assert seat_workers([plan_of(project, trials=6)], None) == [Seat(threads=16)] * 4
    two_arms = [plan_of(project, trials=50)] * 2
    assert seat_workers(two_arms, None) == [Seat(threads=3)] * 20


def test_listed_trainings_wait_for_none_of_each_other(machine, project: Path):
    machine(cores=64)
    plan = ListPlan(plan_of(project).base, ({},) * 12)
    assert seat_workers([plan], None) == [Seat(threads=5)] * 12


@pytest.mark.parametrize(("gigabytes", "limit"), [(5.0, "max"), (64.0, "5000000000\n")])
def test_workers_fit_into_memory(machine, project: Path, gigabytes: float, limit: str):
    # 0.8 x 5 GB; 3 x 32 x 64 pixels of 4 kB each add 25 MB to a worker's 1 GB.
    machine(cores=8, gigabytes=gigabytes, limit=limit)
    assert len(seat_workers([plan_of(project, trials=50)], None)) == 3
    # Two images of 512 x 512 pixels: 1 GB and 2.1 GB.
    wide = plan_of(project, trials=50, image_size=[512, 512], batch_size=2)
    assert seat_workers([wide], None) == [Seat(threads=0)]


def test_there_is_one_worker_to_each_gpu(machine, project: Path):
    machine(cores=16, gpus=2)
    plans = [plan_of(project, trials=50)]
    assert seat_workers(plans, None) == [Seat(8, gpu=0), Seat(8, gpu=1)]
    assert seat_workers(plans, 3) == [Seat(5, gpu=0), Seat(5, gpu=1), Seat(5, gpu=0)]
    machine(cores=16, gpus=1)
    assert seat_workers(plans, None) == [Seat(0, gpu=0)]


def test_a_worker_has_as_many_devices_as_a_training_asks_for(machine, project: Path):
    two = [plan_of(project, trials=50, devices=2, batch_size=4)]
    machine(cores=16, gpus=5)
    assert seat_workers(two, None) == [Seat(8, gpu=0), Seat(8, gpu=2)]
    assert seat_workers(two, 3) == [Seat(5, gpu=0), Seat(5, gpu=2), Seat(5, gpu=4)]
    machine(cores=8)
    assert len(seat_workers(two, None)) == 4
    # 0.8 x 8 GB: 2 GB each, and a batch.
    machine(cores=8, gigabytes=8.0)
    assert len(seat_workers(two, None)) == 3


def test_a_wanted_number_is_taken_and_threads_add_up_to_the_cores(
    machine, project: Path, monkeypatch: pytest.MonkeyPatch
):
    machine(cores=8)
    plans = [plan_of(project, trials=50)]
    assert seat_workers(plans, 1) == [Seat(threads=0)]
    assert seat_workers(plans, 3) == [Seat(threads=2)] * 3
    assert seat_workers(plans, 20) == [Seat(threads=1)] * 20
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)  # as OMP_NUM_THREADS=1 has it
    assert seat_workers(plans, 2) == [Seat(threads=1)] * 2


def test_the_team_is_described():
    way = "cpu, fp32, channels_last"
    assert describe_team([Seat(1)] * 2, "fp32") == f"2 workers of 1 thread on {way}"
    assert describe_team([Seat(4)] * 3, "fp32") == f"3 workers of 4 threads on {way}"
    assert describe_team([Seat(0)], "fp32") == f"1 worker on {way}"
    assert describe_team([Seat(0)], "fp32", 2) == f"1 worker on {way}, 2 devices each"


def test_a_study_starts_no_more_workers_than_it_has_trials_left(project: Path):
    display = Said()
    study, ran = run(project, display, workers=None, trials=1)
    assert (ran, finished(study)) == (1, ["COMPLETE"])
    again = Said()
    assert run(project, again, workers=None, trials=1)[1] == 0
    assert not any("worker" in line for line in again.lines)
