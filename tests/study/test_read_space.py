import math

import optuna
import pytest

from harness.names import one_of
from segexp.core.config import Config
from segexp.core.config_keys import flatten, resolve_key, with_values
from segexp.core.errors import InputError
from segexp.study.config import StudyConfig
from segexp.study.read_space import SEARCHABLE, read_space
from segexp.study.samplers import suggest
from segexp.study.space import Choices, Range, contains
from segexp.training.loss import loss_names


def parse(space: dict, baseline: dict | None = None, **settings: object):
    study = StudyConfig(name="s", space=space, baseline=baseline or {}, **settings)
    found = read_space("s.yaml", study, Config())
    return found.space, found.baseline


def faults_of(space: dict, baseline: dict | None = None, **settings: object) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        parse(space, baseline, **settings)
    return caught.value.faults


def test_choices_and_ranges_are_known_by_the_last_part_of_their_keys():
    space, baseline = parse(
        {
            "training.loss": ["cross_entropy", "focal"],
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "batch_size": {"low": 4, "high": 16, "step": 4},
            "encoder_weights": [None, "imagenet"],
        },
        {"loss": "focal", "training.batch_size": 12},
    )
    assert space == {
        "loss": Choices(("cross_entropy", "focal")),
        "learning_rate": Range(1e-4, 1e-2, log=True),
        "batch_size": Range(4, 16, step=4, integer=True),
        "encoder_weights": Choices((None, "imagenet")),
    }
    # What the study does not name comes from the configuration.
    assert baseline == {
        "loss": "focal",
        "learning_rate": 1e-3,
        "batch_size": 12,
        "encoder_weights": None,
    }


def test_crops_are_choices_of_text_however_they_are_written():
    space, baseline = parse(
        {
            "crop": [None, "32x64", [64, 64]],
            "crop_max_share": [0.75, 1.0],
            "crop_rare": {"low": 0, "high": 0.5},
            "zoom": {"low": 0, "high": 0.5},
        },
        {"zoom": 0.25},
    )
    assert space["crop"] == Choices((None, "32x64", "64x64"))
    assert baseline == {"crop": None, "crop_max_share": 1.0, "crop_rare": 0.0, "zoom": 0.25}
    (fault,) = faults_of({"crop": ["32x64", "96x64"]})
    assert "training.crop: 96x64; at most data.image_size, 64x128" in fault


def test_the_means_of_training_are_searched_like_any_key():
    space, baseline = parse(
        {
            "ema": [0, 0.99],
            "encoder_lr_factor": {"low": 0.05, "high": 1, "log": True},
            "layer_decay": [1, 0.75],
            "freeze_encoder_epochs": {"low": 0, "high": 3},
            "accumulate": [1, 2, 4],
            "repeat_rare": [0, 0.3],
            "label_smoothing": {"low": 0, "high": 0.2},
            "loss": ["ohem", "ce_tversky", "boundary_ce"],
        },
        {"loss": "ohem"},
    )
    assert space["ema"] == Choices((0.0, 0.99))
    assert space["encoder_lr_factor"] == Range(0.05, 1.0, log=True)
    assert space["freeze_encoder_epochs"] == Range(0, 3, integer=True)
    means = {"ema": 0.0, "encoder_lr_factor": 1.0, "layer_decay": 1.0, "freeze_encoder_epochs": 0}
    means |= {"accumulate": 1, "repeat_rare": 0.0, "label_smoothing": 0.0}
    assert baseline == {**means, "loss": "ohem"}


def test_whole_bounds_of_a_float_key_mean_all_floats_between():
    space, baseline = parse({"augmentation": {"low": 0, "high": 1}})
    assert space == {"augmentation": Range(0.0, 1.0)}
    assert not space["augmentation"].integer
    assert baseline == {"augmentation": 0.5}


def test_choices_are_held_as_their_key_holds_them():
    space, baseline = parse({"augmentation": [0, 0.5, 1]}, {"augmentation": 1})
    assert repr(space["augmentation"]) == "Choices(choices=(0.0, 0.5, 1.0))"
    assert repr(baseline) == "{'augmentation': 1.0}"


@pytest.mark.parametrize("key", SEARCHABLE)
def test_every_searchable_key_is_a_key_whose_value_can_be_its_only_choice(key):
    value = flatten(Config().to_dict())[key]
    space, baseline = parse({key: [value]})
    assert space == {key.rpartition(".")[2]: Choices((value,))}
    assert list(baseline.values()) == [value]


@pytest.mark.parametrize(
    ("space", "fault"),
    [
        ({"lerning_rate": [1]}, "lerning_rate: no such key (did you mean 'learning_rate'?)"),
        ({"zebra": [1]}, "zebra: no such key"),
        (
            {"training": {"ema": [0, 0.9]}},
            "training: no such key but a section: name its keys one by one, such as "
            "training.epochs",
        ),
        (
            {"epochs": [1, 2]},
            "epochs: cannot differ between trials of one study; set it under `config`",
        ),
        (
            {"data.image_size": [[64, 64]]},
            "data.image_size: cannot differ between trials of one study; set it under `config`",
        ),
        (
            {"loss": ["cross_entropy"], "training.loss": ["focal"]},
            "training.loss: the same key as space.loss",
        ),
        (
            {"loss": "focal"},
            "loss: 'focal'; expected [choices] or {low: ..., high: ..., log: true}",
        ),
        (
            {"learning_rate": {"low": 1}},
            "learning_rate: {'low': 1}; expected [choices] or {low: ..., high: ..., log: true}",
        ),
        ({"loss": []}, "loss: []; expected one or more choices"),
        ({"loss": ["focal", "focal"]}, "loss: ['focal', 'focal']; a choice is listed twice"),
        ({"augmentation": [1, 1.0]}, "augmentation: [1, 1.0]; a choice is listed twice"),
        ({"mapping": [["a"]]}, "mapping: ['a']: input should be a valid string"),
        (
            {"loss": ["cross_entropy", "focl"]},
            f"loss: 'focl': input should be {one_of(loss_names())} (did you mean 'focal'?)",
        ),
        ({"batch_size": ["8"]}, "batch_size: '8': input should be a valid integer"),
        ({"batch_size": [True]}, "batch_size: True: input should be a valid integer"),
        ({"learning_rate": ["1e-3"]}, "learning_rate: '1e-3': input should be a valid number"),
        (
            {"learning_rate": {"low": 1e-4, "high": 200}},
            "learning_rate: 200: input should be less than or equal to 100",
        ),
        (
            {"learning_rate": {"low": 0, "high": 1}},
            "learning_rate: 0: input should be greater than 0",
        ),
        (
            {"augmentation": {"low": 0, "high": 1, "stepp": 1}},
            "augmentation: unknown key 'stepp' (did you mean 'step'?)",
        ),
        (
            {"batch_size": {"low": 4.0, "high": 16}},
            "batch_size: {'low': 4.0, 'high': 16}; low, high and step must be whole numbers",
        ),
        (
            {"augmentation": {"low": False, "high": 1}},
            "augmentation: {'low': False, 'high': 1}; low, high and step must be numbers",
        ),
        (
            {"augmentation": {"low": "0", "high": 1}},
            "augmentation: {'low': '0', 'high': 1}; low, high and step must be numbers",
        ),
    ],
)
def test_a_fault_of_the_space_says_where_what_and_what_would_be_right(space, fault):
    assert faults_of(space) == (f"s.yaml: space.{fault}",)


@pytest.mark.parametrize(
    "bounds",
    [
        {"low": 1, "high": 0},
        {"low": 0.5, "high": 0.5},
        {"low": math.nan, "high": 1},
        {"low": 0, "high": 1, "log": True},
        {"low": 0.1, "high": 1, "log": 1},
        {"low": 0.1, "high": 1, "log": None},
    ],
)
def test_a_range_needs_order_and_a_log_range_a_positive_low(bounds):
    (fault,) = faults_of({"augmentation": bounds})
    assert fault.endswith("; need low < high, and 0 < low with `log: true`")


@pytest.mark.parametrize(
    "bounds",
    [
        {"low": 0, "high": 1, "step": 0},
        {"low": 0, "high": 1, "step": -0.1},
        {"low": 0, "high": 1, "step": math.nan},
        {"low": 0, "high": 1, "step": 2},
        {"low": 0, "high": 1, "step": 0.3},
        {"low": 0, "high": 1, "step": math.inf},
        {"low": 0.1, "high": 1, "log": True, "step": 0.1},
    ],
)
def test_a_step_is_positive_divides_the_range_and_has_no_log(bounds):
    (fault,) = faults_of({"augmentation": bounds})
    assert fault.endswith("; a step must be above 0 and divide high - low, and stands without log")


@pytest.mark.parametrize("high", [math.inf, 10**400], ids=["inf", "huge"])
def test_a_range_without_an_end_is_refused(high):
    (fault,) = faults_of({"gradient_clip": {"low": 0, "high": high}})
    assert fault.endswith(("should be a finite number", "should be a valid number"))


def test_a_baseline_outside_the_space_is_refused():
    space = {"loss": ["cross_entropy"], "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    assert faults_of(space, {"loss": "focal", "learning_rate": 1}) == (
        "s.yaml: baseline.loss: 'focal' is not in the space; name a value of cross_entropy",
        "s.yaml: baseline.learning_rate: 1.0 is not in the space; name a value of 0.0001 to 0.01 "
        "(log)",
    )


def test_a_baseline_from_the_configuration_outside_the_space_names_its_source():
    assert faults_of({"learning_rate": {"low": 0.5, "high": 1.0}}) == (
        "s.yaml: baseline.learning_rate: 0.001 (from the configuration) is not in the space; "
        "name a value of 0.5 to 1",
    )


def test_a_baseline_of_a_key_that_is_not_searched_is_refused():
    assert faults_of({"loss": ["cross_entropy"]}, {"los": "focal", "epochs": 3}) == (
        "s.yaml: baseline.los: not in the space (did you mean 'loss'?); set it in config.yaml or "
        "under `config`",
        "s.yaml: baseline.epochs: not in the space; set it in config.yaml or under `config`",
    )


def test_native_miou_cannot_rank_mappings():
    mappings = {"mapping": ["cityscapes19", "merged10"]}
    assert faults_of(mappings, objective="val/miou") == (
        "s.yaml: objective: 'val/miou' cannot rank different mappings; use 'val/miou_common'",
    )
    assert parse(mappings)
    assert parse({"loss": ["cross_entropy"]}, objective="val/miou")


def test_every_fault_of_space_and_baseline_is_listed_together():
    found = faults_of(
        {"los": ["focal"], "loss": ["foc", "al"], "batch_size": [8], "mapping": 3},
        {"batch_size": "many", "epochs": 1, "loss": "x"},
        objective="val/miou",
    )
    assert [fault.split(": ")[1] for fault in found] == [
        *("space.los", "space.loss", "space.loss", "space.mapping"),
        *("baseline.epochs", "baseline.batch_size", "objective"),
    ]


def test_whatever_optuna_samples_is_in_the_space_and_fits_the_config():
    space, baseline = parse(
        {
            "loss": ["cross_entropy", "focal"],
            "encoder_weights": [None, "imagenet"],
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "augmentation": {"low": 0, "high": 1},
            "gradient_clip": {"low": 0, "high": 2, "step": 0.5},
            "batch_size": {"low": 4, "high": 16, "step": 4},
        }
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(baseline)
    drawn = [suggest(study.ask(), space) for _ in range(40)]
    assert drawn[0] == baseline
    for params in drawn:
        assert [name for name, p in space.items() if not contains(p, params[name])] == []
        held = flatten(with_values(Config(), params).to_dict())
        assert {name: held[resolve_key(name) or name] for name in params} == params
    assert any(0 < params["augmentation"] < 1 for params in drawn)


@pytest.mark.parametrize("step", [1e-9, 5e-324, 1e-300])
def test_a_step_that_makes_millions_of_values_is_refused(step):
    (fault,) = faults_of({"augmentation": {"low": 0.0, "high": 1.0, "step": step}})
    assert fault.endswith("; over 1,000,000 steps; take a larger one, or none")


def test_dozens_of_choices_make_a_study_and_thousands_do_not():
    rates = [i / 1000 for i in range(1, 5001)]
    space, _ = parse({"learning_rate": rates[:64]}, {"learning_rate": 0.001})
    assert space["learning_rate"] == Choices(tuple(rates[:64]))
    (fault,) = faults_of({"learning_rate": rates})[:1]
    assert fault.endswith("; 5000 choices; at most 64 are taken")
    assert len(fault) < 200
