"""Which options of `segexp ab` go together: those that were given count, whatever their values."""

from collections.abc import Callable
from pathlib import Path

import pytest

from segexp.cli.ab_options import HANDED_ON, refuse_answer_options
from segexp.core.errors import InputError
from tests.cli.running import segexp


def test_an_option_of_training_is_refused_beside_masks_even_with_its_default(
    tmp_path: Path,
) -> None:
    words = ("--predictions", "a=x", "--looks", "1", "--workers", "auto", "--margin", "0")
    refused = segexp(tmp_path, "ab", "cityscapes19", *words)
    assert refused.code == 2
    for option in ("MAPPINGS", "--looks", "--workers"):
        assert f"{option}: --predictions compares existing masks" in refused.err
    assert refused.err.count("trains nothing") == 3
    assert "--margin 0" in refused.err


def test_an_option_of_an_answer_is_refused_beside_a_plan_even_with_its_default(
    tmp_path: Path, lay_out_project: Callable[[Path], Path]
) -> None:
    project = lay_out_project(tmp_path / "project")
    words = ("ab", "cityscapes19", "merged10", "--plan", "--cluster", "auto")
    refused = segexp(project, *words, "--require", "better")
    assert refused.code == 2
    for option in ("--require", "--cluster"):
        assert f"{option}: --plan compares nothing yet" in refused.err


def test_a_pilot_without_a_plan_is_refused() -> None:
    with pytest.raises(InputError, match="--pilot: is for --plan"):
        refuse_answer_options({"--pilot": "old", "--margin": 0.01})


def test_what_is_handed_on_are_options_that_the_command_has(tmp_path: Path) -> None:
    shown = segexp(tmp_path, "ab", "--help").out
    assert [option for option in HANDED_ON if option not in shown] == []
