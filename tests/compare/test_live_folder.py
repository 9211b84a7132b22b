"""The page that stands in the results folder of an A/B study until there is an answer."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna

from segexp.compare.candidates import Candidate
from segexp.compare.finals import of_candidates
from segexp.compare.live_folder import LiveFolder
from segexp.compare.plan import AbPlan
from segexp.study.attributes import RESULT
from tests.compare.tiny_ab import plan_of
from tests.report.parsed import read_page


def ended(plan: Any, *values: float) -> Any:
    """An opened study with as many complete trials."""
    study = optuna.create_study(direction="maximize")
    for value in values:
        study.add_trial(optuna.create_trial(value=value, user_attrs={RESULT: {}}))
    return SimpleNamespace(plan=plan, study=study)


def words_of(plan: AbPlan) -> str:
    page = plan.project / "runs" / "ab" / "report.html"
    return " ".join(" ".join(read_page(page.read_text(encoding="utf-8")).texts).split())


def test_it_is_there_as_soon_as_the_arms_search_and_never_has_a_final_score(project: Path) -> None:
    plan = plan_of(project)
    folder = LiveFolder(plan, optuna.create_study(study_name="ab"), "synthetic: 6 train", [].append)
    folder.follow([ended(plan.arms[0], 0.21, 0.35), ended(plan.arms[1], 0.5)])
    words = words_of(plan)
    assert "3 of 14 trials of the searches" in words
    assert "cityscapes19 2 7 0.3500" in words
    assert "merged10 1 7 0.5000" in words
    assert "cityscapes19 or merged10: compared by mIoU in 10 common classes" in words
    assert "Data: synthetic: 6 train." in words

    finals = of_candidates(
        plan, [Candidate({"learning_rate": rate}, (0,)) for rate in (1e-3, 2e-3)]
    )
    folder.follow([ended(finals[0], 0.6789), ended(finals[1])])
    words = words_of(plan)
    assert "1 of 4 final trainings" in words
    assert "0.6789" not in words


def test_a_folder_that_cannot_be_written_is_said_once(project: Path) -> None:
    plan, said = plan_of(project), []
    (project / "runs").write_text("a file where the folder should be")
    folder = LiveFolder(plan, optuna.create_study(study_name="ab"), "drawn", said.append)
    folder.write(is_live=True)
    folder.write(is_live=False)
    (line,) = said
    assert "cannot be written, and the study goes on" in line
