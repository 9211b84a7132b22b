"""One training outside a study, with the params of the configuration."""

import json
import secrets
import shutil
from pathlib import Path

from segexp import tracking
from segexp.core.config import WORK_DIRECTORY, Config
from segexp.core.credentials import all_without_credentials, with_credentials
from segexp.core.errors import InputError, Interrupted, WorkError
from segexp.core.files import write_atomic
from segexp.core.lease import is_gone, is_here, owner_from_dict, this_process
from segexp.data.open import describe_data, find_source, open_data
from segexp.data.warnings import warn_of_data
from segexp.evaluation.result import TrialResult
from segexp.labels.files import find_mapping
from segexp.study.display import StudyDisplay
from segexp.study.engines.workers import prepare
from segexp.study.pairs import describe_impossible, impossible, model_faults
from segexp.study.recorded_place import ignored_variable
from segexp.study.run import say_what_waits
from segexp.study.trial import run_trial
from segexp.study.trial_setup import TrialSetup, run_tags
from segexp.training.weights import check_weights

EXPERIMENT = "train"
OWNER_FILE = "owner.json"


def run_training(
    project: Path, config: Config, display: StudyDisplay
) -> tuple[str, TrialResult, list[str]]:
    """Train one configuration and record it as a trial is recorded.

    Returns:
        The id of the MLflow run; the result, whose bundle is kept; and warnings about the data,
        which belong beside the score.

    Raises:
        InputError: With every fault of configuration and data.
        WorkError: When the training itself fails.
    """
    if config.training.devices > 1:
        prepare()  # what its other devices' processes are forked from loads meanwhile
    mapping = find_mapping(project, config.mapping)
    if faults := model_faults([config.model.arch], [config.model.encoder]):
        raise InputError(faults)
    check_weights(config.model.encoder, config.model.encoder_weights, project)
    source = find_source(project, config, [mapping])
    if found := impossible(project, config, {}, len(source.splits["train"])):
        raise InputError(describe_impossible(found))
    dataset = open_data(project, config, source, display.caching)
    display.say(describe_data(dataset))
    warnings = warn_of_data(dataset, [mapping], [mapping], display.say)
    experiment = tracking.open_experiment(
        project, config.tracking.uri, config.tracking.experiment or EXPERIMENT
    )
    if line := ignored_variable(experiment):
        display.say(line)
    name = f"{EXPERIMENT}-{secrets.token_hex(3)}"
    directory = project / WORK_DIRECTORY / "train" / name
    setup = TrialSetup(
        config,
        dataset,
        mapping,
        mapping,
        "val/miou",
        {"study": None, "trial": None},
        project=project,
    )
    _close_abandoned(project, config.tracking.uri)
    run = tracking.start_run(experiment, name, run_tags(setup), tracking.config_params(config))
    _sign(directory, config, experiment, run)
    try:
        result = run_trial(
            setup,
            run,
            directory,
            report=lambda epoch, value: None,
            prune=lambda epoch, value, write: None,
            is_worth_keeping=lambda result: True,
            display=display,
        )
    except (KeyboardInterrupt, Interrupted):
        tracking.close_run(run, "KILLED", "FAIL", "interrupted")
        raise
    except Exception as error:
        tracking.close_run(run, "FAILED", "FAIL", f"{type(error).__name__}: {error}")
        raise
    else:
        tracking.close_run(run, "FINISHED", "COMPLETE")
    finally:
        shutil.rmtree(directory / "checkpoints", ignore_errors=True)
        (directory / OWNER_FILE).unlink(missing_ok=True)
    say_what_waits(experiment, display.say)
    return run.id, result, warnings


def _sign(
    directory: Path, config: Config, experiment: tracking.Experiment, run: tracking.Run
) -> None:
    """Note which process trains and where its MLflow run is: Optuna does not know."""
    content = {
        "owner": this_process().to_dict(),
        "uri": all_without_credentials(config.tracking.uri),
        "experiment": experiment.name,
        "run": run.id,
    }
    write_atomic(directory / OWNER_FILE, json.dumps(content), is_private=True)


def _close_abandoned(project: Path, configured: str | None) -> None:
    """End the MLflow runs of trainings whose process is gone, and delete their checkpoints."""
    for path in (project / WORK_DIRECTORY / "train").glob(f"*/{OWNER_FILE}"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            owner = owner_from_dict(content["owner"])
            if owner is None or not (is_here(owner) and is_gone(owner, None)):
                continue
            uri = with_credentials(content["uri"], configured)
            experiment = tracking.open_experiment(project, uri, content["experiment"])
            run = tracking.find_running(experiment, content["run"])
            if run is not None:
                tracking.close_run(run, "KILLED", "FAIL", "interrupted: its process ended")
        except (OSError, ValueError, KeyError, TypeError, InputError, WorkError):
            continue  # gone meanwhile, or the tracking server is away: looked for again next time
        shutil.rmtree(path.parent, ignore_errors=True)
