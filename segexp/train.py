"""One training outside of a study: a trial whose params are the configuration's own."""

import secrets
from pathlib import Path

from segexp import tracking
from segexp.config import WORK_DIRECTORY, Config
from segexp.display import StudyDisplay
from segexp.encoder_weights import check_weights
from segexp.errors import InputError, Interrupted
from segexp.mapping_file import find_mapping
from segexp.plan import model_faults
from segexp.project import describe_data, find_source, open_data
from segexp.result import TrialResult
from segexp.trial import TrialSetup, run_tags, run_trial

EXPERIMENT = "train"


def run_training(project: Path, config: Config, display: StudyDisplay) -> tuple[str, TrialResult]:
    """Train one configuration and record it as a trial is recorded.

    Args:
        project: The project directory.
        config: What to train.
        display: Shows progress.

    Returns:
        The id of the MLflow run, and the result; its bundle and the checkpoints of the best and
        the last epoch are kept.

    Raises:
        InputError: With every fault of configuration and data.
        WorkError: When the training itself fails.
    """
    mapping = find_mapping(project, config.mapping)
    if faults := model_faults(config, [config.model.arch], [config.model.encoder]):
        raise InputError(faults)
    check_weights(config.model.encoder, config.model.encoder_weights)
    source = find_source(project, config, [mapping])
    dataset = open_data(project, config, source, display.caching)
    display.say(describe_data(dataset))
    experiment = tracking.open_experiment(
        project, config.tracking.uri, config.tracking.experiment or EXPERIMENT
    )
    name = f"{EXPERIMENT}-{secrets.token_hex(3)}"
    directory = project / WORK_DIRECTORY / "train" / name
    setup = TrialSetup(
        config, dataset, mapping, mapping, "val/miou", {"study": None, "trial": None}
    )
    run = tracking.start_run(experiment, name, run_tags(setup), tracking.config_params(config))
    try:
        result = run_trial(
            setup,
            run,
            directory,
            report=lambda epoch, value: None,
            prune=lambda epoch, value: None,
            is_worth_keeping=lambda value: True,
            display=display,
        )
    except (KeyboardInterrupt, Interrupted):
        tracking.close_run(run, "KILLED", "FAIL", "interrupted")
        raise
    except Exception as error:
        tracking.close_run(run, "FAILED", "FAIL", f"{type(error).__name__}: {error}")
        raise
    tracking.close_run(run, "FINISHED", "COMPLETE")
    return run.id, result
