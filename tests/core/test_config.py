import pytest
import yaml

from harness.project import ROOT
from segexp.core.config import Config
from segexp.core.config_keys import (
    build_config,
    config_keys,
    flatten,
    load_config,
    resolve_key,
    with_values,
)
from segexp.core.errors import InputError
from tests.core.config_faults import faults_of


def test_the_shipped_config_loads_and_names_every_key():
    config = load_config(ROOT / "config.yaml", {})
    written = flatten(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    assert set(written) == set(config_keys())
    assert config.data.format == "synthetic"
    assert config.training.learning_rate == 1e-3
    assert config.data.image_size == (64, 128)


def test_the_keys_that_the_design_promises_exist():
    promised = """data.format data.root data.image_size data.normalization mapping model.arch
        model.encoder model.encoder_weights training.epochs training.batch_size training.optimizer
        training.learning_rate training.weight_decay training.schedule training.warmup_epochs
        training.loss training.loss_weighting training.augmentation training.precision
        training.seed tracking.uri tracking.experiment storage"""
    assert set(promised.split()) <= set(config_keys())


@pytest.mark.parametrize(("value", "seconds"), [("10m", 600.0), (90, 90.0), (0, 0.0), ("1h", 3600)])
def test_the_storages_patience_is_seconds_or_a_time(value: object, seconds: float):
    config = with_values(Config(), {"storage_patience": value})
    assert config.storage_patience == seconds
    assert Config().storage_patience == 600
    assert build_config("again", config.to_dict(), {}) == config


@pytest.mark.parametrize("value", ["soon", -1, True, "9999999h"])
def test_what_is_no_patience_is_refused_by_its_key(value: object):
    (fault,) = faults_of({"storage_patience": value})
    assert fault.startswith("c.yaml: storage_patience: ")


def test_a_config_comes_back_from_its_own_content():
    config = with_values(Config(), {"epochs": 3, "data.image_size": [96, 128], "seed": 7})
    assert build_config("again", config.to_dict(), {}) == config
    assert yaml.safe_load(yaml.safe_dump(config.to_dict())) == config.to_dict()


def test_what_is_not_given_has_its_default():
    assert build_config("c.yaml", {}, {}) == Config()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", True),
        ("epochs", 2.5),
        ("epochs", None),
        ("seed", -1),
        ("seed", 2**31),
        ("learning_rate", True),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", 10**400),
        ("learning_rate", 1e-400),
        ("epochs", 10**18),
        ("epochs", 0),
        ("batch_size", 0),
        ("batch_size", -8),
        ("batch_size", 10**9),
        ("weight_decay", float("nan")),
        ("weight_decay", float("inf")),
        ("warmup_epochs", 1e18),
        ("gradient_clip", float("nan")),
        ("gradient_clip", 1e300),
        ("decoder_width", float("nan")),
        ("decoder_width", 2),
        ("data.synthetic.train", 10**12),
        ("data.synthetic.seed", 2**40),
        ("data.root", "x" * 5000),
        ("weight_decay", -1e-9),
        ("augmentation", 1.01),
        ("augmentation", float("nan")),
        ("decoder_width", 0),
        ("warmup_epochs", float("inf")),
        ("gradient_clip", -1),
        ("encoder_weights", False),
        ("data.synthetic.val", 0),
        ("data.synthetic.train", 1),
    ],
)
def test_a_value_that_does_not_fit_its_key_is_refused(key, value):
    (fault,) = faults_of({}, {key: value})
    shown = repr(value) if len(repr(value)) <= 80 else f"{value!r:.80}..."
    assert fault.startswith(f"{resolve_key(key)}: {shown}: ")


def test_a_batch_is_a_multiple_of_the_devices():
    both = {"training.devices": 4, "training.batch_size": 8}
    assert with_values(Config(), both).training.devices == 4
    fault = "training.batch_size: 6; a multiple of training.devices, 4: each device takes an equal"
    with pytest.raises(InputError, match=fault):
        with_values(Config(), both | {"training.batch_size": 6})


def test_a_crop_is_written_as_text_and_is_no_larger_than_what_the_network_sees():
    for crop in ([32, 64], "32x64"):
        config = build_config("c", {"training": {"crop": crop}}, {})
        assert config.to_dict()["training"]["crop"] == "32x64"
        assert config.crop_size == (32, 64)
    assert Config().crop_size == Config().data.image_size
    (fault,) = faults_of({"training": {"crop": [96, 64]}}, {})
    assert fault == (
        "c.yaml: training.crop: 96x64; at most data.image_size, 64x128: set that to the larger one"
    )
    for crop in ([33, 64], [32], "32", "axb", 3, True, [32.0, 64], {"a": 1}):
        (fault,) = faults_of({"training": {"crop": crop}}, {})
        assert fault.startswith(f"c.yaml: training.crop: {crop!r}: expected height and width, mult")


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "a\0", "", "CON", "a b", "."])
def test_an_experiment_that_cannot_be_a_folder_of_mlruns_is_refused(name):
    (fault,) = faults_of({"tracking": {"experiment": name}})
    assert fault.startswith(f"c.yaml: tracking.experiment: {name!r}: ")
