"""Studies from Python are those of the commands: one begins, the other goes on."""

from pathlib import Path

import pytest

import segexp
from tests.cli.running import read, study_names, write_study
from tests.cli.running import segexp as command


@pytest.mark.slow
def test_a_study_that_python_began_is_the_commands_to_go_on_with(project: Path) -> None:
    write_study(project)
    lines: list[str] = []
    best = segexp.tune("tiny", trials=1, project=project, say=lines.append)
    assert (best.study, best.number) == ("tiny", 0)
    assert [line for line in lines if line.startswith("trial 0  COMPLETE")]
    assert command(project, "tune", "tiny", "--trials", "2", "--workers", "0").code == 0
    again = segexp.tune("tiny", trials=2, project=project, say=lines.append)
    assert again.number == read(command(project, "best", "tiny", "--json"))["trial"]
    assert segexp.load("tiny", project=project).bundle.origin["trial"] == again.number


@pytest.mark.slow
def test_an_ab_study_answers_in_sentences_with_a_page(project: Path) -> None:
    write_study(project)
    answer = segexp.ab(
        "cityscapes19",
        "merged10",
        study="tiny",
        matched=True,
        configs=2,
        project=project,
        say=lambda line: None,
    )
    assert len(answer.sentences) == 1
    assert answer.page.is_file()
    assert "ab-tiny-cityscapes19-merged10-matched" in study_names(project)


def test_what_is_wrong_is_refused_before_anything_is_made(project: Path) -> None:
    with pytest.raises(segexp.InputError, match=r"tinny"):
        segexp.tune("tinny", project=project)
    with pytest.raises(segexp.InputError, match=r"--margin 2: mIoU goes from 0 to 1"):
        segexp.ab("cityscapes19", "merged10", margin=2, project=project)
    with pytest.raises(segexp.InputError, match=r"nosuch: no such key"):
        segexp.tune(settings={"nosuch": 1}, project=project)
    with pytest.raises(segexp.InputError, match=r"workers=-1: a whole number from 0"):
        segexp.tune("tiny", workers=-1, project=project)
    with pytest.raises(segexp.InputError, match=r"timeout=-1: seconds, above 0"):
        segexp.tune("tiny", timeout=-1, project=project)
    assert study_names(project) == []
