from types import SimpleNamespace
from typing import Any

import pytest

from segexp.core.config import Config
from segexp.core.config_keys import with_values
from segexp.study import trial_setup
from segexp.study.trial_setup import TrialSetup


def test_a_checkpoint_from_before_there_were_more_keys_is_resumed(
    monkeypatch: pytest.MonkeyPatch,
):
    """The digest is what segexp 0.1 wrote for its default configuration."""
    monkeypatch.setattr(trial_setup, "CURRENT_RULES", "rules")
    monkeypatch.setattr(trial_setup, "torch", SimpleNamespace(__version__="2.0"))
    dataset = SimpleNamespace(hash="d", heldout_by="city")
    mapping, common = SimpleNamespace(hash="m"), SimpleNamespace(hash="c")
    values: tuple[Any, ...] = (dataset, mapping, common, "val/miou", {})
    first = "314e9c33d577efccb48d7bcbbefb089d165c560a9f06dfe6b7517a6d71c10215"
    assert trial_setup.meaning_of(TrialSetup(Config(), *values)) == first
    assert trial_setup.meaning_of(TrialSetup(with_values(Config(), {"seed": 1}), *values)) != first
