"""segexp's help screens against a typer program with as many commands and options, in one run.

python benchmarks/help_screens.py

The other program is written from the real one: the same groups, commands and help texts, each with
as many arguments and options of the same kinds, whose functions are empty and whose module imports
typer alone. They are started in turn, each in its own process. Exit status 1 when the screens
do not have the same commands and options.
"""

import argparse
import inspect
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import typing
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import typer
from study import machine
from typer.models import ArgumentInfo

from segexp.cli import app

GOAL = 1.3
SCREENS = ("--help", "best --help", "tune --help", "mapping check --help")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    print(f"{machine()}, typer {version('typer')}. Medians of {repeats} starts (smallest).\n")
    print("| screen | bare typer, ms | segexp, ms | ratio | of processor time | goal |")
    print("|---|---|---|---|---|---|")
    differences = []
    with tempfile.TemporaryDirectory(prefix="segexp-") as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(bare_program(), encoding="utf-8")
        for screen in SCREENS:
            sides = ([str(bare), *screen.split()], ["-m", "segexp", *screen.split()])
            shown = [names_on(run(side)) for side in sides]
            if shown[0] != shown[1]:
                differences.append(f"{screen}: {sorted(shown[0] ^ shown[1])}")
            times: tuple[list[float], list[float]] = ([], [])
            work: tuple[list[float], list[float]] = ([], [])
            for _ in range(repeats):
                for place, side in enumerate(sides):
                    begun, worked = time.perf_counter(), processor_seconds()
                    run(side)
                    times[place].append(time.perf_counter() - begun)
                    work[place].append(processor_seconds() - worked)
            ratio = statistics.median(times[1]) / statistics.median(times[0])
            of_work = statistics.median(work[1]) / statistics.median(work[0])
            verdict = "reached" if ratio <= GOAL else "**missed**"
            row = [f"`segexp {screen}`", *map(milliseconds, times), f"{ratio:.2f}"]
            print("|", " | ".join([*row, f"{of_work:.2f}", f"{GOAL}, {verdict}"]), "|", flush=True)
    if differences:
        sys.exit("the screens are not of the same program: " + "; ".join(differences))


def bare_program() -> str:
    """Write a program with the commands, arguments and options of segexp, and nothing behind."""
    lines = ["from typing import Annotated", "", "import typer", ""]
    lines += group_lines("app", app)
    for found in app.registered_groups:
        lines += group_lines(f"{found.name}_app", found.typer_instance)
        lines += [f"app.add_typer({found.name}_app, name={found.name!r})"]
    return "\n".join([*lines, "app()", ""])


def group_lines(variable: str, group: typer.Typer | None) -> list[str]:
    assert group is not None
    about = group.info.help if isinstance(group.info.help, str) else ""
    lines = [
        f"{variable} = typer.Typer(help={about!r}, no_args_is_help=True, add_completion=False,",
        "    pretty_exceptions_enable=False,",
        "    context_settings={'help_option_names': ['-h', '--help']})",
    ]
    if group.registered_callback and group.registered_callback.callback:
        lines += [f"@{variable}.callback()"]
        lines += function_lines("of_all", group.registered_callback.callback)
    for command in group.registered_commands:
        function = command.callback
        assert function is not None
        name = command.name or function.__name__
        lines += [f"@{variable}.command({name!r})", *function_lines(f"{name}_", function)]
    return lines


def function_lines(name: str, function: typing.Callable[..., typing.Any]) -> list[str]:
    parameters = []
    signature = inspect.signature(function, eval_str=True)
    for parameter in signature.parameters.values():
        kind, info = typing.get_args(parameter.annotation)
        is_many = typing.get_origin(kind) is list or "list" in str(kind)
        plain = "bool" if kind is bool else "list[str]" if is_many else "str"
        is_argument = isinstance(info, ArgumentInfo)
        # In an Annotated the first name of an option stands where a default would.
        names = [n for n in (info.default, *(info.param_decls or ())) if isinstance(n, str)]
        words = [*map(repr, names), f"help={info.help!r}", f"metavar={info.metavar!r}"]
        has_default = parameter.default is not inspect.Parameter.empty
        default = {"bool": " = False", "list[str]": " = []"}.get(plain, " = ''")
        parameters.append(
            f"    {parameter.name}: Annotated[{plain}, "
            f"typer.{'Argument' if is_argument else 'Option'}({', '.join(words)})]"
            f"{default if has_default else ''},"
        )
    return [f"def {name}(", *parameters, ") -> None:", f"    {function.__doc__!r}"]


def names_on(screen: str) -> set[str]:
    """Return the options and commands on a help screen."""
    return set(re.findall(r"^│ [* ]{0,4}(-{0,2}[a-z][a-z-]*)", screen, re.MULTILINE))


def run(arguments: Sequence[str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"COLUMNS": "100"},
    )
    return done.stdout


def processor_seconds() -> float:
    """Return the processor's time of the processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def milliseconds(seconds: Sequence[float]) -> str:
    return f"{1e3 * statistics.median(seconds):.0f} ({1e3 * min(seconds):.0f})"


if __name__ == "__main__":
    main()
