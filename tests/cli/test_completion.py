"""What a shell completes."""

import os
import subprocess
import sys
from pathlib import Path

import optuna

PROGRAM = """
import sys
from segexp.cli import main
sys.argv = ["segexp"]
try:
    main()
except SystemExit:
    pass
loaded = {"torch", "optuna", "mlflow", "pandas", "sqlalchemy"} & set(sys.modules)
print(*sorted(loaded), file=sys.stderr)
"""


def completed(directory: Path, line: str) -> tuple[list[str], str]:
    """What bash is offered at the end of a line, and which heavy libraries were loaded."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_SEGEXP_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split(), done.stderr.strip()


def test_mappings_and_studies_are_completed_without_heavy_libraries(project: Path) -> None:
    storage = f"sqlite:///{project}/studies/optuna.db"
    for name in ("street", "square"):
        optuna.create_study(storage=storage, study_name=name)
    assert completed(project, "segexp best str") == (["street"], "")
    assert completed(project, "segexp mapping show merged10_") == (
        ["merged10_background", "merged10_two_wheeler"],
        "",
    )
    assert completed(project, "segexp tune cam") == (["camvid"], "")


def test_where_nothing_is_known_nothing_is_said(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert completed(tmp_path / "empty", "segexp best ") == ([], "")
    (project / "studies" / "optuna.db").write_text("no database", encoding="utf-8")
    assert completed(project, "segexp studies rm ") == ([], "")
