"""The section `data` of config.yaml."""

import pytest

from segexp.core.config_keys import build_config
from tests.core.config_faults import faults_of


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


@pytest.mark.parametrize(
    "rule", ["fitt", 3, None, {"short_side": "x"}, {"factor": 0}, {"factor": 1, "short_side": 2}]
)
def test_what_is_no_rule_of_resizing_is_refused_in_one_line_with_all_rules(rule):
    (fault,) = faults_of({"data": {"resize": rule}}, {})
    assert fault.startswith(f"c.yaml: data.resize: {rule!r}: expected stretch, fit, none, {{short_")
    assert fault.endswith("(did you mean 'fit'?)") == (rule == "fitt")


@pytest.mark.parametrize("rule", ["stretch", "fit", "none", {"short_side": 512}, {"factor": 0.5}])
def test_a_rule_of_resizing_is_written_as_it_was_read(rule):
    config = build_config("c", {"data": {"resize": rule}}, {})
    assert config.to_dict()["data"]["resize"] == rule
    assert build_config("c", config.to_dict(), {}) == config
