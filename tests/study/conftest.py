from pathlib import Path

import pytest

from tests.study.two_hosts import Hosts, LayOut


@pytest.fixture
def hosts(tmp_path: Path, lay_out_project: LayOut, mlflow_template: Path) -> Hosts:
    (tmp_path / "shared-mlflow.db").write_bytes(mlflow_template.read_bytes())
    return Hosts(tmp_path, lay_out_project)
