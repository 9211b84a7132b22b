"""The results folder of an A/B study: its page, and its numbers as JSON and CSV."""

import json
from collections.abc import Callable
from pathlib import Path

import optuna

from segexp.compare.answer_tables import answer_tables
from segexp.compare.version import PAGE_FILE, RESULT_FILE, answer_directory
from segexp.core.config import WORK_DIRECTORY
from segexp.core.errors import WorkError
from segexp.report.results_csv import columns_csv
from segexp.report.trial_gallery import TRIALS_FILE
from segexp.study.attributes import RUN_ID
from segexp.study.results_folder import REPORT_FILE, results_folder, write_files


def write_answer_folder_if_possible(
    project: Path, study: optuna.Study, trials: str, say: Callable[[str], None]
) -> None:
    """Do what `write_answer_folder` does; if it cannot be written, say so."""
    try:
        write_answer_folder(project, study, trials)
    except OSError as error:
        say(f"{results_folder(project, study)} cannot be written: {error}")


def write_answer_folder(project: Path, study: optuna.Study, trials: str) -> Path:
    """Write what an A/B study answered into its results folder; return the page.

    Args:
        trials: What `segexp.compare.arm_trials` drew.

    Raises:
        WorkError: When it has not answered yet.
        OSError: When the folder cannot be written.
    """
    answers, name = project / WORK_DIRECTORY / "ab", study.study_name
    # The name of another study may begin with this one's.
    found = answers.iterdir() if answers.is_dir() else ()
    own = [d for d in found if d.name.rpartition("-")[0] == name and (d / RESULT_FILE).is_file()]
    if not own:
        raise WorkError(
            f"A/B study {name!r} has no answer here yet: repeat its `segexp ab` command"
        )
    # Another storage may have a study of this name; the run tells the two apart.
    of_run = answer_directory(project, name, str(study.user_attrs.get(RUN_ID)))
    directory = max(own, key=lambda d: (d == of_run, (d / RESULT_FILE).stat().st_mtime))
    result = (directory / RESULT_FILE).read_text(encoding="utf-8")
    galleries = sorted(directory.glob("gallery*.html"))  # an earlier segexp drew none
    pictures = sorted(directory.glob("gallery*/*.webp"))
    tables = answer_tables(json.loads(result))
    contents: dict[str, str | bytes] = {
        REPORT_FILE: (directory / PAGE_FILE).read_text(encoding="utf-8"),
        RESULT_FILE: result,
        TRIALS_FILE: trials,
        **{path.name: path.read_text(encoding="utf-8") for path in galleries},
        **{f"{path.parent.name}/{path.name}": path.read_bytes() for path in pictures},
        **{Path(of).with_suffix(".csv").name: columns_csv(t) for of, t in tables.items()},
    }
    return write_files(project, study, contents) / REPORT_FILE
