"""The command line as a whole: what help loads, and what the exit codes are."""

import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image
from typer import Typer

from segexp.cli import app
from segexp.core.errors import Interrupted
from tests.cli.running import Outcome, segexp

COMMANDS = [
    [],
    ["init"],
    ["tune"],
    ["ab"],
    ["best"],
    ["compare"],
    ["report"],
    ["train"],
    ["evaluate"],
    ["export"],
    ["predict"],
    ["worst"],
    ["ui"],
    ["worker"],
    ["sync"],
    ["storage-proxy"],
    ["doctor"],
    ["schema"],
    ["studies"],
    ["studies", "rm"],
    ["data"],
    ["data", "check"],
    ["data", "stats"],
    ["data", "synth"],
    ["mapping"],
    ["mapping", "list"],
    ["mapping", "show"],
    ["mapping", "diff"],
    ["mapping", "common"],
    ["mapping", "check"],
    ["mapping", "import"],
    ["mapping", "suggest"],
]


def names_of(group: Typer) -> list[str]:
    """The names of a group's commands, which are their functions' where none is given."""
    return [c.name or c.callback.__name__ for c in group.registered_commands if c.callback]


def test_help_loads_no_heavy_library() -> None:
    script = f"""
import sys
from segexp.cli import app
for command in {COMMANDS}:
    try:
        app([*command, "--help"])
    except SystemExit as end:
        assert not end.code, command
heavy = {{"torch", "mlflow", "optuna", "albumentations", "plotly", "timm", "pandas", "sqlalchemy"}}
found = sorted(heavy & set(sys.modules))
assert not found, found
"""
    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
    )


def test_every_command_is_among_those_whose_help_is_checked() -> None:
    groups = {str(group.name): group.typer_instance for group in app.registered_groups}
    named = [[name] for name in names_of(app)]
    for name, group in groups.items():
        named += [[name], *([name, command] for command in names_of(group))]
    assert sorted(named) == sorted(COMMANDS[1:])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_both_flags(tmp_path: Path, command: list[str]) -> None:
    for flag in ("-h", "--help"):
        outcome = segexp(tmp_path, *command, flag)
        assert outcome.code == 0
        assert "Usage:" in outcome.out


def test_an_unknown_option_is_wrong_input(tmp_path: Path) -> None:
    outcome = segexp(tmp_path, "tune", "--trails", "3")
    assert outcome.code == 2
    assert "--trials" in outcome.err
    assert outcome.out == ""


def test_work_that_fails_is_one_line_and_debug_shows_where(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    (bundle,) = (tuned[0] / ".segexp" / "studies").glob("tiny-*/trial-*/bundle")
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "taken" / "a_mask.png").mkdir(parents=True)  # a folder where a file is to be
    words = ["predict", str(bundle), "a.png", "--out", "taken"]
    plain = segexp(tmp_path, *words)
    assert plain.code == 1
    assert plain.err.count("error: ") == 1 + plain.err.count("--debug shows")
    assert "taken" in plain.err
    assert "Traceback" not in plain.err
    debug = segexp(tmp_path, *words, "--debug")
    assert debug.code == 1
    assert "Traceback" in debug.err


@pytest.mark.parametrize("words", [["tune"], ["ab", "cityscapes19", "merged10"], ["train"]])
def test_an_interruption_before_anything_started_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr("segexp.data.warnings.refuse_data", interrupt)
    outcome = segexp(project, *words)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "error: interrupted; nothing was begun"


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    outcome = segexp(tmp_path, "--version")
    assert (outcome.code, outcome.out) == (0, f"segexp {version('segexp')}\n")
