"""What is said of final trainings, from what their trials say."""

import json
from typing import Any

from optuna.trial import FrozenTrial, create_trial

from harness.project import ROOT
from segexp.compare.runs import _scored_before
from segexp.study.attributes import RESULT

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
