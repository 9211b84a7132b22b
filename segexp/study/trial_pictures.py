"""What the trials of a study predicted on a few images, from the pictures that MLflow keeps.

The models of most trials are deleted, so their pictures are all there is. Small copies are kept in
the study's directory: a picture is read once, however often a page is written.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna

from segexp import tracking
from segexp.core.config import WORK_DIRECTORY
from segexp.core.errors import InputError, WorkError, first_line
from segexp.core.files import write_atomic
from segexp.core.yaml import parse_yaml_mapping
from segexp.report.panes import cut_panes
from segexp.report.trial_gallery import (
    MOST,
    ShownImage,
    ShownTrial,
    TrialsFound,
    in_turns,
    shown_image,
)
from segexp.report.trials import RUN, StudyView, TrialRow
from segexp.study.attributes import LISTED, RUN_ID
from segexp.study.trial_files import OVERLAYS_DIRECTORY
from segexp.study.view import view_study

PATIENCE = 20.0
"""How long reading pictures may take, in seconds; what is read is there the next time."""

WHILE_RUNNING = 1.0
"""The same while trials run, which wait for it."""

_VERSION = 1


@dataclass(frozen=True)
class _Asked:
    """A complete trial of a study, which may be a part of another."""

    part: str
    study: optuna.Study
    view: StudyView
    row: TrialRow


def read_trials(
    project: Path,
    uri: str | None,
    parts: Sequence[tuple[str, optuna.Study]],
    report: str,
    seconds: float = PATIENCE,
) -> TrialsFound:
    """Read what the complete trials of studies predicted, as many as a page shows.

    Nothing of it fails: what cannot be read is named in what is returned.

    Args:
        uri: Where they are recorded.
        parts: The studies, each with the name of the part that it is of; one may be ``""``.
        report: The page that has a trial at ``#trial-N``; empty for none, then trials lead to
            their runs in MLflow where their addresses are known.
        seconds: After how long no other trial is read.
    """
    complete = [asked for part, study in parts for asked in _complete(part, study)]
    groups: dict[tuple[str, str], list[int]] = {}
    by_score = sorted(range(len(complete)), key=lambda i: -(complete[i].row.value or 0.0))
    for place in by_score:
        asked = complete[place]
        groups.setdefault((asked.part, str(asked.row.params.get("mapping"))), []).append(place)
    wanted = in_turns([*groups.values()])[:MOST]
    trials: list[ShownTrial] = []
    lacking: dict[str, list[str]] = {}
    deadline, trouble = time.monotonic() + seconds, ""
    for asked in (complete[place] for place in wanted):
        kept = _kept_in(project, asked)
        content = _read_kept(kept)
        why = trouble or "they have not been read yet" * (time.monotonic() > deadline)
        if content is None and not why:
            try:
                content = _read(project, uri, asked.row.run_id)
            except InputError as error:
                why = first_line(error)
            except WorkError as error:
                why = first_line(error)
                trouble = why if tracking.is_server(uri) else ""  # each would wait for it again
            else:
                _keep(kept, content)
        if content is None:
            lacking.setdefault(why, []).append(_name_of(asked))
        else:
            trials.append(_shown(asked, content, report))
    missing = [f"No pictures of {', '.join(names)}: {why}." for why, names in lacking.items()]
    return TrialsFound(trials, len(complete), len(complete) - len(wanted), missing)


def _complete(part: str, study: optuna.Study) -> Iterator[_Asked]:
    view = view_study(study)
    for row in view.rows:
        if row.state == "complete" and row.result is not None and row.value is not None:
            yield _Asked(part, study, view, row)


def _name_of(asked: _Asked) -> str:
    kind = "final" if asked.study.user_attrs.get(LISTED) else "trial"
    return " ".join(filter(None, (asked.part, kind, str(asked.row.number))))


def _read(project: Path, uri: str | None, run_id: str) -> dict[str, Any]:
    """Read a trial's mapping and pictures, small, as JSON has them.

    Raises:
        InputError: When MLflow has no such run, or no pictures of it.
        WorkError: When it does not answer.
    """
    images = {}
    for name, png in tracking.read_folder(project, uri, run_id, OVERLAYS_DIRECTORY).items():
        panes = cut_panes(png) if name.endswith(".png") else None
        if panes is not None:
            images[name.removesuffix(".png")] = asdict(shown_image(panes))
    if not images:
        raise InputError(f"MLflow has none of run {run_id}")
    where = f"mapping.yaml of run {run_id}"
    mapping = parse_yaml_mapping(
        tracking.read_artifact(project, uri, run_id, "mapping.yaml"), where
    )
    try:
        return {
            "version": _VERSION,
            "mapping": "+".join([mapping["name"], *mapping.get("also", [])]),
            "classes": [[each["name"], each["color"]] for each in mapping["classes"]],
            "images": images,
        }
    except (KeyError, TypeError):
        raise InputError(f"{where} is not as segexp writes it") from None


def _kept_in(project: Path, asked: _Asked) -> Path | None:
    """Return where the small pictures of a trial are kept, with the other files of its study."""
    run_id, row = asked.study.user_attrs.get(RUN_ID), asked.row
    if not run_id or not row.run_id:
        return None
    directory = project / WORK_DIRECTORY / "studies" / f"{asked.study.study_name}-{run_id[:8]}"
    return directory / "pictures" / f"{row.number:04d}-{row.run_id[:8]}.json"


def _read_kept(path: Path | None) -> dict[str, Any] | None:
    with suppress(OSError, ValueError, AttributeError):
        content = json.loads(path.read_text(encoding="utf-8")) if path else {}
        return content if content.get("version") == _VERSION else None
    return None


def _keep(path: Path | None, content: dict[str, Any]) -> None:
    with suppress(OSError):  # a full disk: it is read again the next time
        if path is not None:
            write_atomic(path, json.dumps(content))


def _shown(asked: _Asked, content: dict[str, Any], report: str) -> ShownTrial:
    row, runs_at = asked.row, asked.view.runs_at
    kind = "final" if asked.study.user_attrs.get(LISTED) else "trial"
    assert row.value is not None  # of `_complete`
    return ShownTrial(
        name=f"{kind} {row.number}",
        number=row.number,
        part=asked.part,
        mapping=content["mapping"],
        classes=[(name, tuple(color)) for name, color in content["classes"]],
        score=row.value,
        link=f"{report}#trial-{row.number}" if report else runs_at.replace(RUN, row.run_id),
        images={name: ShownImage(**image) for name, image in content["images"].items()},
    )
