"""Hostile input with fixed seeds: `python -m harness.fuzzing`; tests/test_fuzzing.py is a tenth.

A target is a module here with ``COUNT``, the number of its cases, and ``run_case(rng, directory)``,
which makes one hostile input in the directory, gives it to segexp as a command would, and returns
``"accepted"``, or ``"refused"`` for an `InputError` or a `WorkError`. Any other exception is a
traceback that a user would have seen. What segexp writes belongs below ``directory / "out"``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Tree = dict[str, tuple[int, int, str]]


class WroteOutsideError(Exception):
    """A file was made, changed or removed where none may be."""


def tree(root: Path, apart_from: Path) -> Tree:
    """Return the size, time of change and target (of links) of all that is below a directory."""
    found: Tree = {}
    waiting = [root]
    while waiting:
        for path in waiting.pop().iterdir():
            if path == apart_from:
                continue
            is_folder = path.is_dir() and not path.is_symlink()
            if is_folder:
                waiting.append(path)
            status = path.lstat()
            link = str(path.readlink()) if path.is_symlink() else ""
            # A folder's time changes whenever something in it does, which is seen anyway.
            found[str(path)] = (
                (0, 0, "") if is_folder else (status.st_size, status.st_mtime_ns, link)
            )
    return found


def differences(before: Tree, after: Tree) -> list[str]:
    """Return what is new, changed or gone."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


@contextmanager
def writing_only_below(out: Path) -> Iterator[None]:
    """Refuse that the block writes in the parent of a directory, but not in the directory.

    Raises:
        WroteOutsideError: With the paths.
    """
    before = tree(out.parent, out)
    try:
        yield
    finally:
        if changed := differences(before, tree(out.parent, out)):
            raise WroteOutsideError(", ".join(changed))
