"""Two hosts that share a study: project directories of their own, one storage, one MLflow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from mlflow import MlflowClient
from optuna.storages import BaseStorage

from segexp.data.open import open_data
from segexp.study import open as open_study
from segexp.study.definition import definition
from segexp.study.open import OpenStudy
from segexp.study.run import run_study
from segexp.study.storage.open import open_storage
from tests.tiny_study import Said, plan_of

LayOut = Callable[[Path], Path]


class Hosts:
    """Hosts of one study, and what they share."""

    def __init__(self, directory: Path, lay_out: LayOut) -> None:
        self.projects = [lay_out(directory / name) for name in ("one", "two")]
        self.url = f"sqlite:///{directory}/shared.db"
        self.uri = f"sqlite:///{directory}/shared-mlflow.db"

    def storage(self, host: int) -> BaseStorage:
        return open_storage(self.url, self.projects[host])

    def plan(self, host: int, **overrides: Any) -> Any:
        shared = {"storage": self.url, "tracking.uri": self.uri}
        return plan_of(self.projects[host], **{**shared, **overrides})

    def open(self, host: int, **overrides: Any) -> OpenStudy:
        plan = self.plan(host, **overrides)
        dataset = open_data(
            plan.base.project, plan.base.config, plan.base.source, lambda done, total: None
        )
        return open_study.open_study(
            plan, dataset, self.storage(host), definition(plan.base, dataset)
        )

    def run(
        self, host: int, display: Said | None = None, **overrides: Any
    ) -> tuple[optuna.Study, Said]:
        display = display or Said()
        study, _ = run_study(self.plan(host, **overrides), self.storage(host), display)
        return study, display

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri)


def best_of(hosts: Hosts, host: int) -> Any:
    study, _ = hosts.run(host, trials=1)
    return study.trials[0]


def runs_of_kind(hosts: Hosts, kind: str) -> list[Any]:
    experiments = [e.experiment_id for e in hosts.client.search_experiments()]
    return list(hosts.client.search_runs(experiments, f"tags.`segexp.kind` = '{kind}'"))
