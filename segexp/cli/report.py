"""``segexp report``."""

from typing import Annotated

import typer

from segexp.cli.browser import open_page
from segexp.cli.console import say
from segexp.cli.options import (
    Debug,
    Project,
    Set,
    Storage,
    StorageFile,
    configured_project,
)


def report(
    study: Annotated[
        str | None,
        typer.Argument(help="A study's name; by default the study that last began a trial."),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the page in the web browser, too.")
    ] = False,
    storage: Storage = None,
    storage_file: StorageFile = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Write the results folder of a study again, runs/STUDY, and print the path of its page.

    `tune` and `ab` write it, too: report.html, results.csv, the best trial's model and what it
    predicts, and the charts as PNG; of an A/B study the page of its answer and its numbers.
    """
    root, config = configured_project(project, storage, storage_file, set_)

    from segexp.study.abandoned import is_running, left_behind
    from segexp.study.storage.open import load_study, part_studies, read_storage

    opened = read_storage(config.storage, root)
    chosen = load_study(opened, study)
    if chosen.study_name in left_behind(opened):
        from segexp.study.recovery import recover_if_allowed

        recover_if_allowed(root, config, [chosen.study_name], say)
        chosen = load_study(read_storage(config.storage, root), chosen.study_name)
    from segexp.study.recorded_place import recorded_uri

    uri = recorded_uri(root, chosen.user_attrs, config.tracking.uri)
    if part_studies(chosen):
        from segexp.compare.answer_files import fetch_answer_if_possible
        from segexp.compare.answer_folder import write_answer_folder
        from segexp.compare.arm_trials import arms_trials_page

        fetch_answer_if_possible(root, uri, chosen, say)
        trials = arms_trials_page(root, uri, opened, chosen)
        page = write_answer_folder(root, chosen, trials)
    else:
        from segexp.report.trial_gallery import TRIALS_FILE
        from segexp.study.best_files import fetch_best_files
        from segexp.study.results_folder import draw_trials, write_files, write_results

        drawn = draw_trials(root, uri, chosen)
        if drawn is not None:
            write_files(root, chosen, {TRIALS_FILE: drawn})
        fetch_best_files(root, uri, chosen, say)
        page = write_results(root, chosen, is_live=is_running(chosen))
    typer.echo(page)
    if open_:
        open_page(page)
