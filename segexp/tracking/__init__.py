"""What MLflow records. The only package that imports MLflow.

Optuna's storage decides and MLflow records: nothing that a study computes with is read back from
here. `store` opens experiments, `runs` starts and ends runs, `records` fills them.
"""

import logging
import os

# Before MLflow is imported: it reads these once. An unreachable server would otherwise block a
# call for minutes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from segexp.tracking.records import (
    config_params,
    log_bytes,
    log_directory,
    log_file,
    log_metrics,
    log_table,
    log_text,
    log_yaml,
    metric_name,
    replace_table,
)
from segexp.tracking.runs import (
    Run,
    Status,
    attach_run,
    close_run,
    end_run,
    running_trials,
    set_tags,
    start_run,
)
from segexp.tracking.store import (
    LOCAL_URI,
    Experiment,
    open_experiment,
    read_artifact,
)

# MLflow tells of every table it creates.
logging.getLogger("mlflow").setLevel(logging.WARNING)

__all__ = [
    "LOCAL_URI",
    "Experiment",
    "Run",
    "Status",
    "attach_run",
    "close_run",
    "config_params",
    "end_run",
    "log_bytes",
    "log_directory",
    "log_file",
    "log_metrics",
    "log_table",
    "log_text",
    "log_yaml",
    "metric_name",
    "open_experiment",
    "read_artifact",
    "replace_table",
    "running_trials",
    "set_tags",
    "start_run",
]
