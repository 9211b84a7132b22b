"""The results folder of a study, ``runs/STUDY/``: what people look at and take away.

    study.json    whose results these are
    report.html   the study's page; a browser loads it again while the study runs
    results.csv   a row a trial
    trials.html   the same images in every trial, once one is complete
    best/         the best trial: its saved model (bundle/), pictures of what it predicts, and the
                  gallery, once `segexp compare STUDY` has written it
    plots/        the page's charts as PNG

Everything in it may be deleted. It is made from Optuna's storage and the files of the best trial,
without a network; the pictures of other trials are those that MLflow keeps. Files are written
beside their place and renamed; one process writes at a time.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import optuna

from segexp.core.config import RUNS_DIRECTORY, WORK_DIRECTORY
from segexp.core.files import locked, written_beside
from segexp.core.leftovers import folder_beside
from segexp.report.gallery import GALLERY_FILE, Files
from segexp.report.plots import study_plots
from segexp.report.results_csv import results_csv
from segexp.report.study_page import study_page
from segexp.report.trial_gallery import TRIALS_FILE, trial_gallery
from segexp.report.trials import StudyView, TrialRow
from segexp.study.attributes import RUN_ID, RUN_KEY
from segexp.study.trial_files import OVERLAYS_DIRECTORY
from segexp.study.trial_pictures import PATIENCE, read_trials
from segexp.study.view import files_of, view_study

REPORT_FILE, RESULTS_FILE, BEST_FILE = "report.html", "results.csv", "trial.json"
BEST_DIRECTORY = "best"
OWNER_FILE = "study.json"


def results_folder(project: Path, study: optuna.Study) -> Path:
    """Return the results folder of a study, which need not be there.

    Its name is the study's; where that folder has the results of another study of this name, as
    another storage may have one, with the beginning of the study's key.
    """
    folder = project / RUNS_DIRECTORY / study.study_name
    key = _key_of(study)
    is_own = _owner_of(folder) in (None, key)
    return folder if is_own else folder.with_name(f"{folder.name}-{key[:8]}")


def results_line(project: Path, study: optuna.Study) -> str:
    """Say where the results of a study that begins are written."""
    folder = results_folder(project, study)
    name = study.study_name
    why = "" if folder.name == name else f" (runs/{name} has those of another study of this name)"
    return f"results, also while it runs: {folder / REPORT_FILE}{why}"


def _key_of(study: optuna.Study) -> str:
    """Return what tells a study from another of its name."""
    attributes = study.user_attrs
    return str(attributes.get(RUN_KEY) or attributes.get(RUN_ID) or "unrecorded")


def _owner_of(folder: Path) -> str | None:
    """Return the key of the study whose results a folder has; None where it does not say."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((folder / OWNER_FILE).read_text(encoding="utf-8"))["key"])
    return None


def write_results(project: Path, study: optuna.Study, *, is_live: bool) -> Path:
    """Write the results folder of a study that searches; return its page.

    Args:
        is_live: Whether the study is running.

    Raises:
        OSError: When it cannot be written, as on a full disk.
    """
    view = view_study(study, project, is_live=is_live)
    return write_view(project, study, view)


def write_view(
    project: Path, study: optuna.Study, view: StudyView, page: str | None = None
) -> Path:
    """Write the results folder of a study that was read; see `write_results`.

    Args:
        page: Its page, where that was drawn; it leads to no gallery.
    """
    folder = results_folder(project, study)
    shown = replace(
        view,
        has_gallery=_has_gallery(folder, view.best),
        has_trials=(folder / TRIALS_FILE).is_file(),
    )
    if page is None or shown.has_gallery:
        page = study_page(shown)
    with _opened(project, study) as folder:
        _write(folder / REPORT_FILE, page)
        _write(folder / RESULTS_FILE, results_csv(view))
        for file, png in study_plots(view).items():
            _write(folder / "plots" / file, png)
        with suppress(FileNotFoundError):  # a better trial has just taken its place
            _write_best(folder, project, view)
    return folder / REPORT_FILE


def draw_trials(
    project: Path, uri: str | None, study: optuna.Study, seconds: float = PATIENCE
) -> str | None:
    """Draw the page of what the trials of a study that searches predicted.

    Args:
        uri: Where the study is recorded.
        seconds: See `read_trials`.

    Returns:
        None while no trial is complete.
    """
    found = read_trials(project, uri, [("", study)], REPORT_FILE, seconds)
    if not found.complete:
        return None
    name = study.study_name
    return trial_gallery(f"Study {name}: all complete trials", view_study(study).score_name, found)


def write_files(project: Path, study: optuna.Study, contents: Mapping[str, str | bytes]) -> Path:
    """Write files by name into the results folder of a study; return the folder.

    Raises:
        OSError: When it cannot be written, as on a full disk.
    """
    with _opened(project, study) as folder:
        for name, content in contents.items():
            _write(folder / name, content)
    return folder


def results_lock(project: Path, study: optuna.Study) -> Path:
    """Return the lock under which the results of all studies of a name are written."""
    return project / WORK_DIRECTORY / "locks" / RUNS_DIRECTORY / f"{study.study_name}.lock"


def _has_gallery(folder: Path, best: TrialRow | None) -> bool:
    """Whether a results folder has a gallery, of the trial that is the best now."""
    directory = folder / BEST_DIRECTORY
    with suppress(OSError, ValueError, AttributeError):
        facts = json.loads((directory / BEST_FILE).read_text(encoding="utf-8"))
        is_best = best is not None and facts.get("trial") == best.number
        return is_best and (directory / GALLERY_FILE).is_file()
    return False


def write_gallery(project: Path, study: optuna.Study, gallery: Files, *, is_live: bool) -> Path:
    """Write a page of the best trial's images into the results folder; return that page.

    It is dropped with ``best/`` when another trial is the best.

    Args:
        gallery: ``gallery.html``, and what it leads to.

    Raises:
        OSError: When it cannot be written, as on a full disk.
    """
    view = view_study(study, project, is_live=is_live)
    with _opened(project, study) as folder:
        with suppress(FileNotFoundError):  # a better trial has just taken its place
            _write_best(folder, project, view)
        for name, content in gallery.items():
            _write(folder / BEST_DIRECTORY / name, content)
    write_view(project, study, view)  # whose page leads to it
    return folder / BEST_DIRECTORY / GALLERY_FILE


@contextmanager
def _opened(project: Path, study: optuna.Study) -> Iterator[Path]:
    """Make the results folder of a study, and let nobody else write it meanwhile."""
    with locked(results_lock(project, study)):
        folder = results_folder(project, study)
        folder.mkdir(parents=True, exist_ok=True)
        ignored = folder.parent / ".gitignore"
        if not ignored.exists():
            _write(ignored, "*\n")
        for left in [*folder.rglob(".*")]:  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
            left.unlink(missing_ok=True)
        if _owner_of(folder) is None:
            owner = {"study": study.study_name, "key": _key_of(study)}
            _write(folder / OWNER_FILE, json.dumps(owner, indent=2) + "\n")
        yield folder


def _write(path: Path, content: str | bytes) -> None:
    with written_beside(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)


def _write_best(folder: Path, project: Path, view: StudyView) -> None:
    """Put the best trial's files into ``best/``, unless they are there: all of them, or none."""
    best, target = view.best, folder / BEST_DIRECTORY
    if best is None or best.result is None:
        return
    kept = files_of(project, best.result)
    facts = {
        "study": view.study.study_name,
        "trial": best.number,
        "objective": view.objective,
        "value": best.value,
        "params": dict(best.params),
        "run_id": best.run_id,
        "host": best.worker.partition(" ")[0],
        "has_bundle": kept is not None and (kept / "bundle").is_dir(),
    }
    text = json.dumps(facts, indent=2) + "\n"
    with suppress(OSError):
        if (target / BEST_FILE).read_text(encoding="utf-8") == text:
            return
    with folder_beside(target) as beside:
        if kept is not None:
            _copy(kept / "bundle", beside / "bundle")
            _copy(kept / OVERLAYS_DIRECTORY, beside / "predictions")
        (beside / BEST_FILE).write_text(text, encoding="utf-8")
        if target.exists():
            target.rename(beside / ".before")
        beside.rename(target)
        shutil.rmtree(target / ".before", ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a directory, if it is there; weights, which are large, by hard links where possible."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            to = target / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".safetensors":
                with suppress(OSError):  # another file system, or one without links
                    to.hardlink_to(path)
                    continue
            shutil.copyfile(path, to)
