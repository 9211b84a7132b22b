"""The note of a study in MLflow: what its page says in short, above its runs."""

from dataclasses import replace

from segexp import tracking
from segexp.core.credentials import without_credentials
from segexp.core.database_url import DEFAULT_STORAGE
from segexp.core.run_token import is_token
from segexp.data.open import describe_data
from segexp.report.study_note import Asked, study_note
from segexp.report.trials import TrialRow
from segexp.study.attributes import RUN_ID
from segexp.study.open import OpenStudy, in_words
from segexp.study.view import view_study
from segexp.tracking.ui import run_address


def write_note(opened: OpenStudy, *, is_live: bool) -> None:
    """Write a study's note into its run, and into its experiment where that is the study's own.

    Args:
        is_live: Whether the study is running: then a tracking server that is away gets none, since
            each takes the place of the one before.
    """
    if is_live and tracking.is_behind(opened.experiment.project, opened.experiment.uri):
        return
    view = view_study(opened.study, is_live=is_live)
    study = opened.plan.base.study
    parent = replace(opened.parent, id=opened.study.user_attrs[RUN_ID])
    search = f"{in_words(study.sampler.model_dump())}; {in_words(study.pruner.model_dump())}"
    storage = without_credentials(opened.plan.base.config.storage or DEFAULT_STORAGE)
    asked = Asked(study.trials, search, describe_data(opened.dataset), storage)

    def address(row: TrialRow) -> str:
        known = tracking.known_id(replace(parent, id=row.run_id))
        return "" if is_token(known) or not known else run_address(opened.experiment.id, known)

    is_own = opened.experiment.name == opened.study.study_name
    tracking.write_note(parent, study_note(view, asked, address), of_experiment=is_own)
