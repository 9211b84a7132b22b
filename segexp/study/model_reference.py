"""What a person calls a model, turned into its bundle's directory: a folder, a study or a run."""

from collections.abc import Callable
from pathlib import Path

from segexp.core.config import Config
from segexp.core.errors import InputError, shown
from segexp.core.files import name_fault
from segexp.training.bundle_files import JSON_FILE, WEIGHTS_FILE, check_files
from segexp.training.exports import is_exported

PLACES = ("", "bundle", "best/bundle")
"""Where a bundle may lie in a folder: it is one, a trial's, or the results of a study."""

EXPECTED = "a bundle's folder, a results folder (runs/STUDY), a study's name or an MLflow run's id"


def find_bundle(
    reference: str | Path,
    project: Callable[[], tuple[Path, Config]],
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Return the directory of the bundle that a reference names, with both of its files.

    Args:
        reference: A folder that is a bundle, or holds one as ``bundle/`` or ``best/bundle/``; or
            either file of one. Else the name of a study, for the bundle of its best trial; or the
            id of an MLflow run (32 hexadecimal digits), for the bundle among its artifacts. What
            another host has is fetched from MLflow, and checked.
        project: Opens the project in which studies and runs are looked for, and its configuration.
            Called only where no folder holds a bundle.
        say: Called with a line for the person who waits.

    Raises:
        InputError: When it names no model, with what was looked for; or the study is an A/B study,
            which has two best trials and more; or a file of the bundle is missing.
        WorkError: When the study has no complete trial, or MLflow has another file than the trial
            left.
    """
    directory = _find(reference, project, say)
    check_files(directory)
    return directory


def _find(
    reference: str | Path,
    project: Callable[[], tuple[Path, Config]],
    say: Callable[[str], None],
) -> Path:
    name, path = str(reference), Path(reference).expanduser()
    places = [path / place for place in PLACES]
    if path.name in (JSON_FILE, WEIGHTS_FILE):
        places.append(path.parent)
    for place in places:
        if _is_one(place):
            return place
    tried = [_what_is_there(path)]
    if name_fault("study name", name) is None:
        try:
            root, config = project()
        except InputError as error:
            tried += error.faults
        else:
            # A folder needs neither Optuna nor MLflow.
            from segexp.study.recorded_bundle import find_recorded  # noqa: PLC0415

            found = find_recorded(root, config, name, say)
            if isinstance(found, Path):
                return found
            tried.append(found)
    raise InputError(f"{shown(name)[1:-1]}: no model: {'; '.join(tried)}; expected {EXPECTED}")


def find_model(
    reference: str | Path,
    project: Callable[[], tuple[Path, Config]],
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Return the bundle's directory that a reference names, or the ONNX file that it is.

    Raises:
        InputError: As `find_bundle`, or when there is no such file.
        WorkError: As `find_bundle`.
    """
    if is_exported(reference):
        path = Path(reference).expanduser()
        if not _is_file(path):
            raise InputError(f"{path}: no such file; expected one that `segexp export` wrote")
        return path
    return find_bundle(reference, project, say)


def _is_one(directory: Path) -> bool:
    return any(_is_file(directory / name) for name in (JSON_FILE, WEIGHTS_FILE))


def _what_is_there(path: Path) -> str:
    if _is_file(path):
        what = ": an exported model predicts, and what it was exported from is scored"
        return f"a file, and not of a bundle{what if is_exported(path) else ''}"
    try:
        is_directory = path.is_dir()
    except (OSError, ValueError):
        is_directory = False
    if not is_directory:
        return "no such folder"
    return f"the folder has no {JSON_FILE}, bundle/ or best/bundle/ (yet)"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False
