import pytest

from harness.names import one_of
from segexp.core.config_keys import build_config
from segexp.core.errors import MAX_LISTED, InputError
from segexp.data.layouts import format_names
from segexp.training.loss import loss_names
from tests.core.config_faults import faults_of


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
        "c.yaml: data.size: unknown key (did you mean 'resize'?)",
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


def test_a_long_value_is_cut_in_its_fault():
    (fault,) = faults_of({}, {"loss": "x" * 1000})
    assert len(fault) < 250


@pytest.mark.parametrize(
    ("split", "fault"),
    [
        ({"by": "town"}, "data.layout.split.by: 'town': input should be 'auto', 'city'"),
        ({"val": 0.9, "test": 0.9}, "data.layout.split: {'val': 0.9, 'test': 0.9}: train, val and"),
    ],
)
def test_of_a_value_that_may_be_a_word_or_a_section_one_is_judged(split, fault):
    layout = {"images": "a/*", "masks": "b/*", "split": split}
    with pytest.raises(InputError) as caught:
        build_config("config.yaml", {}, {"data.layout": layout})
    (said,) = caught.value.faults
    assert said.startswith(fault)
