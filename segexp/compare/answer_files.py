"""The files of an A/B study's answer, by digest: here, or fetched from its run in MLflow."""

from collections.abc import Callable, Sequence
from pathlib import Path

import optuna

from segexp.compare.version import RESULT_FILE, answer_directory
from segexp.core.errors import WorkError
from segexp.core.files import inside
from segexp.study.attributes import ANSWER_FILES, RUN_ID
from segexp.study.trial_files import digest_of, read_checked, write_fetched


def note_answer_files(study: optuna.Study, paths: Sequence[Path]) -> None:
    """Note what the answer's files are, which MLflow has under the same names."""
    study.set_user_attr(ANSWER_FILES, {path.name: digest_of(path.read_bytes()) for path in paths})


def fetch_answer(
    project: Path, uri: str | None, study: optuna.Study, say: Callable[[str], None]
) -> None:
    """Fetch the last answer of an A/B study, unless it is here.

    Args:
        uri: Where the study is recorded.

    Raises:
        WorkError: When MLflow does not have it, or something else under its name.
    """
    known: dict[str, str] = study.user_attrs.get(ANSWER_FILES, {})
    run_id = str(study.user_attrs.get(RUN_ID))
    directory = answer_directory(project, study.study_name, run_id)
    missing = [name for name in known if not _is_here(inside(directory, name), known[name])]
    if not missing:
        return
    what = f"A/B study {study.study_name!r}"
    say(f"{what} answered elsewhere: reading {', '.join(missing)} from MLflow run {run_id}")
    contents = {
        name: read_checked(
            project,
            uri,
            run_id,
            name,
            digest=known[name],
            left_by=what,
            host="the host that answered",
        )
        for name in missing
    }
    # Last: where there is a result, there is an answer.
    for name in sorted(contents, key=RESULT_FILE.__eq__):
        write_fetched(inside(directory, name), contents[name])


def fetch_answer_if_possible(
    project: Path, uri: str | None, study: optuna.Study, say: Callable[[str], None]
) -> None:
    """Do the same; if MLflow does not have it, say so and leave what is here."""
    try:
        fetch_answer(project, uri, study, say)
    except WorkError as error:
        say(str(error))


def _is_here(path: Path, digest: str) -> bool:
    return path.is_file() and digest_of(path.read_bytes()) == digest
