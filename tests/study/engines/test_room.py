"""How many trials a cluster has room for."""

import pytest

from segexp.core.config import EngineConfig
from segexp.core.errors import InputError
from segexp.study.engines._room import in_words, resources_of_trial, room_for


@pytest.mark.parametrize(
    ("engine", "per_gpu", "there_are", "each", "room"),
    [
        ({}, None, {"CPU": 8.0}, (1.0, 0.0), 8),
        ({}, 2, {"CPU": 8.0}, (1.0, 0.0), 8),
        ({}, None, {"CPU": 64.0, "GPU": 4.0}, (1.0, 1.0), 4),
        ({}, 2, {"CPU": 64.0, "GPU": 4.0}, (1.0, 0.5), 8),
        ({}, 3, {"CPU": 64.0, "GPU": 1.0}, (1.0, 1 / 3), 3),
        ({"num_cpus": 16}, 2, {"CPU": 64.0, "GPU": 4.0}, (16.0, 0.5), 4),
        ({"num_cpus": 0.5, "num_gpus": 0}, None, {"CPU": 2.0, "GPU": 4.0}, (0.5, 0.0), 4),
        ({"num_gpus": 2}, None, {"CPU": 64.0, "GPU": 5.0}, (1.0, 2.0), 2),
    ],
)
def test_a_trial_has_a_share_of_a_gpu_where_there_are_any(
    engine: dict[str, float],
    per_gpu: int | None,
    there_are: dict[str, float],
    each: tuple[float, float],
    room: int,
) -> None:
    config = EngineConfig.model_validate(engine, strict=False)
    found = resources_of_trial(config, 1, per_gpu, there_are)
    assert found == pytest.approx(each)
    assert room_for(found, there_are) == room


def test_a_training_on_several_devices_has_as_many_gpus() -> None:
    there_are = {"CPU": 64.0, "GPU": 4.0}
    assert resources_of_trial(EngineConfig(), 2, None, there_are) == (1.0, 2.0)


def test_a_cluster_without_room_for_one_is_refused_with_what_it_has() -> None:
    with pytest.raises(InputError) as caught:
        room_for((4.0, 1.0), {"CPU": 2.0})
    assert str(caught.value) == (
        "engine: a trial is to have 4 CPU and 1 GPU, and Ray's cluster has 2 CPUs and 0 GPUs; set "
        "engine.num_cpus and engine.num_gpus"
    )
    assert in_words((0.5, 0.0)) == "0.5 CPU"
