"""Take each tree of docs/layouts.md to an A/B answer, by the commands that segexp itself names.

python -m harness.layout_ab             # half an hour on one core
python -m harness.layout_ab "Keras' examples"

`segexp init`, then `segexp data check`, then the `segexp ab` that `init` prints, with one epoch,
small images and seven trials an arm. Prints a line a tree; exit code 1 when one has no answer.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.layout_docs import TREES, Tree, lay_out
from harness.project import ROOT

SMALL = ("--trials", "7", "--set", "epochs=1", "--set", "image_size=[32, 64]")


class NoAnswerError(Exception):
    """A command failed, or named none to go on with."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("title", nargs="*", help="trees; by default all")
    wanted = parser.parse_args().title
    unknown = set(wanted) - {tree.title for tree in TREES}
    if unknown:
        sys.exit(f"no such tree: {', '.join(sorted(unknown))}")
    trees = [tree for tree in TREES if not wanted or tree.title in wanted]
    without = 0
    for tree in trees:
        began = time.perf_counter()
        try:
            said = answer(tree)
        except NoAnswerError as error:
            without += 1
            said = f"NO ANSWER: {error}"
        print(f"{tree.title} ({time.perf_counter() - began:.0f} s): {said}", flush=True)
    print(f"{len(trees) - without} of {len(trees)} trees have an answer")
    sys.exit(without > 0)


def answer(tree: Tree) -> str:
    """The command that compared, and the last line of its answer.

    Raises:
        NoAnswerError: Where a command failed.
    """
    with tempfile.TemporaryDirectory(prefix="segexp-layout-") as scratch:
        directory = Path(scratch)
        lay_out(tree, directory / "data")
        made = _segexp(directory, "init", "project", "--data", "data")
        lines = [line for line in made.splitlines() if "&& segexp ab " in line]
        if not lines:
            raise NoAnswerError(f"`init` names no `segexp ab`: {made}")
        command = shlex.split(lines[0].partition("&& segexp ")[2])
        _segexp(directory / "project", "data", "check")
        said = _segexp(directory / "project", *command, *SMALL)
    verdicts = [line for line in said.splitlines() if line.startswith("On ")]
    if not verdicts:
        raise NoAnswerError(f"`{shlex.join(command)}` says no answer: {said}")
    return f"segexp {shlex.join(command)}: {verdicts[-1]}"


def _segexp(directory: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "segexp", *words],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NoAnswerError(f"`segexp {shlex.join(words)}` exited {done.returncode}: {done.stderr}")
    return done.stderr + done.stdout


if __name__ == "__main__":
    main()
