"""Points that no trial has tried, from every sampler."""

import itertools
from typing import Any

import optuna
import pytest

from segexp.study.config import Sampler
from segexp.study.samplers import make_sampler, suggest
from segexp.study.space import Choices, Parameter, Range
from segexp.study.storage.open import hush_optuna
from segexp.study.untried import Points, UntriedSampler, count_values, key_of

SAMPLERS = ["tpe", "random", "gp", "cmaes", "grid"]

SPACE: dict[str, Parameter] = {
    "arch": Choices(("Unet", "FPN")),
    "encoder": Choices(("resnet18", "mit_b0", "vgg11")),
    "augmentation": Range(0.0, 0.2, step=0.1),
}
EXCLUDED = ({"arch": "FPN", "encoder": "vgg11"}, {"encoder": "mit_b0", "augmentation": 0.0})


@pytest.fixture(autouse=True)
def _quiet() -> None:
    hush_optuna()


def run(
    name: str, points: Points, trials: int, first: dict[str, Any] | None = None
) -> optuna.Study:
    """Ask and tell as a study does, with a value that the same point always has."""
    study = optuna.create_study(direction="maximize")
    if first is not None:
        study.enqueue_trial(first)
    for number in range(trials):
        tried = [points.key(t.params) for t in study.get_trials(deepcopy=False) if t.params]
        inner = make_sampler(Sampler(name=name, seed=1), points.space, number)
        study.sampler = UntriedSampler(inner, points, tried, number)
        trial = study.ask()
        params = suggest(trial, points.space)
        study.tell(trial, float(sum(map(len, map(str, params.values())))))
    return study


def points_by_hand() -> set[tuple[str, str, float]]:
    every = itertools.product(("Unet", "FPN"), ("resnet18", "mit_b0", "vgg11"), (0.0, 0.1, 0.2))
    return {
        (arch, encoder, strength)
        for arch, encoder, strength in every
        if (arch, encoder) != ("FPN", "vgg11") and (encoder, strength) != ("mit_b0", 0.0)
    }


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_tries_each_point_that_is_allowed_once(name: str) -> None:
    expected = points_by_hand()
    assert len(expected) == 13
    study = run(name, Points(SPACE, EXCLUDED), 13)
    found = [
        (t.params["arch"], t.params["encoder"], round(t.params["augmentation"], 6))
        for t in study.trials
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected
    points = Points(SPACE, EXCLUDED)
    assert points.are_all_in({key_of(t.params) for t in study.trials})
    assert not points.are_all_in({key_of(t.params) for t in study.trials[1:]})


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_baseline_is_one_of_the_points(name: str) -> None:
    space: dict[str, Parameter] = {"loss": Choices(("focal", "lovasz"))}
    study = run(name, Points(space), 2, first={"loss": "lovasz"})
    assert [t.params["loss"] for t in study.trials] == ["lovasz", "focal"]


@pytest.mark.parametrize("name", ["tpe", "random", "gp", "cmaes"])
def test_what_is_forbidden_is_not_suggested_in_a_space_without_end(name: str) -> None:
    space: dict[str, Parameter] = {**SPACE, "learning_rate": Range(1e-4, 1e-1, log=True)}
    study = run(name, Points(space, EXCLUDED), 14)
    for trial in study.trials:
        assert Points(space, EXCLUDED).allows(trial.params)
        assert 1e-4 <= trial.params["learning_rate"] <= 1e-1
    assert Points(space, EXCLUDED).keys is None
    assert not Points(space, EXCLUDED).are_all_in(set())


def test_a_space_almost_all_of_which_is_forbidden_is_tried_where_it_is_not() -> None:
    encoders = tuple(f"encoder{i}" for i in range(60))
    space: dict[str, Parameter] = {
        "encoder": Choices(encoders),
        "learning_rate": Range(1e-4, 1e-1, log=True),
    }
    points = Points(space, [{"encoder": encoder} for encoder in encoders[1:]])
    assert {t.params["encoder"] for t in run("tpe", points, 5).trials} == {"encoder0"}


def test_params_that_train_the_same_have_one_key() -> None:
    assert key_of({"arch": "Unet", "epochs": 1}) == key_of({"epochs": 1, "arch": "u-net"})
    assert key_of({"augmentation": 0.1 + 0.2}) == key_of({"augmentation": 0.3})
    assert key_of({"arch": "Linknet", "decoder_width": 0.5}) == key_of(
        {"arch": "Linknet", "decoder_width": 1.0}
    )
    assert key_of({"arch": "Unet", "decoder_width": 0.5}) != key_of(
        {"arch": "Unet", "decoder_width": 1.0}
    )
    assert key_of({"encoder_weights": None}) != key_of({"encoder_weights": "None"})
    assert key_of({"gradient_clip": 1.0}) != key_of({"gradient_clip": 1.1})


def test_a_decoder_is_as_wide_as_its_channels() -> None:
    """PAN has 32 channels, in multiples of 8; FPN has 256 and 128, in multiples of 32."""

    def widths_of(arch: str) -> list[set[int]]:
        found: dict[Any, set[int]] = {}
        for width in range(50, 101, 5):
            key = key_of({"arch": arch, "decoder_width": width / 100})
            found.setdefault(key, set()).add(width)
        return list(found.values())

    # 32 w / 8 = 4 w: 2, 2.2, 2.4 -> 2; 2.6 .. 3.4 -> 3; 3.6, 3.8, 4 -> 4.
    assert widths_of("PAN") == [{50, 55, 60}, {65, 70, 75, 80, 85}, {90, 95, 100}]
    # 8 w and 4 w: (4, 2), (4.4, 2.2), (4.8, 2.4), (5.2, 2.6), (5.6, 2.8), (6, 3), (6.4, 3.2),
    # (6.8, 3.4), (7.2, 3.6), (7.6, 3.8), (8, 4).
    assert widths_of("FPN") == [{50, 55}, {60}, {65}, {70, 75, 80}, {85}, {90}, {95, 100}]
    assert key_of({"decoder_width": 0.5}) != key_of({"decoder_width": 0.55})  # of which one?


def test_a_batch_has_no_more_images_than_there_are() -> None:
    def same(one: dict[str, Any], other: dict[str, Any], images: int | None) -> bool:
        return key_of(one, images) == key_of(other, images)

    assert same({"batch_size": 16}, {"batch_size": 32}, 12)
    assert same({"batch_size": 12}, {"batch_size": 32}, 12)
    assert not same({"batch_size": 8}, {"batch_size": 12}, 12)
    assert not same({"batch_size": 16}, {"batch_size": 32}, 20)
    assert not same({"batch_size": 16}, {"batch_size": 32}, None)


def test_a_warm_up_lasts_whole_steps() -> None:
    """Of 12 images in batches of 8 an epoch has 2 steps, so 0.1 and 0.2 epochs have none."""

    def key(warmup: float, images: int) -> Any:
        return key_of({"batch_size": 8, "warmup_epochs": warmup}, images)

    assert key(0.1, 12) == key(0.2, 12) == key(0.0, 12)
    assert key(0.3, 12) == key(0.5, 12) != key(0.2, 12)
    # Whether the last one of 17 images is a batch is not known: 2 steps or 3.
    assert key(0.1, 17) != key(0.2, 17)
    # Nor are, on two devices, the last three of 11: a device would have one of them.
    by_two = [
        key_of({"batch_size": 8, "warmup_epochs": warmup, "devices": 2}, 11)
        for warmup in (0.1, 0.2)
    ]
    assert by_two[0] != by_two[1]
    assert key(0.1, 11) == key(0.2, 11)


def test_what_is_not_searched_tells_params_apart_too() -> None:
    width: dict[str, Parameter] = {"decoder_width": Range(0.5, 1.0, step=0.05)}
    counts = {"PAN": 3, "FPN": 7, "Linknet": 1}
    for arch, count in counts.items():
        keys = Points(width, fixed={"arch": arch}).keys
        assert keys is not None and len(keys) == count
    sizes: dict[str, Parameter] = {"batch_size": Choices((4, 8, 16, 32))}
    keys = Points(sizes, fixed={"arch": "FPN"}, train_images=12).keys
    assert keys is not None and len(keys) == 3


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_tries_what_trains_the_same_once(name: str) -> None:
    space: dict[str, Parameter] = {
        "decoder_width": Choices((0.5, 0.55, 1.0)),
        "batch_size": Choices((16, 32, 4)),
    }
    points = Points(space, fixed={"arch": "FPN"}, train_images=12)
    study = run(name, points, 4)
    assert {
        (t.params["decoder_width"] > 0.6, t.params["batch_size"] > 4) for t in study.trials
    } == {
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    }
    assert points.are_all_in({points.key(t.params) for t in study.trials})


def test_what_is_forbidden_is_found_in_any_spelling_and_in_steps() -> None:
    points = Points({}, [{"arch": "Unet"}, {"loss": "focal", "augmentation": 0.3}])
    assert not points.allows({"arch": "unet"})
    assert not points.allows({"arch": "U-Net"})
    assert points.allows({"arch": "FPN", "loss": "focal", "augmentation": 0.1})
    assert not points.allows({"arch": "FPN", "loss": "focal", "augmentation": 0.1 + 0.2})
    assert points.allows({"arch": "FPN", "loss": "lovasz", "augmentation": 0.1 + 0.2})


@pytest.mark.parametrize(
    ("parameter", "count"),
    [
        (Choices((1, 2, 3)), 3),
        (Range(2, 8, integer=True), 7),
        (Range(2, 8, step=2, integer=True), 4),
        (Range(0.0, 0.3, step=0.1), 4),
        (Range(0.0, 0.3), float("inf")),
    ],
)
def test_the_values_of_a_parameter_are_counted(parameter: Parameter, count: float) -> None:
    assert count_values(parameter) == count


def test_earlier_trials_have_the_current_distributions() -> None:
    """So a study that was begun before anything was left out goes on."""
    study = optuna.create_study(direction="maximize")
    for number in range(3):
        study.sampler = make_sampler(Sampler(seed=1), SPACE, number)
        trial = study.ask()
        suggest(trial, SPACE)
        study.tell(trial, 1.0)
    before = study.trials[0].distributions
    study.sampler = UntriedSampler(
        make_sampler(Sampler(), SPACE, 3), Points(SPACE, EXCLUDED), [], 3
    )
    trial = study.ask()
    suggest(trial, SPACE)
    assert study.trials[-1].distributions == before
