"""What MLflow records. The only package that imports MLflow.

Optuna's storage decides and MLflow records: a study computes with nothing that is read back from
here. `store` opens experiments, `runs` starts and ends runs, `find_runs` finds them again,
`records` fills them.

A record is an operation (`operations`). It is applied to a database at once. For a server, which
may be away, it is written to disk (`spool`) and sent from there (`sender`, `replay`): a study does
not wait for a server, and loses nothing that it did not take.
"""

import logging
import os

# Before MLflow is imported: it reads some of these once. An unreachable server would otherwise
# block a call for minutes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Whatever the user set: a repeated request to create a run would make two.
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
# MLflow prints the address of each run that ends; standard output is for --json only.
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"

from segexp.core.run_token import is_token
from segexp.tracking.artifacts import (
    ask_store,
    delete_folder,
    experiment_of_run,
    read_artifact,
    read_folder,
    tags_of_run,
)
from segexp.tracking.client import address_of, is_server
from segexp.tracking.find_runs import (
    adopt,
    attach_run,
    existing_run,
    find_running,
    find_tagged,
    look_up_id,
    running_trials,
)
from segexp.tracking.inputs import DataInput, log_inputs
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
)
from segexp.tracking.registry import ALIAS, register_model
from segexp.tracking.remove_runs import (
    delete_experiment,
    delete_runs,
    delete_texts,
    runs_of,
    whose_others,
)
from segexp.tracking.runs import (
    Run,
    Status,
    close_run,
    discard_run,
    end_run,
    known_id,
    rename_run,
    set_tags,
    start_run,
    write_note,
)
from segexp.tracking.sender import drain, is_behind, pending_records, sync
from segexp.tracking.spool import servers_with_records
from segexp.tracking.store import Experiment, join_experiment, open_experiment

# MLflow reports every table that it creates.
logging.getLogger("mlflow").setLevel(logging.WARNING)
# It also prints the traceback of what it raises, such as a full disk.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

__all__ = [
    "ALIAS",
    "DataInput",
    "Experiment",
    "Run",
    "Status",
    "address_of",
    "adopt",
    "ask_store",
    "attach_run",
    "close_run",
    "config_params",
    "delete_experiment",
    "delete_folder",
    "delete_runs",
    "delete_texts",
    "discard_run",
    "drain",
    "end_run",
    "existing_run",
    "experiment_of_run",
    "find_running",
    "find_tagged",
    "is_behind",
    "is_server",
    "is_token",
    "join_experiment",
    "known_id",
    "log_bytes",
    "log_directory",
    "log_file",
    "log_inputs",
    "log_metrics",
    "log_table",
    "log_text",
    "log_yaml",
    "look_up_id",
    "metric_name",
    "open_experiment",
    "pending_records",
    "read_artifact",
    "read_folder",
    "register_model",
    "rename_run",
    "running_trials",
    "runs_of",
    "servers_with_records",
    "set_tags",
    "start_run",
    "sync",
    "tags_of_run",
    "whose_others",
    "write_note",
]
