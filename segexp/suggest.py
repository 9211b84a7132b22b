"""Mappings that a trained model suggests: from its recorded confusions to a mapping file."""

import tempfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp import tracking
from segexp.best import find_best
from segexp.confusions import CONFUSIONS_FILE, load_confusions
from segexp.errors import InputError, WorkError
from segexp.files import name_fault, write_atomic
from segexp.ladder import RULER_EFFECT, Ladder, Rung, make_ladder
from segexp.mapping import Mapping
from segexp.mapping_file import load_mapping, parse_mapping
from segexp.mapping_yaml import mapping_yaml
from segexp.project import find_taxonomy
from segexp.storage import load_study, open_storage
from segexp.yaml_file import parse_yaml

SPLIT = "val"
"""What tuning saw. A mapping chosen on the held-out images could not be judged on them."""

MOST_CLASSES = 10
"""How many classes are suggested when the caller does not say."""


@dataclass(frozen=True)
class Suggestion:
    """A ladder of merges, and the rung that is suggested.

    Attributes:
        run_id: The MLflow run of the model.
        images: How many images its confusions are from.
        ladder: All rungs.
        rung: The suggested one; its space has the name under which it is written.
        notes: What a person must know before taking it, one line each.
    """

    run_id: str
    images: int
    ladder: Ladder
    rung: Rung
    notes: tuple[str, ...]

    @property
    def next_command(self) -> str:
        """The command that judges the suggestion."""
        return f"segexp ab {self.ladder.base.name} {self.rung.space.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``segexp mapping suggest --json`` prints."""
        ladder, chosen = self.ladder, self.rung
        return {
            "run_id": self.run_id,
            "mapping": ladder.base.name,
            "split": SPLIT,
            "images": self.images,
            "effect": RULER_EFFECT,
            "base": {
                "classes": len(ladder.base.classes),
                "miou": ladder.miou,
                "bits_kept": ladder.bits_kept,
            },
            "rungs": [
                {
                    "classes": len(rung.space.classes),
                    "merged": list(rung.merged),
                    "miou": rung.miou,
                    "gain": rung.gain,
                    "resolved": rung.resolved,
                    "bits_kept": rung.bits_kept,
                    "bits_lost": rung.bits_lost,
                    "told_bits_lost": rung.told_bits_lost,
                    "names": list(rung.space.names),
                }
                for rung in ladder.rungs
            ],
            "suggested": {**chosen.space.to_dict(), "miou": chosen.miou, "hash": chosen.space.hash},
            "notes": list(self.notes),
        }


def best_run(project: Path, storage: str | None, study: str) -> str:
    """Return the MLflow run of a study's best trial.

    Raises:
        InputError: When there is no such study.
        WorkError: When none of its trials is complete, or the best one was never recorded.
    """
    best = find_best(load_study(open_storage(storage, project), study))
    if best.run_id is None:
        raise WorkError(f"trial {best.number} of study {study!r} has no MLflow run")
    return best.run_id


def suggest_mapping(
    project: Path,
    tracking_uri: str | None,
    run_id: str,
    *,
    classes: int | None,
    name: str | None,
    keep: Collection[str] = (),
    within: Mapping | None = None,
) -> Suggestion:
    """Make the ladder of a recorded model and choose a rung of it.

    Args:
        project: The project directory; the model's taxonomy is looked up there. Its mapping is
            taken from the run, whatever became of the file.
        tracking_uri: As for `segexp.tracking.open_experiment`.
        run_id: The MLflow run of a complete trial or training.
        classes: How many classes to suggest; None for 10, or one fewer than the model has.
        name: What to call the suggested mapping; None for ``<mapping>_suggested<classes>``.
        keep: Classes that are never merged.
        within: Only classes that fall into the same class of this mapping are merged.

    Raises:
        InputError: When the run has no confusions, or an option does not fit its mapping.
    """
    mapping, confusion, images = _read_run(project, tracking_uri, run_id)
    ladder = make_ladder(mapping, confusion, keep, within)
    most = len(mapping.classes) - 1
    if most < 2:
        raise InputError(f"{mapping.name} has {most + 1} classes: there is nothing to merge")
    wanted = min(MOST_CLASSES, most) if classes is None else classes
    if not 2 <= wanted <= most:
        raise InputError(f"--classes {wanted}: expected 2 to {most}, {mapping.name} has {most + 1}")
    if not ladder.rungs:
        raise InputError(f"--keep and --within leave no two classes of {mapping.name} to merge")
    rung = ladder.rungs[most - max(wanted, ladder.fewest)]
    chosen = name or rung.space.name
    if fault := name_fault("--name", chosen):
        raise InputError(fault)
    rung = replace(rung, space=replace(rung.space, name=chosen))
    return Suggestion(run_id, images, ladder, rung, tuple(_notes(ladder, wanted)))


def write_suggestion(project: Path, suggestion: Suggestion, force: bool) -> Path:
    """Write the suggested mapping into the project's ``mappings/``.

    Args:
        project: The project directory.
        suggestion: What to write.
        force: Whether another mapping of that name may be replaced.

    Returns:
        The file.

    Raises:
        InputError: When it holds another mapping, or cannot be written.
    """
    space = suggestion.rung.space
    path = project / "mappings" / f"{space.name}.yaml"
    if path.exists() and not force and not _is_same(path, space):
        raise InputError(
            f"{path}: exists and is another mapping; choose another --name, or replace it "
            "with --force"
        )
    try:
        write_atomic(path, mapping_yaml(space, _comment(suggestion)))
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _read_run(
    project: Path, uri: str | None, run_id: str
) -> tuple[Mapping, NDArray[np.int64], int]:
    """Return the mapping of a run, its confusion matrix over SPLIT, and the number of images."""
    try:
        matrices = tracking.read_artifact(project, uri, run_id, CONFUSIONS_FILE)
    except InputError as error:
        if CONFUSIONS_FILE not in str(error):
            raise
        raise InputError(
            f"{error}; a trial or training leaves it when it was trained to its end (not pruned) "
            "by this version of segexp or a later one; --study NAME finds a study's best trial"
        ) from None
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / CONFUSIONS_FILE
        path.write_bytes(matrices)
        confusions = load_confusions(path)[SPLIT]
    where = f"mapping.yaml of run {run_id}"
    text = tracking.read_artifact(project, uri, run_id, "mapping.yaml").decode()
    content = parse_yaml(text, where)
    taxonomy = find_taxonomy(project, content["taxonomy"])
    mapping, faults = parse_mapping(where, content, taxonomy)
    own: NDArray[np.int64] = confusions.own.sum(axis=0)
    if faults:
        raise InputError(faults)
    if len(own) != len(mapping.classes):
        raise WorkError(f"{where}: {len(mapping.classes)} classes, its confusions {len(own)}")
    return mapping, own, len(confusions.image_ids)


def _notes(ladder: Ladder, wanted: int) -> list[str]:
    notes = []
    if ladder.fewest > 2:
        notes.append(
            f"the ladder ends at {ladder.fewest} classes: --keep and --within allow no further "
            "merge" + (f"; {wanted} were asked for" if wanted < ladder.fewest else "")
        )
    if ladder.never_right:
        notes.append(
            f"the model found no pixel of {', '.join(ladder.never_right)}: what it takes them for "
            "decides where they go, and a longer training may say otherwise"
        )
    if ladder.absent:
        notes.append(
            f"no pixel of {', '.join(ladder.absent)} in {SPLIT}: nothing is known of them, and "
            "merging them costs nothing here"
        )
    return notes


def _is_same(path: Path, space: Mapping) -> bool:
    try:
        return load_mapping(path).hash == space.hash
    except InputError:
        return False


def _comment(suggestion: Suggestion) -> str:
    ladder, rung = suggestion.ladder, suggestion.rung
    return (
        f"Suggested by `segexp mapping suggest` for {ladder.base.name}, from the confusions of "
        f"MLflow run\n{suggestion.run_id} on {suggestion.images} images of {SPLIT}.\n"
        f"Predicted mIoU {rung.miou:.4f}, after {ladder.miou:.4f} in the {len(ladder.base.classes)}"
        f" classes of {ladder.base.name}: the ruler effect,\nwhat the same predictions score in "
        f"fewer classes. Whether training on them is better, only an A/B\nstudy can show: "
        f"{suggestion.next_command}"
    )
