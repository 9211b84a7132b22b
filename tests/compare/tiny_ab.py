"""An A/B study of tiny trainings on drawn data, for the tests that really run one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import yaml

from segexp.compare.arms import parse_arms
from segexp.compare.design import Design, Question
from segexp.compare.plan import AbPlan, plan_ab
from segexp.compare.run import run_ab
from segexp.core.errors import Interrupted
from segexp.evaluation.evaluate import Evaluation
from segexp.study.so_far import SoFar
from segexp.study.storage.open import open_storage
from segexp.training.fit import EpochResult, Step

STUDY = {
    "name": "small",
    "trials": 7,
    "sampler": {"name": "random", "seed": 0},
    "pruner": "none",
    "space": {
        "mapping": ["cityscapes19"],
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    },
    "config": {"training.epochs": 1},
}


SHARED = Design("shared", configs=2, seeds=1)


TUNED = Design("tuned", configs=1, seeds=2)  # as earlier versions began it


QUESTION = Question(margin=0.01, cluster="auto")


class Said:
    """A display that remembers, and interrupts where it is told to."""

    def __init__(self, interrupt_at: int | None = None, fail_in: int | None = None) -> None:
        self.lines: list[str] = []
        self.started: list[tuple[str, int]] = []
        self._interrupt_at = interrupt_at
        self._fail_in = fail_in

    def say(self, text: str) -> None:
        self.lines.append(text)

    def caching(self, done: int, total: int) -> None:
        pass

    def studied(self, so_far: SoFar) -> None:
        pass

    def trial_started(self, number: int, place: int, total: int, params: Mapping[str, Any]) -> None:
        self.started.append((params["mapping"], number))

    def trial_ended(self, number: int, state: str, text: str) -> None:
        pass

    def doing(self, what: str) -> None:
        pass

    def step(self, step: Step, total_epochs: int) -> None:
        if self._interrupt_at is not None and len(self.started) > self._interrupt_at:
            raise Interrupted(2)
        if self._fail_in is not None and len(self.started) - 1 == self._fail_in:
            raise RuntimeError("out of memory")

    def epoch(self, result: EpochResult[Evaluation], value: float, total_epochs: int) -> None:
        pass


def plan_of(project: Path, *mappings: str, **changes: Any) -> AbPlan:
    (project / "studies" / "small.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    overrides = changes.pop("overrides", {})
    name, design = changes.pop("name", "ab"), changes.pop("design", None)
    if design is None:
        configs, seeds = changes.pop("configs", None), changes.pop("seeds", 2)
        design = SHARED if configs is None else Design("matched", configs, seeds)
    arms = parse_arms(mappings or ("cityscapes19", "merged10"))
    return plan_ab(project, "small", arms, overrides, name=name, design=design)


def run(
    project: Path, display: Said | None = None, question: Question = QUESTION, **changes: Any
) -> tuple[dict[str, Any], Path]:
    mixed = changes.pop("mixed", False)
    plan = plan_of(project, *changes.pop("mappings", ()), **changes)
    return run_ab(plan, question, open_storage(None, project), display or Said(), mixed=mixed)


def study_of(project: Path, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{project}/studies/optuna.db")
