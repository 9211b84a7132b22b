"""`segexp doctor`."""

import json
from pathlib import Path

from tests.cli.running import segexp


def test_each_thing_is_a_line_and_what_would_stop_a_study_ends_with_exit_code_1(
    project: Path,
) -> None:
    done = segexp(project, "doctor")
    assert done.code == 0, done.err
    names = [line.split()[1] for line in done.out.splitlines()]
    machine = ["versions", "device", "bf16"]
    assert names == [*machine, "disk", "permissions", "data", "storage", "tracking", "weights"]
    (project / "mlflow.db").write_text("no database", encoding="utf-8")
    broken = segexp(project, "doctor", "--json")
    assert broken.code == 1
    assert broken.err == "error: 1 fault would stop a study\n"
    checks = {each["name"]: each for each in json.loads(broken.out)["checks"]}
    assert checks["tracking"]["state"] == "fault"
    assert "mlflow.db: is not a SQLite database" in checks["tracking"]["text"]


def test_without_a_project_the_machine_is_looked_at(tmp_path: Path, project: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = segexp(tmp_path / "empty", "doctor")
    assert done.code == 0
    assert "warning project     no config.yaml in " in done.out
    (project / "config.yaml").write_text("modle: {}\n", encoding="utf-8")
    broken = segexp(project, "doctor", "--set", "arch=Unnet")
    assert broken.code == 1
    assert "fault   project     " in broken.out
    assert "config.yaml: modle: unknown key (did you mean 'model'?)" in broken.out
