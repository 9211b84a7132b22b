"""What a run holds: metrics, tables and other artifacts, under names that MLflow takes."""

import math
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from mlflow.entities import Metric

from segexp.config import Config, flatten, resolve_key
from segexp.tracking.runs import Run


def log_metrics(run: Run, metrics: Mapping[str, float], step: int = 0) -> None:
    """Record finite metrics in one call; NaN (an absent class) is not a number to plot."""
    now = int(time.time() * 1000)
    run.client.log_batch(
        run.id,
        metrics=[
            Metric(metric_name(key), float(value), now, step)
            for key, value in metrics.items()
            if math.isfinite(value)
        ],
    )


def log_table(run: Run, columns: Mapping[str, Sequence[Any]], name: str) -> None:
    """Record an MLflow table, which its UI shows and compares between runs."""
    run.client.log_table(run.id, {k: list(v) for k, v in columns.items()}, name)


def replace_table(run: Run, columns: Mapping[str, Sequence[Any]], name: str) -> None:
    """Record an MLflow table in place of one of the same name: MLflow's own call appends to it."""
    if name not in [artifact.path for artifact in run.client.list_artifacts(run.id)]:
        log_table(run, columns, name)
        return
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    run.client.log_dict(run.id, {"columns": list(columns), "data": rows}, name)


def log_file(run: Run, path: Path) -> None:
    """Record a file as an artifact of the same name."""
    run.client.log_artifact(run.id, str(path))


def log_directory(run: Run, directory: Path, artifact_path: str | None = None) -> None:
    """Record every file of a directory as artifacts."""
    run.client.log_artifacts(run.id, str(directory), artifact_path)


def log_text(run: Run, text: str, name: str) -> None:
    """Record a text file as an artifact."""
    run.client.log_text(run.id, text, name)


def log_yaml(run: Run, content: Mapping[str, Any], name: str) -> None:
    """Record plain values as a YAML artifact."""
    run.client.log_text(run.id, yaml.safe_dump(dict(content), sort_keys=False), name)


def log_bytes(run: Run, content: bytes, name: str) -> None:
    """Record a binary file as an artifact; ``name`` may have folders."""
    folder, _, file_name = name.rpartition("/")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / file_name
        path.write_bytes(content)
        run.client.log_artifact(run.id, str(path), folder or None)


def config_params(config: Config) -> dict[str, Any]:
    """Name a configuration's values for MLflow as Optuna names them: by the last part of the key.

    Where two keys share a last part, the longer key keeps all of its parts.
    """
    values = flatten(config.to_dict())
    short = {key: key.rpartition(".")[2] for key in values}
    return {
        short[key] if resolve_key(short[key]) == key else key: value
        for key, value in values.items()
    }


def metric_name(name: str) -> str:
    """Make a name one that MLflow takes for a metric.

    Characters that it refuses become ``_``; letters of any script are kept. To MLflow a name is a
    path: parts that are empty, ``.`` or ``..`` become ``_``, too. At most 250 characters are kept.
    """
    safe = re.sub(r"[^\w\-. :/]", "_", name)
    parts = ["_" if part in ("", ".", "..") else part for part in safe.split("/")]
    return "/".join(parts)[:250]
