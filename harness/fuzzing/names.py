"""Hostile names of what is written: studies, experiments, mappings, taxonomies, images, classes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.utils.validation import _validate_metric_name
from PIL import Image

from harness.project import ROOT
from segexp.core.config_keys import build_config
from segexp.core.errors import InputError, WorkError
from segexp.core.files import locked, write_atomic
from segexp.data.layouts._pairing import pair_folders
from segexp.data.open import find_taxonomy
from segexp.evaluation.image_files import find_images
from segexp.labels.files import find_mapping, load_mapping
from segexp.labels.importer import Choices, import_mapping
from segexp.labels.importers._writing import target_of, write_imported
from segexp.labels.taxonomy import load_taxonomy, word_fault
from segexp.report.predictions import write_prediction
from segexp.study.config import find_study_file, load_study_config
from segexp.tracking import metric_name
from segexp.tracking.operations import Operation
from segexp.tracking.spool import Spool

from . import writing_only_below
from .mutations import pick
from .terminal import tell

COUNT = 5_000

MERGED10 = ROOT / "mappings" / "merged10.yaml"
TAXONOMY = ROOT / "mappings" / "taxonomies" / "cityscapes19.yaml"
CITYSCAPES = load_taxonomy(TAXONOMY)
MAPPING = load_mapping(MERGED10)
LABELS = "".join(f"{label},{'a' if i else 'b'}\n" for i, label in enumerate(CITYSCAPES.names))
METAINFO = json.dumps({"classes": ["a", "b", "c"], "palette": [[0, 0, 0]] * 3})

PIECES = (
    *("", ".", "..", "...", "/", "//", "\\", ":", "~", "~root", "-", "--help", "a", "b", "study"),
    *("default", "merged10", "cityscapes19", "taxonomies", "CON", "con.txt", "NUL", "COM1", "LPT9"),
    *("\0", "\n", "\r", "\t", "\x1b[2J", "\x7f", "\x9b", " ", "a ", " a", "a.", ".a", "a.yaml"),
    *("é", "e\u0301", "\u0440\u0430\u0455\u0455"),
    *("\uff0e\uff0e\uff0f", "\u2024\u2024\u2215", "\u202e", "\u200b"),
    *("\udcff", "\U0001f600", "%2e%2e%2f", "$HOME", "`id`", "*", "?", "|", "<b>", "[bold]", "'"),
    *("a" * 99, "a" * 100, "a" * 101, "a" * 230, "a" * 256, "é" * 120, "a" * 5000, "a/" * 60),
)


def run_case(rng: np.random.Generator, directory: Path) -> str:
    """Give one hostile name to one of the places that make a file name of it."""
    project = directory / "out" / "project"
    (project / "mappings" / "taxonomies").mkdir(parents=True)
    (project / "studies").mkdir()
    shutil.copy(MERGED10, project / "mappings")
    shutil.copy(TAXONOMY, project / "mappings" / "taxonomies")
    (directory / "in").mkdir()
    name = _hostile_name(rng, directory)
    use: Callable[..., None] = pick(rng, USES)
    try:
        if use is _as_image:
            _make_images(rng, directory / "in", name)
        with writing_only_below(directory / "out"):
            use(rng, directory, project, name)
    except (InputError, WorkError) as error:
        tell(error)
        return "refused"
    return "accepted"


def _hostile_name(rng: np.random.Generator, directory: Path) -> str:
    neighbour = str(directory.parent / "neighbour" / "file")
    climbing = "../" * int(rng.integers(1, 9)) + "neighbour/file"
    pieces = [pick(rng, (*PIECES, neighbour, climbing)) for _ in range(rng.integers(1, 5))]
    return pick(rng, ("", "", "/", ".", "-")).join(pieces)


def _as_study(rng: np.random.Generator, directory: Path, project: Path, name: str) -> None:
    path = directory / "out" / "study.yaml"
    path.write_text(json.dumps({"name": name, "space": {"loss": ["focal"]}}))
    study = load_study_config(path, {})
    with locked(project / ".segexp" / "locks" / f"{study.name}.lock"):  # as `open_study` does
        write_atomic(project / ".segexp" / "studies" / f"{study.name}-12345678" / "x", "x")


def _as_experiment(rng: np.random.Generator, directory: Path, project: Path, name: str) -> None:
    config = build_config("config.yaml", {"tracking": {"experiment": name}}, {})
    write_atomic(project / "mlruns" / str(config.tracking.experiment) / "x", "x")


def _as_mapping(rng: np.random.Generator, directory: Path, project: Path, name: str) -> None:
    file = directory / "out" / "labels.csv"
    file.write_text(LABELS)
    if rng.random() < 0.3:
        name = pick(rng, ("good", "link"))
        _plant_links(rng, directory, project / "mappings")
    chosen, path = target_of(project, file, name, None, force=rng.random() < 0.5)
    imported = import_mapping(file, chosen, "auto", CITYSCAPES, Choices())
    write_imported(imported, path, name)
    assert load_mapping(path).name == chosen


def _as_stem(rng: np.random.Generator, directory: Path, project: Path, name: str) -> None:
    """The mapping has the name of the file that it is imported from."""
    _, path = target_of(project, Path(f"{name}.csv"), None, None, force=False)
    write_atomic(path, "x")


def _as_taxonomy(rng: np.random.Generator, directory: Path, project: Path, name: str) -> None:
    file = directory / "out" / "labels.json"
    file.write_text(METAINFO)
    if rng.random() < 0.3:
        name = pick(rng, ("good", "link"))
        _plant_links(rng, directory, project / "mappings")
    chosen, path = target_of(project, file, "mine", None, force=False)
    write_imported(
        import_mapping(file, chosen, "auto", None, Choices(new_taxonomy=name)), path, name
    )
    assert load_mapping(path).taxonomy.name == name


def _as_reference(rng: np.random.Generator, directory: Path, project: Path, name: str) -> None:
    pick(rng, (find_taxonomy, find_mapping, find_study_file))(project, name)


def _as_image(rng: np.random.Generator, directory: Path, project: Path, name: str) -> None:
    """A prediction is named after its image, in folders like the image's."""
    out = directory / "out" / "predictions"
    if rng.random() < 0.3:
        _plant_links(rng, directory, out)
    mask = np.zeros((2, 2), np.uint8)
    for file in find_images([directory / "in" / "images"], out):
        write_prediction(out, file.stem, np.zeros((2, 2, 3), np.uint8), mask, MAPPING)


def _as_image_id(rng: np.random.Generator, directory: Path, project: Path, name: str) -> None:
    """An overlay is named after its image, on its way to the server and there."""
    _make_images(rng, directory / "out", name)
    images = directory / "out" / "images"
    for sample in pair_folders(images, images, (".png",), (".png",)).samples:
        content = {"folder": "overlays", "is_table": False}
        operation = Operation("artifact", "run", content, f"{sample.id}.png")
        spool = Spool(directory / "out" / "spool")
        spool.append(operation, b"x")
        _, file = spool.read(spool.waiting()[0])
        artifacts = LocalArtifactRepository((directory / "out" / "artifacts").as_uri())
        artifacts.log_artifact(str(file), "overlays")  # type: ignore[no-untyped-call]


def _as_class(rng: np.random.Generator, directory: Path, project: Path, name: str) -> None:
    if fault := word_fault(name, []):
        raise InputError(fault)
    _validate_metric_name(metric_name(f"iou/{name}"))  # type: ignore[no-untyped-call]


def _make_images(rng: np.random.Generator, directory: Path, name: str) -> None:
    """Make an image of this name; a name that no file can have is changed."""
    folder = directory / "images"
    folder.mkdir()
    kept = name.replace("\0", "").lstrip("/").replace("..", "_")
    try:
        path = folder / f"{kept}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path, "PNG")
    except (OSError, ValueError):
        longest = pick(rng, (230, 239, 240, 251))
        Image.new("RGB", (2, 2)).save(folder / f"{'x' * longest}.png", "PNG")
    (folder / "link").mkdir()
    Image.new("RGB", (2, 2)).save(folder / "link" / "file.png", "PNG")


def _plant_links(rng: np.random.Generator, directory: Path, folder: Path) -> None:
    """Put links in a folder that lead out of it, under the names that are about to be written."""
    folder.mkdir(parents=True, exist_ok=True)
    neighbour = directory.parent / "neighbour"
    planted: dict[str, Any] = {
        "link": neighbour,
        "link.yaml": neighbour / "file",
        "good.yaml": neighbour / "new",
        "taxonomies": neighbour,
        "link/file_mask.png": neighbour / "file",
    }
    for name, target in planted.items():
        place = folder / name
        is_free = place.parent.is_dir() and not (place.parent.is_symlink() or place.is_symlink())
        if is_free and rng.random() < 0.5:
            if place.is_dir():
                shutil.rmtree(place)
            place.symlink_to(pick(rng, (target, place, directory.parent / "nowhere")))


USES = (
    *(_as_study, _as_experiment, _as_mapping, _as_stem, _as_taxonomy, _as_reference, _as_image),
    *(_as_image_id, _as_class),
)
