"""Examples at the end of every command's help: each is a command line that segexp takes."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from harness.project import ROOT
from segexp.cli import app
from segexp.cli.examples import EXAMPLES, lines_of
from segexp.core.config_keys import parse_overrides, resolve_key
from tests.cli.running import segexp
from tests.cli.test_main import COMMANDS

LINES = [line for command in EXAMPLES for line in lines_of(command)]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_shows_its_own_examples(tmp_path: Path, command: list[str]) -> None:
    name = " ".join(["segexp", *command])
    lines = lines_of(" ".join(command))
    assert lines and all(line.startswith(name) for line in lines)
    shown = " ".join(segexp(tmp_path, *command, "--help").out.split())
    assert "Examples:" in shown
    assert [line for line in lines if " ".join(line.split()) not in shown] == []


def test_the_help_of_all_commands_says_what_segexp_answers(tmp_path: Path) -> None:
    assert "Which label mapping, encoder, schedule" in segexp(tmp_path, "--help").out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_lines_of_a_help_are_the_screens_not_the_sources(
    command: list[str],
) -> None:
    found: Any = typer.main.get_command(app)
    for word in command:
        found = found.commands[word]
    assert all("\n" not in part for part in found.help.split("\n\n"))


@pytest.mark.parametrize("line", LINES)
def test_an_example_is_a_command_line_that_is_taken(line: str) -> None:
    words = shlex.split(line.partition(" && ")[0].partition(" > ")[0])
    assert words[0] == "segexp"
    command: Any = typer.main.get_command(app)
    rest = words[1:]
    while rest and rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    params = command.make_context(line, rest).params  # raises what is wrong
    overrides = parse_overrides(params.get("set_") or [])
    assert [key for key in overrides if resolve_key(key) is None] == []
    named = [params.get("mapping"), params.get("space"), params.get("first"), params.get("second")]
    named += params.get("mappings") or ()
    for name in filter(None, named):
        assert (ROOT / "mappings" / f"{name}.yaml").is_file()
    assert max(map(len, line.splitlines())) < 80  # of a help in 80 columns
