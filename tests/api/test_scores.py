from pathlib import Path

import pytest

import segexp
from tests.cli.running import read
from tests.cli.running import segexp as command


def test_a_model_has_the_scores_that_the_command_prints(project: Path, saved: Path) -> None:
    space = segexp.common_space("merged10", "cityscapes19", project=project)
    found = segexp.evaluate(segexp.load(saved), space=space, project=project)
    by_command = read(command(project, "evaluate", str(saved), "--space", "merged10", "--json"))
    assert found.scores["miou"] == by_command["miou"]
    assert found.table == by_command["table"]
    assert segexp.evaluate(saved, split="val", project=project).images == 3


def test_words_that_are_none_are_refused_before_anything_is_read(
    project: Path, saved: Path
) -> None:
    with pytest.raises(segexp.InputError) as error:
        segexp.evaluate(saved, split="vall", rule="sun", project=project)  # type: ignore[arg-type]
    assert error.value.faults == (
        "split 'vall': expected train, val, heldout, test (did you mean 'val'?)",
        "rule 'sun': expected argmax, sum (did you mean 'sum'?)",
    )
