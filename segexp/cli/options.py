"""Options that several commands share, and how they change `config.yaml`."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segexp.cli.completion import mapping_names
from segexp.cli.console import say
from segexp.core.credentials import without_credentials
from segexp.core.errors import InputError, did_you_mean, shown
from segexp.core.overrides import storage_override
from segexp.core.wording import seconds_of
from segexp.data.layouts import layout_names
from segexp.study.engines import Engine, engine_names, load_engine

if TYPE_CHECKING:
    from segexp.core.config import Config

Project = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        help="The project directory; by default the nearest one at or above the current "
        "directory that holds a config.yaml.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key, such as training.epochs=2; may be given several times.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The data set's folder (data.root); by default SEGEXP_DATA of the environment, or "
        "what config.yaml says.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help=f"{', '.join(layout_names())}; by default recognised from DIR.",
    ),
]
MappingName = Annotated[
    str | None,
    typer.Option(
        "--mapping",
        metavar="NAME",
        help="A mapping in mappings/.",
        autocompletion=mapping_names,
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A bundle's folder, a results folder (runs/STUDY), a study's name (its best trial) "
        "or the id of an MLflow run.",
    ),
]
SPLITS = ("train", "val", "heldout", "test")
SplitName = Annotated[
    str, typer.Option("--split", help="train, val (what tuning saw), heldout or test.")
]
Tta = Annotated[
    str | None,
    typer.Option(
        "--tta",
        metavar="VIEWS",
        help="Test-time augmentation, such as flip,scales=0.75,1,1.25: the logits of all views "
        "are averaged.",
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Optuna storage; by default SEGEXP_STORAGE of the environment, `storage` in "
        "config.yaml, or studies/optuna.db.",
    ),
]
StorageFile = Annotated[
    Path | None,
    typer.Option(
        "--storage-file",
        metavar="FILE",
        help="A file with the URL of --storage in it, so that its password is on no command line.",
    ),
]
StoragePatience = Annotated[
    str | None,
    typer.Option(
        "--storage-patience",
        metavar="TIME",
        help="How long a storage that does not answer is waited for, such as 90s or 1h; by "
        "default `storage_patience` in config.yaml, or 10m.",
    ),
]
Mixed = Annotated[
    bool,
    typer.Option(
        "--mixed",
        help="Join a study that was begun in another precision than this machine's: `precision` "
        "auto is bf16 on one and fp32 on another. Each trial records its own.",
    ),
]
GOES_ON = "everything finished so far is kept, and the same command resumes it"
"""What is said of a study that was interrupted."""

NOT_BEGUN = "nothing was begun"
"""What is said of an interruption before anything was."""

MAX_WORKERS = 1024
MAX_URL = 4096

Workers = Annotated[
    str,
    typer.Option(
        metavar="N",
        help="How many processes run trials at a time: auto (one to each GPU, or as many as cores, "
        "memory and trials allow), a number, or 0 to run them in this one.",
    ),
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help=f"What runs trials: {', '.join(engine_names())}. By default workers, and here with "
        "--workers 0.",
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(
        "--listen",
        metavar="HOST:PORT",
        help="With --engine remote: where workers connect to; by default 127.0.0.1:8765, to which "
        "only this host can.",
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDRESS",
        help="With --engine ray: a running cluster, such as auto or HOST:6379; by default Ray is "
        "started on this machine, where only this machine can reach it.",
    ),
]
PerGpu = Annotated[
    int | None,
    typer.Option(
        "--per-gpu", min=1, max=64, metavar="N", help="With --engine ray: trials that share a GPU."
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]


def open_project(project: Path | None) -> Path:
    """Return the project directory; where it was moved, `mlflow ui` finds its artifacts again.

    Raises:
        InputError: When no config.yaml is in the directory of ``--project``, or above this one.
    """
    from segexp.core.config import CONFIG_FILE
    from segexp.core.moved_project import follow_move
    from segexp.core.project import find_project

    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise InputError("the current directory was deleted; change into one that exists") from None
    if project is None:
        root = find_project(here, lambda path: say(f"{path} is another program's, and is skipped"))
    elif (project / CONFIG_FILE).is_file():
        root = project.resolve()
    else:
        raise InputError(
            f"--project {project}: no {CONFIG_FILE} in it; make one with `segexp init`"
        )
    follow_move(root)
    return root


def configured_project(
    project: Path | None,
    storage: str | None = None,
    storage_file: Path | None = None,
    set_: list[str] | None = None,
    overrides: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Path, "Config"]:
    """Open a project, and read its configuration with the options of a command over it.

    Args:
        overrides: Config keys that other options stand for.
    """
    root = open_project(project)
    return root, read_config(root, with_storage(overrides, storage, storage_file), set_)


def folder_for(out: Path | None, what: str) -> Path | None:
    """Return the folder for the files that a command writes beside its answer.

    By default the current one; None if that is not writable: the answer needs no file.

    Args:
        what: What is to be written, for the message.
    """
    from segexp.core.files import may_write

    if out is None and not may_write(Path.cwd()):
        say(f"{what}: not written, {Path.cwd()} cannot be; name a folder with --out DIR")
        return None
    return out or Path()


def write_named(path: Path, text: str, where: str) -> None:
    """Write a file where the user said.

    Args:
        where: The option or file that named it, for the message.

    Raises:
        InputError: When it cannot be written there.
    """
    from segexp.core.files import write_atomic

    try:
        write_atomic(path, text)
    except OSError as error:
        raise InputError(f"{where}: cannot be written: {error.strerror}") from None


def with_storage(
    overrides: Mapping[str, Any],
    storage: str | None,
    storage_file: Path | None,
    patience: str | None = None,
) -> dict[str, Any]:
    """Return config keys with ``storage`` as the command line has it, or else the environment.

    Args:
        patience: What ``--storage-patience`` says, if it is given.

    Raises:
        InputError: When both options are given, or the file holds no URL. It is not shown.
    """
    if storage_file is not None:
        if storage is not None:
            raise InputError("--storage and --storage-file: give one of them")
        storage = _read_storage(storage_file)
    if patience is not None:
        seconds = seconds_given("--storage-patience", patience)
        overrides = {**overrides, "storage_patience": seconds}
    return storage_override(overrides, storage)


def _read_storage(path: Path) -> str:
    try:
        with path.open("rb") as file:  # may be a pipe, as in `--storage-file <(pass show studies)`
            text = file.read(MAX_URL + 1).decode()
    except OSError as error:
        raise InputError(f"--storage-file {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != 1 or len(text) > MAX_URL:
        raise InputError(
            f"--storage-file {path}: expected one URL in it and nothing else, such as "
            "postgresql://ann:...@host/studies"
        )
    return lines[0]


def found_again(
    study: str, project: Path | None, storage: str | None, storage_file: Path | None
) -> str:
    """Return a study's name and the options with which another command finds it.

    They are quoted for a shell, and without a password.
    """
    words = [study]
    if project is not None:
        words += ["--project", str(project)]
    if storage_file is not None:
        words += ["--storage-file", str(storage_file)]
    elif storage is not None:
        words += ["--storage", without_credentials(storage)]
    return shlex.join(words)


def given_in(context: typer.Context) -> dict[str, Any]:
    """Return what was given on a command line, not left to its default.

    Returns:
        Values by option, such as ``--study``, or by the name of an argument in capitals.
    """
    found: dict[str, Any] = {}
    for param in context.command.params:
        name = param.name or ""
        source = context.get_parameter_source(name)
        if source is not None and source.name not in {"DEFAULT", "DEFAULT_MAP"}:
            is_option = param.param_type_name == "option"
            found[param.opts[0] if is_option else name.upper()] = context.params[name]
    return found


def given_options(
    given: Mapping[str, object], items: list[str] | None
) -> tuple[tuple[str, str], ...]:
    """Return options as they were given, for a command that goes on from this one.

    Args:
        given: Options and their values, None where one was not given.
        items: Those of ``--set``. A number of trials is left out: another command has its own.

    Returns:
        Pairs of option and value, without passwords.
    """
    kept = [item for item in items or () if item.partition("=")[0].strip() != "trials"]
    pairs = [
        *((option, str(value)) for option, value in given.items() if value is not None),
        *(("--set", item) for item in kept),
    ]
    return tuple((option, without_credentials(value)) for option, value in pairs)


def refuse_unreachable(project: Path, config: "Config", say: Callable[[str], None]) -> None:
    """Refuse a storage server that does not answer, before torch is loaded.

    Args:
        config: Its ``storage`` may name a server.

    Raises:
        InputError: With why it cannot be opened.
    """
    if config.storage is None:
        return
    from segexp.study.storage.open import storage_file
    from segexp.study.storage.server import ask_server

    if storage_file(config.storage, project) is None:
        say(f"asking the storage {without_credentials(config.storage)} ...")
        ask_server(config.storage)


def worker_count(workers: str) -> int | None:
    """Return what ``--workers`` says; None for ``auto``.

    Raises:
        InputError: When it is neither ``auto`` nor a number of processes.
    """
    if workers == "auto":
        return None
    if workers.isascii() and workers.isdecimal() and int(workers) <= MAX_WORKERS:
        return int(workers)
    raise InputError(f"--workers {workers}: auto, or a number from 0 to {MAX_WORKERS}")


def engine_of(name: str | None, workers: str, **options: object) -> tuple[Engine, int | None]:
    """Return what ``--engine`` and ``--workers`` say: the engine, and how many trials at a time.

    Args:
        options: Of the engine, None where one was not given.

    Raises:
        InputError: When there is no such engine, it has no such option, or ``--workers`` is not a
            number of processes.
    """
    count = worker_count(workers)
    name = name or ("here" if count == 0 else "workers")
    check_choice("--engine", name, engine_names())
    given = {option: value for option, value in options.items() if value is not None}
    return load_engine(name, given), count


def seconds_given(option: str, text: str) -> float:
    """Return how many seconds a time such as ``1h30m`` is.

    Raises:
        InputError: When it is not a time, or zero.
    """
    try:
        return seconds_of(text)
    except ValueError as error:
        raise InputError(f"{option} {shown(text)}: {error}") from None


def set_overrides(items: list[str] | None) -> dict[str, Any]:
    """Return the config keys that ``--set`` items stand for."""
    from segexp.core.config_keys import parse_overrides

    return parse_overrides(items or [])


def read_config(project: Path, overrides: Mapping[str, Any], items: list[str] | None) -> "Config":
    """Read `config.yaml` with options and ``--set`` items over it."""
    from segexp.core.config import CONFIG_FILE
    from segexp.core.config_keys import load_config

    return load_config(project / CONFIG_FILE, {**overrides, **set_overrides(items)})


def check_choice(option: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a value that is not a choice of an option.

    Raises:
        InputError: With a did-you-mean.
    """
    if value not in known:
        raise InputError(
            f"{option} {value!r}: expected {', '.join(known)}{did_you_mean(value, known)}"
        )
