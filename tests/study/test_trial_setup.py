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


def test_a_checkpoint_is_resumed_wherever_the_data_is_and_whoever_names_its_layout():
    dataset = SimpleNamespace(hash="d", heldout_by=None)
    mapping, common = SimpleNamespace(hash="m"), SimpleNamespace(hash="c")

    def meaning(**data: Any) -> str:
        config = Config.model_validate({"data": data})
        return trial_setup.meaning_of(TrialSetup(config, dataset, mapping, common, "val/miou", {}))

    other = {"root": "/a/other", "relabel": "r"}
    here = meaning(format="folder", root="/a/streets", heldout=other)
    moved = other | {"root": "/b/elsewhere", "format": "camvid"}
    assert meaning(format="auto", root="/b/copy", heldout=moved) == here
    assert meaning(format="auto", root="/b/copy", heldout=moved | {"relabel": "s"}) != here
    assert meaning(format="synthetic") != meaning(format="auto")
