"""The command as a process of its own: what it leaves behind when it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.project import copy_database

BEGIN = """
import optuna, sys
from pathlib import Path
from segexp.study.storage.open import open_storage
optuna.create_study(study_name="tiny", storage=open_storage(None, Path(sys.argv[1])))
"""

RECORD = """
import sys
from pathlib import Path
from segexp import __main__, cli, tracking

def record() -> None:
    project = Path(sys.argv[1])
    tracking.start_run(tracking.open_experiment(project, None, "tiny"), "a run", {}, {})
    assert (project / "mlflow.db-wal").exists()
    sys.exit(0)

cli.main = record
__main__.main()
"""


INTERRUPT = """
import os, signal, sys
interrupted = sys.argv[1]

class InterruptedImport:
    def find_spec(self, name, path, target=None):
        if name == interrupted:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, InterruptedImport())
from segexp.__main__ import main
sys.argv = ["segexp", "mapping", "list"]
main()
"""

INTERRUPT_THE_END = """
import atexit, os, signal, sys
from segexp.__main__ import main
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.argv = ["segexp", "--version"]
main()
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Path:
    project = tmp_path_factory.mktemp("project")
    assert run("-m", "segexp", "init", str(project)).returncode == 0
    copy_database(mlflow_template, project / "mlflow.db")
    assert run("-c", BEGIN, str(project)).returncode == 0
    return project


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        (("--version",), 0, "segexp "),
        (("mapping", "show", "merged10"), 0, "bicycle"),
        (("best", "other"), 2, "there are tiny"),
        (("best", "tiny"), 1, "no complete trial"),
        (("bset",), 2, "No such command"),
    ],
)
def test_a_command_writes_all_it_has_to_say_and_ends_with_its_code(
    project: Path, arguments: tuple[str, ...], code: int, shown: str
) -> None:
    there = ("--project", str(project)) if len(arguments) > 1 else ()
    done = run("-m", "segexp", *arguments, *there)
    assert done.returncode == code
    assert shown in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_leaves_no_log_of_sqlite_beside_the_studies(project: Path) -> None:
    run("-m", "segexp", "best", "tiny", "--project", str(project))
    files = {path.name for path in (project / "studies").glob("optuna.db*")}
    assert files == {"optuna.db"}


def test_a_command_leaves_no_log_of_sqlite_beside_the_runs(project: Path) -> None:
    done = run("-c", RECORD, str(project))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in project.glob("mlflow.db*")} == {"mlflow.db"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_what_cannot_be_written_is_no_success() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "segexp", "mapping", "list", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["segexp.cli", "typer", "segexp.cli.console", "pydantic"])
def test_ctrl_c_while_a_command_is_loaded_ends_it_quietly(project: Path, module: str) -> None:
    command = [sys.executable, "-c", INTERRUPT, module]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    said = "error: interrupted\n"  # once it was loaded: nothing had begun that could be kept
    assert (done.stdout, done.stderr) in (("", ""), ("", said))


def test_ctrl_c_while_a_command_leaves_ends_it_quietly() -> None:
    done = run("-c", INTERRUPT_THE_END)
    assert (done.returncode, done.stderr) == (130, "")
