"""What is refused is refused before torch is loaded, which takes seconds."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.trees import camvid_like, picture, save, truncate

PROGRAM = """
import sys
from segexp.cli import main
sys.argv = ["segexp", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    loaded = [name for name in ("torch", "mlflow", "optuna") if name in sys.modules]
    print(end.code, *loaded)
"""

COMMANDS = {
    "tune": ("tune",),
    "train": ("train",),
    "ab": ("ab", "cityscapes19", "merged10"),
    "evaluate": ("evaluate", "nowhere"),
    "data check": ("data", "check"),
}


def unknown_layout(root: Path) -> str:
    (root / "pictures").mkdir(parents=True)
    return "no known layout"


def unknown_taxonomy(root: Path) -> str:
    for number, split in enumerate(("train", "val", "val")):
        save(root / "images" / split / f"{number}.png", picture(number))
        save(root / "masks" / split / f"{number}.png", np.zeros((6, 8), np.uint8))
    return "nothing says which labels its masks hold"


def no_folder(root: Path) -> str:
    return "no such folder"


def damaged(root: Path) -> str:
    camvid_like(root, train=2, val=2)
    truncate(root / "train" / "train_1.png")
    return "train_1.png: damaged or truncated"


def run(project: Path, *words: str) -> tuple[str, str]:
    command = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr


def check_folder(project: Path, root: Path, make, command: str) -> None:
    fault = make(root)
    said, errors = run(project, *COMMANDS[command], "--data", str(root))
    assert said == "2", errors
    assert fault in errors


@pytest.mark.parametrize("make", [unknown_layout, unknown_taxonomy, no_folder])
def test_a_folder_that_is_refused_is_refused_without_torch(project: Path, tmp_path: Path, make):
    check_folder(project, tmp_path / "data", make, "tune")


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "tune"])
def test_every_command_refuses_a_folder_without_torch(project: Path, tmp_path: Path, command: str):
    check_folder(project, tmp_path / "data", unknown_layout, command)


@pytest.mark.slow
@pytest.mark.parametrize("make", [unknown_taxonomy, no_folder])
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "tune"])
def test_every_command_refuses_every_folder_without_torch(
    project: Path, tmp_path: Path, make, command: str
):
    check_folder(project, tmp_path / "data", make, command)


@pytest.mark.parametrize("command", ["tune", "train", "data check"])
def test_a_damaged_file_is_refused_without_torch(project: Path, tmp_path: Path, command: str):
    fault = damaged(tmp_path / "data")
    mapping = ("--mapping", "camvid11")
    said, errors = run(project, *COMMANDS[command], "--data", str(tmp_path / "data"), *mapping)
    assert said == "2", errors
    assert fault in errors


@pytest.mark.parametrize("command", ["tune", "ab"])
def test_a_storage_that_does_not_answer_is_refused_without_torch(project: Path, command: str):
    with socket.socket() as taken:  # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}/x"
        url = f"postgresql+psycopg2://ann:secret@{place}"
        said, errors = run(project, *COMMANDS[command], "--storage", url)
    assert said == "2 optuna", errors
    assert f"asking the storage postgresql+psycopg2://ann@{place} ..." in errors
    assert "Connection refused" in errors
    assert "loading torch" not in errors and "secret" not in errors
