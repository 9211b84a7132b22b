"""What a study's page shows of its best trial, fetched from MLflow where another host ran it."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import optuna

from segexp import tracking
from segexp.core.errors import InputError, WorkError
from segexp.core.files import inside
from segexp.report.pictures import at_most_wide, encode_png
from segexp.study.attributes import FILES, RUN_ID
from segexp.study.best import best_trial
from segexp.study.trial_files import (
    OVERLAYS_DIRECTORY,
    directory_of,
    fetch_files,
    write_fetched,
)
from segexp.study.trial_record import MAX_WIDTH_ON_PAGES


def fetch_best_files(
    project: Path, uri: str | None, study: optuna.Study, say: Callable[[str], None]
) -> None:
    """Fetch the model, confusion matrices and pictures of a study's best trial, if not here.

    What MLflow does not have is said, and left out.

    Args:
        uri: Where the study is recorded.
    """
    trial = best_trial(study)
    if trial is None or not trial.user_attrs.get(FILES):
        return
    try:
        fetch_files(project, uri, trial, "", say)
        pictures = directory_of(project, trial) / OVERLAYS_DIRECTORY
        if not pictures.exists():
            _fetch_pictures(project, uri, str(trial.user_attrs.get(RUN_ID)), pictures)
    except (InputError, WorkError) as error:
        say(f"not on the page: {error}")


def _fetch_pictures(project: Path, uri: str | None, run_id: str, directory: Path) -> None:
    """Fetch the pictures of a trial, as small as it keeps them itself.

    No digest of them is known: what is no picture is left out.
    """
    for name, png in tracking.read_folder(project, uri, run_id, OVERLAYS_DIRECTORY).items():
        decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) if png else None
        if decoded is not None:
            picture = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
            shown = encode_png(at_most_wide(picture, MAX_WIDTH_ON_PAGES))
            write_fetched(inside(directory, name), shown)
