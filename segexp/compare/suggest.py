"""Mappings suggested by a trained model: from its recorded confusions to a mapping file."""

import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from segexp import tracking
from segexp.core.config import CONFIG_FILE, Config
from segexp.core.config_keys import build_config, load_config
from segexp.core.errors import InputError, WorkError
from segexp.core.files import inside, name_fault
from segexp.core.overrides import DATA_VARIABLE
from segexp.core.yaml import MAX_BYTES, parse_yaml_mapping
from segexp.data.layout import is_drawn
from segexp.data.open import digest_of, find_source, find_taxonomy, has_taxonomy
from segexp.evaluation.confusions import CONFUSIONS_FILE, read_confusions
from segexp.evaluation.metrics import OWN
from segexp.labels.files import find_mapping, load_mapping, parse_mapping
from segexp.labels.ladder import RULER_EFFECT, Ladder, Rung, make_ladder
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import Taxonomy
from segexp.labels.writing import mapping_yaml, taxonomy_yaml
from segexp.study.best import find_best
from segexp.study.recorded_mapping import mapping_of_trial
from segexp.study.recorded_place import recorded_uri
from segexp.study.storage.open import load_study, read_storage
from segexp.study.trial_files import directory_of, fetch_files

SPLIT = "val"
"""The images that tuning saw. A mapping chosen on the held-out images could not be judged on them.
"""

DEFAULT_CLASSES = 10
"""How many classes are suggested by default."""


@dataclass(frozen=True)
class Suggestion:
    """A ladder of merges, and the suggested rung.

    Attributes:
        images: How many images its confusions are from.
        rung: The suggested rung; its space has the name of the file to write.
        notes: What a person must know before using it, one line each.
        study_command: The command that judges it; None if the project no longer has the model's
            own mapping.
    """

    run_id: str
    images: int
    ladder: Ladder
    rung: Rung
    notes: tuple[str, ...]
    study_command: str | None

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
            "study_command": self.study_command,
        }


@dataclass(frozen=True)
class SuggestedFile:
    """The file of a suggested mapping, before it is written.

    Attributes:
        text: What to write; None if the file already has the same label space: it is kept, with the
            colours and comments that a person may have added.
        taxonomy: The file of its taxonomy, and what to write to it; None if the project has it.
    """

    path: Path
    text: str | None
    taxonomy: tuple[Path, str] | None = None


def best_run(
    project: Path, storage: str | None, study: str | None, configured: str | None = None
) -> tuple[str, str | None]:
    """Return the MLflow run of a study's best trial, and the tracking URI of the study's records.

    Args:
        study: Its name; None for the last one, as `load_study` finds it.
        configured: The tracking URI of the configuration; see `recorded_uri`.

    Raises:
        InputError: When there is no such study.
        WorkError: When no trial of it is complete, or the best one was never recorded.
    """
    loaded = load_study(read_storage(storage, project), study)
    best = find_best(loaded)
    if best.run_id is None:
        raise WorkError(f"trial {best.number} of study {loaded.study_name!r} has no MLflow run")
    return best.run_id, recorded_uri(project, loaded.user_attrs, configured)


def suggest_mapping(
    project: Path,
    tracking_uri: str | None,
    run_id: str,
    *,
    classes: int | None,
    name: str | None,
    keep: Collection[str] = (),
    within: Mapping | None = None,
    left_by: FrozenTrial | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Suggestion:
    """Make the ladder of a recorded model and choose one of its rungs.

    Args:
        project: The project directory; the model's taxonomy is looked up there. The mapping is
            taken from the run, whatever the project's file says now.
        run_id: The MLflow run of a complete trial or training.
        classes: How many classes to suggest; None for 10, or one fewer than the model has.
        name: The name of the suggested mapping; None for ``<mapping>_suggested<classes>``.
        keep: Classes that are never merged.
        within: Only classes that fall into the same class of this mapping are merged.
        left_by: The run's trial, if it is known what files that left.
        say: Called with a line for the person who waits.

    Raises:
        InputError: When the run has no confusions, an option does not fit its mapping, or the
            project's mapping of that name has another taxonomy.
        WorkError: When a file of the run is damaged.
    """
    mapping, confusion, images = _read_run(project, tracking_uri, run_id, left_by, say)
    missing = _missing_arm(project, mapping)
    ladder = make_ladder(mapping, confusion, keep, within)
    most = len(mapping.classes) - 1
    if most < 2:
        raise InputError(f"{mapping.name} has {most + 1} classes: there is nothing to merge")
    wanted = min(DEFAULT_CLASSES, most) if classes is None else classes
    if not 2 <= wanted <= most:
        raise InputError(
            f"--classes {wanted}: expected 2 to {most}: the model was trained with "
            f"{mapping.name}, which has {most + 1} classes"
        )
    if not ladder.rungs:
        raise InputError(f"--keep and --within leave no two classes of {mapping.name} to merge")
    rung = ladder.rung(wanted)
    chosen = name or rung.space.name
    if fault := name_fault("--name", chosen):
        raise InputError(fault)
    if chosen == mapping.name:
        raise InputError(f"--name {chosen}: is the model's own mapping; choose another")
    rung = replace(rung, space=replace(rung.space, name=chosen))
    notes = _notes(ladder, wanted)
    if missing:
        return Suggestion(run_id, images, ladder, rung, (*notes, missing), None)
    words = ["segexp", "ab", mapping.name, chosen]
    try:
        words += _data_options(project, tracking_uri, run_id)
    except InputError as error:
        notes.append(f"tell `segexp ab` where the model's data is: {error.faults[0]}")
    return Suggestion(run_id, images, ladder, rung, tuple(notes), shlex.join(words))


def suggested_file(project: Path, suggestion: Suggestion, force: bool) -> SuggestedFile:
    """Return what to write into the project's ``mappings/``; nothing is written yet.

    Args:
        force: Whether an existing file may be replaced.

    Raises:
        InputError: When the file has another mapping or an invalid one, or when its text would be
            too long to be read again.
    """
    space = suggestion.rung.space
    path = inside(project, Path("mappings") / f"{space.name}.yaml")
    if path.exists() and not force:
        try:
            is_same = load_mapping(path).hash == space.hash
        except InputError as error:
            raise InputError(
                f"{path}: exists and is broken ({error.faults[0]}); choose another --name, or "
                "replace it with --force"
            ) from None
        if is_same:
            return SuggestedFile(path, None)
        raise InputError(
            f"{path}: exists and is another mapping; choose another --name, or replace it "
            "with --force"
        )
    text = mapping_yaml(space, _comment(suggestion))
    size = len(text.encode())
    if size > MAX_BYTES:
        raise InputError(
            f"{path}: would have {size} bytes, but a mapping file may have at most {MAX_BYTES}; "
            f"shorten the label names of {space.taxonomy.name}"
        )
    if has_taxonomy(project, space.taxonomy.name):
        return SuggestedFile(path, text)
    home = inside(project, Path("mappings") / "taxonomies" / f"{space.taxonomy.name}.yaml")
    return SuggestedFile(path, text, (home, taxonomy_yaml(space.taxonomy)))


def _read_run(
    project: Path,
    uri: str | None,
    run_id: str,
    left_by: FrozenTrial | None,
    say: Callable[[str], None],
) -> tuple[Mapping, NDArray[np.int64], int]:
    """Return the mapping of a run, its confusion matrix over SPLIT, and the number of images."""
    try:
        if left_by is None:
            matrices = tracking.read_artifact(project, uri, run_id, CONFUSIONS_FILE)
        else:
            fetch_files(project, uri, left_by, CONFUSIONS_FILE, say)
            matrices = (directory_of(project, left_by) / CONFUSIONS_FILE).read_bytes()
    except InputError as error:
        if CONFUSIONS_FILE not in str(error):
            raise
        raise InputError(
            f"{error}; only trials and trainings that ran to the end (not pruned), with this "
            "version of segexp or a later one, have it; --study NAME finds a study's best trial"
        ) from None
    where = f"{CONFUSIONS_FILE} of run {run_id}"
    splits = read_confusions(matrices, where)
    if SPLIT not in splits:
        raise WorkError(f"{where}: has no part {SPLIT!r}, only {', '.join(splits) or 'nothing'}")
    own: NDArray[np.int64] = splits[SPLIT].by[OWN].sum(axis=0)
    where, content = _read_yaml(project, uri, run_id, "mapping.yaml")
    for key in ("name", "taxonomy"):
        if not isinstance(content.get(key), str):
            raise WorkError(f"{where}: {key}: {content.get(key)!r}; expected a name")
    taxonomy = _taxonomy(project, uri, content["taxonomy"], left_by)
    mapping, faults = parse_mapping(where, content, taxonomy)
    if faults:
        raise InputError(faults)
    if len(own) != len(mapping.classes):
        raise WorkError(f"{where}: {len(mapping.classes)} classes, its confusions {len(own)}")
    return mapping, own, len(splits[SPLIT].image_ids)


def _taxonomy(project: Path, uri: str | None, name: str, left_by: FrozenTrial | None) -> Taxonomy:
    """Return the project's taxonomy of a name, or that of the model where the project has none."""
    if left_by is None or has_taxonomy(project, name):
        return find_taxonomy(project, name)
    return mapping_of_trial(project, uri, left_by).taxonomy


def _read_yaml(
    project: Path, uri: str | None, run_id: str, name: str
) -> tuple[str, dict[str, Any]]:
    """Return the name of a YAML file of a run for error messages, and its content."""
    where = f"{name} of run {run_id}"
    return where, parse_yaml_mapping(tracking.read_artifact(project, uri, run_id, name), where)


def _read_config(project: Path, uri: str | None, run_id: str) -> Config:
    where, content = _read_yaml(project, uri, run_id, CONFIG_FILE)
    return build_config(where, content, {})


def _missing_arm(project: Path, mapping: Mapping) -> str | None:
    """Say why the model's own mapping cannot be an arm of a study in the project; None if it can.

    Raises:
        InputError: When the project's mapping of that name has another taxonomy.
    """
    way_out = f"restore the model's own mappings/{mapping.name}.yaml before an A/B study"
    try:
        found = find_mapping(project, mapping.name)
    except InputError as error:
        return f"{error.faults[0]}; {way_out}"
    if found.taxonomy.hash != mapping.taxonomy.hash:
        raise InputError(
            f"mapping {mapping.name} has the taxonomy {found.taxonomy.name} in this project, "
            f"but the model's own mapping of that name has {mapping.taxonomy.name}"
        )
    if found.hash != mapping.hash:
        return f"mappings/{mapping.name}.yaml is no longer what the model was trained on; {way_out}"
    return None


def _data_options(project: Path, uri: str | None, run_id: str) -> list[str]:
    """Return the options that make `segexp ab` read the run's data, if the project has other.

    Raises:
        InputError: When the run's configuration cannot be read, or its data is not found here.
    """
    own = load_config(project / CONFIG_FILE, {})
    other = _read_config(project, uri, run_id).data
    if is_drawn(other.format):
        return [] if own.data.format == other.format else ["--format", other.format]
    if other.root is None:
        return []
    root = (project / Path(other.root).expanduser()).resolve()
    is_read = not is_drawn(own.data.format) and own.data.root is not None
    if is_read and (project / Path(own.data.root or "").expanduser()).resolve() == root:
        return []
    tags = tracking.tags_of_run(project, uri, run_id)
    digest = tags.get("segexp.dataset_hash")
    if is_read and digest and _has_data(project, own, digest):
        return []
    if not root.is_dir():
        raise InputError(
            f"{root} is not on this host; --data DIR or {DATA_VARIABLE} names the folder that has "
            f"{tags.get('segexp.dataset', root.name)}{f' ({digest})' if digest else ''}"
        )
    named = [] if other.format == "auto" else ["--format", other.format]
    return ["--data", str(root), *named]


def _has_data(project: Path, config: Config, digest: str) -> bool:
    """Whether the project's data, wherever it is on this host, has a digest."""
    try:
        return digest_of(project, find_source(project, config, [])) == digest
    except InputError:
        return False


def _notes(ladder: Ladder, wanted: int) -> list[str]:
    notes = []
    if ladder.fewest > 2:
        notes.append(
            f"the ladder ends at {ladder.fewest} classes: --keep and --within allow no further "
            "merge" + (f"; {wanted} were asked for" if wanted < ladder.fewest else "")
        )
    if ladder.never_right:
        notes.append(
            f"the model found no pixel of {', '.join(ladder.never_right)}: they are merged with "
            "what it takes them for, and a longer training may say otherwise"
        )
    if ladder.absent:
        notes.append(
            f"no pixel of {', '.join(ladder.absent)} in {SPLIT}: nothing is known about them, and "
            "merging them costs nothing here"
        )
    return notes


def _comment(suggestion: Suggestion) -> str:
    ladder, rung = suggestion.ladder, suggestion.rung
    command = f": {suggestion.study_command}" if suggestion.study_command else "."
    return (
        f"Suggested by `segexp mapping suggest` for {ladder.base.name}, from the confusions of "
        f"MLflow run\n{suggestion.run_id} on {suggestion.images} images of {SPLIT}.\n"
        f"Predicted mIoU {rung.miou:.4f}, after {ladder.miou:.4f} in the {len(ladder.base.classes)}"
        f" classes of {ladder.base.name}: the ruler effect,\nwhat the same predictions score in "
        f"fewer classes. Whether training on them is better,\nan A/B study can show{command}"
    )
