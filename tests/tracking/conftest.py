from pathlib import Path

import pytest

from segexp import tracking
from segexp.tracking import Experiment, Run


@pytest.fixture
def experiment(project: Path) -> Experiment:
    return tracking.open_experiment(project, None, "street")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return tracking.start_run(experiment, "street-0000", {"segexp.kind": "trial"}, {"seed": 0})
