import pytest
import yaml

from harness.names import one_of
from harness.project import ROOT
from segexp.core.config import Config
from segexp.core.config_keys import (
    build_config,
    config_keys,
    flatten,
    load_config,
    parse_overrides,
    put_key,
    resolve_key,
    with_values,
)
from segexp.core.errors import MAX_LISTED, InputError
from segexp.data.layouts import format_names
from segexp.training.loss import loss_names


def faults_of(content: object, overrides: dict | None = None) -> tuple[str, ...]:
    assert isinstance(content, dict)
    with pytest.raises(InputError) as caught:
        build_config("c.yaml", content, overrides or {})
    return caught.value.faults


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


def test_a_config_comes_back_from_its_own_content():
    config = with_values(Config(), {"epochs": 3, "data.image_size": [96, 128], "seed": 7})
    assert build_config("again", config.to_dict(), {}) == config
    assert yaml.safe_load(yaml.safe_dump(config.to_dict())) == config.to_dict()


@pytest.mark.parametrize(
    ("key", "whole"),
    [
        ("training.learning_rate", "training.learning_rate"),
        ("learning_rate", "training.learning_rate"),
        ("mapping", "mapping"),
        ("seed", "training.seed"),
        ("data.synthetic.seed", "data.synthetic.seed"),
        ("train", None),
        ("lr", None),
        ("training", None),
        ("", None),
        ("training.", None),
        ("model.learning_rate", None),
    ],
)
def test_a_key_is_known_whole_or_by_its_last_part(key, whole):
    assert resolve_key(key) == whole


def test_no_short_form_means_two_keys():
    short = [k.rpartition(".")[2] for k in config_keys() if not k.startswith("data.synthetic.")]
    assert len(set(short)) == len(short)


def test_overrides_by_whole_key_and_by_last_part_win_over_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("training: {epochs: 4, learning_rate: 1e-2}\n")
    config = load_config(
        path, {"epochs": 7, "model.arch": "FPN", "image_size": [96, 64], "seed": 5}
    )
    assert config.training.epochs == 7
    assert config.training.learning_rate == 0.01
    assert config.model.arch == "FPN"
    assert config.data.image_size == (96, 64)
    assert config.training.seed == 5
    assert config.data.synthetic.seed == 0


def test_what_is_not_given_has_its_default():
    assert build_config("c.yaml", {}, {}) == Config()


def test_a_value_is_replaced_without_changing_the_config_it_came_from():
    before = Config()
    after = with_values(before, {"mapping": "merged10", "learning_rate": 1})
    assert (after.mapping, after.training.learning_rate) == ("merged10", 1.0)
    assert before == Config()
    with pytest.raises(InputError, match=r"training\.epochs: 0: "):
        with_values(before, {"epochs": 0})


def test_every_fault_is_listed_with_file_key_and_value():
    content = {
        "mapping": 5,
        "modle": {},
        "data": {"image_size": [60, 128], "format": "citiscapes", "size": 1},
        "training": {"loss": "lovas", "epochs": 0, "batch_size": "8", "precision": True},
        "tracking": None,
        "storage": ["a"],
    }
    assert faults_of(
        content, {"learning_rate": "fast", "lerning_rate": 1, "training.epoch": 2}
    ) == (
        "lerning_rate: no such key (did you mean 'learning_rate'?)",
        "training.epoch: no such key (did you mean 'training.epochs'?)",
        f"c.yaml: data.format: 'citiscapes': input should be {one_of(format_names())} "
        "(did you mean 'cityscapes'?)",
        "c.yaml: data.image_size: [60, 128]: both sides must be multiples of 32, such as [64, 128]",
        "c.yaml: data.size: unknown key",
        "c.yaml: mapping: 5: input should be a valid string",
        "c.yaml: training.epochs: 0: input should be greater than or equal to 1",
        "c.yaml: training.batch_size: '8': input should be a valid integer",
        "training.learning_rate: 'fast': input should be a valid number",
        f"c.yaml: training.loss: 'lovas': input should be {one_of(loss_names())} "
        "(did you mean 'lovasz'?)",
        "c.yaml: training.precision: True: input should be 'auto', 'fp32' or 'bf16'",
        "c.yaml: tracking: None: expected `key: value` lines",
        "c.yaml: storage: ['a']: input should be a valid string",
        "c.yaml: modle: unknown key (did you mean 'model'?)",
    )


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


@pytest.mark.parametrize(
    ("size", "fault"),
    [
        (
            [64, 100],
            "data.image_size: [64, 100]: both sides must be multiples of 32, such as [64, 96]",
        ),
        ([0, 64], "data.image_size: [0, 64]: both sides must be multiples of 32, such as [32, 64]"),
        (
            [-32, 64],
            "data.image_size: [-32, 64]: both sides must be multiples of 32, such as [32, 64]",
        ),
        ([64], "data.image_size.1: is missing"),
        ([64, "x"], "data.image_size.1: 'x': input should be a valid integer"),
        (64, "data.image_size: 64: input should be a valid tuple"),
        ([10**9, 64], "data.image_size: [1000000000, 64]: at most 16384 a side and 16,777,216"),
        ([2**30, 64], "data.image_size: [1073741824, 64]: at most 16384 a side and 16,777,216"),
        ([16_416, 32], "data.image_size: [16416, 32]: at most 16384 a side and 16,777,216 pixels"),
        ([8192, 8192], "data.image_size: [8192, 8192]: at most 16384 a side and 16,777,216 pixels"),
    ],
)
def test_a_size_has_two_sides_that_are_multiples_of_32(size, fault):
    found = faults_of({}, {"image_size": size})
    assert found[0].startswith(fault)


@pytest.mark.parametrize("side", [32, 64, 96, 1024])
def test_multiples_of_32_are_sizes(side):
    assert build_config("c", {}, {"image_size": [side, 32]}).data.image_size == (side, 32)


def test_an_override_does_not_hide_a_broken_section():
    assert faults_of({"training": 5}, {"epochs": 2}) == (
        "c.yaml: training: 5: expected `key: value` lines",
    )


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "a\0", "", "CON", "a b", "."])
def test_an_experiment_that_cannot_be_a_folder_of_mlruns_is_refused(name):
    (fault,) = faults_of({"tracking": {"experiment": name}})
    assert fault.startswith(f"c.yaml: tracking.experiment: {name!r}: ")


@pytest.mark.parametrize("key", ["storage", "tracking.uri"])
@pytest.mark.parametrize(
    "value",
    ["http://ann:my secret@h", "http:/ann:secret@h", ["http://ann:1 secret@h"], "ann:secret@h"],
)
def test_a_url_that_would_show_its_password_is_refused_without_it(key, value):
    (fault,) = faults_of({}, {key: value})
    assert fault.startswith(f"{key}: ")
    assert "***@h" in fault
    assert "secret" not in fault


def test_of_thousands_of_unknown_keys_the_first_are_listed():
    content = {f"key{i}": i for i in range(5000)}
    faults = faults_of(content)
    assert len(faults) == MAX_LISTED + 1
    assert faults[-1] == f"c.yaml: and {5000 - MAX_LISTED} more like these"
    assert len(faults_of({}, content)) == MAX_LISTED + 1


@pytest.mark.parametrize("key", [1, None, True, 1.5])
def test_a_key_that_is_not_a_word_is_refused(key):
    assert faults_of({key: 1})
    assert faults_of({"training": {key: 1}})


def test_a_section_is_not_a_key():
    assert faults_of({}, {"training": {"epochs": 2}})[0].startswith("training: no such key")


def test_the_content_that_is_given_is_not_changed():
    content = {"training": {"epochs": 4}, "data": {"synthetic": {"train": 5}}}
    build_config("c.yaml", content, {"epochs": 9, "data.synthetic.train": 3})
    assert content == {"training": {"epochs": 4}, "data": {"synthetic": {"train": 5}}}


def test_a_long_value_is_cut_in_its_fault():
    (fault,) = faults_of({}, {"loss": "x" * 1000})
    assert len(fault) < 250


def test_the_values_of_overrides_are_yaml():
    assert parse_overrides(
        ["training.epochs=2", " image_size =[64, 128]", "lr=1e-3", "root=", "a=b=c", "x=no"]
    ) == {
        "training.epochs": 2,
        "image_size": [64, 128],
        "lr": 0.001,
        "root": None,
        "a": "b=c",
        "x": "no",
    }


def test_faults_of_overrides_are_listed_together():
    with pytest.raises(InputError) as caught:
        parse_overrides(["epochs", "=3", "a=[1", "b=1"])
    assert caught.value.faults == (
        "--set epochs: expected key=value, such as training.epochs=2",
        "--set =3: expected key=value, such as training.epochs=2",
        "--set a:1:3: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'",
    )


def test_nested_keys_are_flattened_and_set_by_dots():
    assert flatten({"a": {"b": {"c": 1}}, "d": [2]}) == {"a.b.c": 1, "d": [2]}
    nested: dict = {"a": {"b": 1}, "s": "word"}
    put_key(nested, "a.c", 2)
    put_key(nested, "x.y.z", 3)
    put_key(nested, "s.y", 4)  # a word has no keys: left for validation to refuse
    assert nested == {"a": {"b": 1, "c": 2}, "x": {"y": {"z": 3}}, "s": "word"}
