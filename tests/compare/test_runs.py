"""What is said of final trainings, from what their trials say."""

import json
from typing import Any

from optuna.trial import FrozenTrial, create_trial

from harness.project import ROOT
from segexp.compare.runs import _mixed_precision, _scored_before
from segexp.study.attributes import PRECISION, RESULT

STORED = ROOT / "tests" / "stored" / "trial_result.json"


def trial(version: int, by_argmax: float) -> FrozenTrial:
    content: dict[str, Any] = json.loads(STORED.read_text())
    content |= {"version": version}
    content["heldout"] |= {"miou_common": 0.25, "miou_common_argmax": by_argmax}
    return create_trial(value=0.25, user_attrs={RESULT: content})


def test_final_trainings_scored_by_the_earlier_sum_are_counted():
    said = _scored_before([trial(2, 0.2), None, trial(3, 0.2), trial(1, 0.25)])
    assert said is not None
    assert said.startswith("1 of 3 final trainings were scored by the rule sum of an earlier")


def test_no_note_if_the_rules_decided_alike_or_all_are_current():
    assert _scored_before([trial(2, 0.25), trial(3, 0.2), None]) is None


def in_precision(precision: str | None) -> FrozenTrial:
    return create_trial(value=0.5, user_attrs={PRECISION: precision} if precision else {})


def test_final_trainings_of_hosts_that_differed_in_precision_are_counted_by_arm():
    one, two = [in_precision("bf16"), None, in_precision("fp32")], [in_precision("bf16")] * 2
    said = _mixed_precision(["a", "b"], [one, two])
    assert said is not None
    assert "(a: 1 in bf16, 1 in fp32; b: 2 in bf16)" in said
    assert _mixed_precision(["a", "b"], [two, [in_precision(None)]]) is None
