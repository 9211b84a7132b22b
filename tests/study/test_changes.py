"""How a study would mean something else than when it was begun."""

from pathlib import Path

import pytest

from segexp.core.lease import this_process
from segexp.study.changes import change_faults, definition_changes
from segexp.study.definition import PRECISION
from segexp.training import compute


def test_the_same_definition_has_no_faults_and_a_lost_key_is_one() -> None:
    stored = {"training.epochs": "2", "objective": "val/miou"}
    assert change_faults("a", definition_changes(stored, dict(stored))) == []
    fault, advice = change_faults("a", definition_changes(stored, {"objective": "val/miou"}))
    assert "--study-name" in advice
    assert "training.epochs = 2, now it is nothing" in fault
    assert "--new-revision" in advice
    arm = change_faults("a", definition_changes(stored, {"objective": "val/miou"}), revisable=False)
    assert "--new-revision" not in arm[-1]
    assert "--study-name" in arm[-1]


def test_other_data_is_told_by_both_digests_its_place_and_what_to_do() -> None:
    stored, now = {"data": "camvid 0123456789abcdef"}, {"data": "copy fedcba9876543210"}
    changes = definition_changes(stored, now)
    fault, advice = change_faults("a", changes, Path("/host/copy"))
    assert fault == (
        "study 'a' was begun with data = camvid 0123456789abcdef, now it is copy fedcba9876543210, "
        f"read from /host/copy on {this_process().host}: an image, a mask, a label or a split is "
        "another; name the folder on this host that has the study's data with --data or SEGEXP_DATA"
    )
    assert "--study-name" in advice
    fault, _ = change_faults("a", definition_changes(stored, {"data": "synthetic 0"}))
    assert "now it is synthetic 0: an image" in fault and "--data or SEGEXP_DATA" in fault
    drawn = definition_changes({"data": "synthetic 0"}, now)
    fault, _ = change_faults("a", drawn, Path("/host/copy"))
    assert fault.endswith(f"read from /host/copy on {this_process().host}")  # it has no folder


@pytest.mark.parametrize(("before", "after"), [("bf16", "fp32"), ("fp32", "bf16")])
def test_another_precision_is_told_with_the_host_and_the_ways_to_join(
    monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    monkeypatch.setattr(compute, "_has_bf16_units", lambda device: after == "bf16")
    changes = definition_changes({PRECISION: before}, {PRECISION: after})
    fault, advice = change_faults("a", changes)
    assert fault == (
        f"study 'a' was begun with training.precision = {before}, on {this_process().host} it "
        f"comes to {after}: --mixed joins it in {after}, which each trial records; "
        f"--set training.precision={before} trains as it was begun"
        f"{', emulated and slow here' if before == 'bf16' else ''}"
    )
    assert "begin another one with --study-name" in advice
