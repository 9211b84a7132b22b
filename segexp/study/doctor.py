"""What a study needs of this machine and project: whether it is there, and how to mend it."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil
import torch
from huggingface_hub import constants
from packaging.requirements import Requirement

from segexp import __version__, tracking
from segexp.core.config import RUNS_DIRECTORY, WORK_DIRECTORY, Config
from segexp.core.credentials import without_credentials
from segexp.core.damaged_database import refuse_damaged
from segexp.core.database_url import DEFAULT_STORAGE, DEFAULT_TRACKING, sqlite_file
from segexp.core.disk import refuse_network_file_system, what_to_free
from segexp.core.errors import InputError, WorkError
from segexp.core.files import may_write
from segexp.core.overrides import DATA_VARIABLE, host_data
from segexp.data.layout import is_drawn
from segexp.data.open import find_layout
from segexp.study.storage.open import storage_file
from segexp.study.storage.server import ask_server
from segexp.training.compute import choose_compute
from segexp.training.weights import check_weights, hub_weights, is_cached

State = Literal["ok", "warning", "fault"]

FREE_MB, WARN_MB = 500, 5000
"""Free disk space, in millions of bytes: with less no study ends, or one soon may not."""

_SHOWN = ("torch", "optuna", "mlflow", "segmentation-models-pytorch", "timm")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        state: ``fault`` if it would stop a study.
        text: What was found, and what to do where that is not well.
    """

    name: str
    state: State
    text: str


def check_machine() -> Iterator[Check]:
    """Look at what all projects of this machine share."""
    yield _versions()
    yield _device()
    yield _bf16()


def check_project(project: Path, config: Config) -> Iterator[Check]:
    """Look at what a study of a project needs; nothing is made or fetched."""
    yield _disk(project)
    yield _permissions(project)
    yield _tried("data", lambda: _data(project, config))
    yield _tried("storage", lambda: _storage(project, config.storage))
    yield _tried("tracking", lambda: _tracking(project, config.tracking.uri))
    yield _tried("weights", lambda: _weights(project, config))


def _tried(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except (InputError, WorkError) as error:
        return Check(name, "fault", str(error))


def _versions() -> Check:
    faults = []
    for line in metadata.requires("segexp") or ():
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            found = "not installed"
        if found == "not installed" or not needed.specifier.contains(found, prereleases=True):
            wanted = f"{needed.name}{needed.specifier}"
            faults.append(f"{needed.name} {found}: pip install '{wanted}'")
    if faults:
        return Check("versions", "fault", "; ".join(faults))
    shown = [f"{name} {metadata.version(name)}" for name in _SHOWN]
    python = ".".join(map(str, sys.version_info[:3]))
    return Check("versions", "ok", f"segexp {__version__}, Python {python}, {', '.join(shown)}")


def _device() -> Check:
    memory = psutil.virtual_memory().total / 1e9
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        gpu = torch.cuda.get_device_properties(0)
        text = f"{count} x {gpu.name}, {gpu.total_memory / 1e9:.0f} GB each"
        return Check("device", "ok", text)
    if torch.backends.mps.is_available():
        return Check("device", "ok", f"Apple GPU, {memory:.0f} GB of memory")
    if shutil.which("nvidia-smi") is not None:
        why = "has no CUDA" if torch.version.cuda is None else "finds no GPU"
        text = (
            f"an NVIDIA driver is here, but torch {torch.__version__} {why}: trials train on the "
            "CPU; `nvidia-smi` says whether the driver works, and https://pytorch.org/get-started "
            "which torch fits it"
        )
        return Check("device", "warning", text)
    return Check("device", "ok", f"CPU, {psutil.cpu_count()} cores, {memory:.0f} GB of memory")


def _bf16() -> Check:
    if choose_compute("auto").bf16:
        return Check("bf16", "ok", "the device has units for it: training.precision auto uses them")
    return Check("bf16", "ok", "no units for it: training.precision auto trains in float32")


def _disk(project: Path) -> Check:
    free = shutil.disk_usage(project).free / 1e6
    if free >= WARN_MB:
        return Check("disk", "ok", f"{free / 1e3:,.0f} GB are free in {project}")
    return Check("disk", "fault" if free < FREE_MB else "warning", what_to_free(project))


def _permissions(project: Path) -> Check:
    places = [project / name for name in (WORK_DIRECTORY, "studies", "mlruns", RUNS_DIRECTORY)]
    closed = [str(place) for place in places if not may_write(place)]
    if closed:
        text = f"{', '.join(closed)}: cannot be written; run as their owner, or `chown` them"
        return Check("permissions", "fault", text)
    return Check("permissions", "ok", f"{project} can be written")


def _data(project: Path, config: Config) -> Check:
    layout, root = find_layout(project, config)
    if is_drawn(layout):
        return Check("data", "ok", f"{layout}: drawn, no folder is needed")
    by = DATA_VARIABLE if host_data() == config.data.root else "data.root"
    return Check("data", "ok", f"{layout} in {root} ({by})")


def _storage(project: Path, url: str | None) -> Check:
    shown = without_credentials(url or DEFAULT_STORAGE)
    refuse_damaged(project, {"storage": url})
    file = storage_file(url, project)
    if file is None:
        ask_server(str(url))
        return Check("storage", "ok", f"{shown} answers")
    if sqlite_file(url or DEFAULT_STORAGE, project) is not None:
        refuse_network_file_system(file, "storage")
    if not may_write(file):
        return Check("storage", "fault", f"{file}: cannot be written; run as its owner")
    there = "" if file.is_file() else "; the first study makes it"
    return Check("storage", "ok", f"{shown}{there}")


def _tracking(project: Path, uri: str | None) -> Check:
    shown = without_credentials(uri or DEFAULT_TRACKING)
    file = sqlite_file(uri or DEFAULT_TRACKING, project)
    if file is not None and not file.is_file():
        return Check("tracking", "ok", f"{shown}; the first study makes it")
    tracking.ask_store(project, uri)
    if waiting := tracking.pending_records(project, uri):
        text = f"{shown} answers, and {waiting} records wait for it: run `segexp sync`"
        return Check("tracking", "warning", text)
    return Check("tracking", "ok", f"{shown} answers" if file is None else shown)


def _weights(project: Path, config: Config) -> Check:
    encoder, name = config.model.encoder, config.model.encoder_weights
    if name is None:
        return Check("weights", "ok", "none are needed: model.encoder_weights is null")
    source = hub_weights(encoder, name)
    if source is None:
        check_weights(encoder, name, project)  # a file of the person's own
        return Check("weights", "ok", f"{name} has those of {encoder}")
    cache = Path(constants.HF_HUB_CACHE)
    if is_cached(source):
        return Check("weights", "ok", f"{name!r} of {encoder} are in {cache}")
    if constants.HF_HUB_OFFLINE or not may_write(cache):
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "it cannot be written"
        text = (
            f"{name!r} of {encoder} are not in {cache}, and {why}: copy "
            f"models--{source.repo.replace('/', '--')} there from another machine, or set "
            "model.encoder_weights to null"
        )
        return Check("weights", "fault", text)
    text = f"{name!r} of {encoder} are not in {cache} yet: the first study fetches them"
    return Check("weights", "warning", text)
