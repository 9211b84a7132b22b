"""What is refused is refused before torch is loaded, which takes seconds."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.trees import camvid_like, picture, save, truncate

PROGRAM = """
import contextlib, io, json, sys
from segexp.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["segexp", *words]
    code, errors = 0, io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            main()
    except SystemExit as end:
        code = end.code
    loaded = [name for name in ("torch", "mlflow", "optuna") if name in sys.modules]
    print(json.dumps([code, loaded, errors.getvalue()]))
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


def run(project: Path, *commands: tuple[str, ...]) -> list[tuple[int, list[str], str]]:
    """Run commands in one new process; return the code, what was loaded by then and the errors."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(commands)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def check_folders(project: Path, places: Path, *cases) -> None:
    """Refuse folders, each made by a function, by commands in one process."""
    faults = [make(places / str(number)) for number, (make, _) in enumerate(cases)]
    commands = [
        (*COMMANDS[name], "--data", str(places / str(n))) for n, (_, name) in enumerate(cases)
    ]
    answers = run(project, *commands)
    for (code, loaded, errors), fault in zip(answers, faults, strict=True):
        assert (code, loaded) == (2, []), errors
        assert fault in errors


def test_a_folder_that_is_refused_is_refused_without_torch(project: Path, tmp_path: Path):
    makes = (unknown_layout, unknown_taxonomy, no_folder)
    check_folders(project, tmp_path / "data", *((make, "tune") for make in makes))


def test_every_command_refuses_a_folder_without_torch(project: Path, tmp_path: Path):
    check_folders(project, tmp_path / "data", *((unknown_layout, name) for name in COMMANDS))


@pytest.mark.slow
@pytest.mark.parametrize("make", [unknown_taxonomy, no_folder])
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "tune"])
def test_every_command_refuses_every_folder_without_torch(
    project: Path, tmp_path: Path, make, command: str
):
    check_folders(project, tmp_path / "data", (make, command))


def test_a_damaged_file_is_refused_without_torch(project: Path, tmp_path: Path):
    fault = damaged(tmp_path / "data")
    words = ("--data", str(tmp_path / "data"), "--mapping", "camvid11")
    commands = [(*COMMANDS[name], *words) for name in ("tune", "train", "data check")]
    for code, loaded, errors in run(project, *commands):
        assert (code, loaded) == (2, []), errors
        assert fault in errors


def test_images_and_a_place_that_are_wrong_are_refused_without_torch(project: Path, tmp_path: Path):
    """And what a folder that is no bundle lacks, and views that do not exist."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    words = ("predict", str(tmp_path / "empty"), str(tmp_path / "gone.png"), str(tmp_path))
    ((code, loaded, errors),) = run(
        project, (*words, "--out", str(tmp_path / "file"), "--tta", "flap")
    )
    assert code == 2
    assert "torch" not in loaded
    for fault in ("gone.png: no such file", ": no images in it", "is no folder", "did you mean"):
        assert fault in errors
    assert "no model" in errors


def test_a_storage_that_does_not_answer_is_refused_without_torch(project: Path):
    with socket.socket() as taken:  # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}/x"
        url = f"postgresql+psycopg2://ann:secret@{place}"
        answers = run(project, *((*COMMANDS[name], "--storage", url) for name in ("tune", "ab")))
    for code, loaded, errors in answers:
        assert (code, loaded) == (2, ["optuna"]), errors
        assert f"asking the storage postgresql+psycopg2://ann@{place} ..." in errors
        assert "Connection refused" in errors
        assert "loading torch" not in errors and "secret" not in errors
