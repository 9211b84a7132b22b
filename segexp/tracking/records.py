"""Records metrics, tables and other artifacts of a run, under names that MLflow takes."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from segexp.core import failpoint
from segexp.core.config import Config
from segexp.core.config_keys import flatten, resolve_key
from segexp.core.credentials import all_without_credentials
from segexp.tracking.operations import Operation, now_ms
from segexp.tracking.runs import Run, record

# libyaml's is 8 times faster, and every trial writes two files.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def log_metrics(run: Run, metrics: Mapping[str, float], step: int = 0) -> None:
    """Record finite metrics in one call; NaN (an absent class) is not a number to plot."""
    now = now_ms()
    finite = [
        [metric_name(key), float(value), now, step]
        for key, value in metrics.items()
        if math.isfinite(value)
    ]
    if finite:
        record(run, Operation("metrics", run.id, {"metrics": finite}))


def log_table(run: Run, columns: Mapping[str, Sequence[Any]], name: str) -> None:
    """Record an MLflow table, which its UI shows and compares between runs.

    It replaces a table of the same name; MLflow's own call would append. Missing values are None
    or NaN. Numbers are kept with four digits, as its UI shows all of them.
    """
    rows = [[_plain(value) for value in row] for row in zip(*columns.values(), strict=True)]
    content = json.dumps({"columns": list(columns), "data": rows}, allow_nan=False)
    _log_artifact(run, content.encode(), name, is_table=True)


def log_file(run: Run, path: Path) -> None:
    """Record a file as an artifact of the same name; it may be deleted after that."""
    _log_artifact(run, path, path.name)


def log_directory(run: Run, directory: Path, artifact_path: str | None = None) -> None:
    """Record every file of a directory as artifacts; it may be deleted after that."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    for index, path in enumerate(files):
        if index:
            failpoint.passed("mid_artifact")
        name = path.relative_to(directory).as_posix()
        _log_artifact(run, path, f"{artifact_path}/{name}" if artifact_path else name)


def log_text(run: Run, text: str, name: str) -> None:
    """Record a text file as an artifact."""
    _log_artifact(run, text.encode(), name)


def log_yaml(run: Run, content: Mapping[str, Any], name: str) -> None:
    """Record plain values as a YAML artifact, URLs among them without credentials."""
    plain = all_without_credentials(dict(content))
    log_text(run, yaml.dump(plain, Dumper=_DUMPER, sort_keys=False), name)


def log_bytes(run: Run, content: bytes, name: str) -> None:
    """Record a binary file as an artifact; ``name`` may have folders."""
    _log_artifact(run, content, name)


def config_params(config: Config) -> dict[str, Any]:
    """Name a configuration's values as Optuna does: by the last part of the key.

    Where two keys share a last part, the longer key keeps all of its parts.
    """
    values = flatten(config.to_dict())
    short = {key: key.rpartition(".")[2] for key in values}
    return {
        short[key] if resolve_key(short[key]) == key else key: value
        for key, value in values.items()
    }


def metric_name(name: str) -> str:
    """Turn a name into one that MLflow takes for a metric.

    Characters that it refuses become ``_``; letters of any script are kept. To MLflow a name is a
    path: parts that are empty, ``.`` or ``..`` become ``_``, too. At most 250 characters are kept.
    """
    safe = re.sub(r"[^\w\-. :/]", "_", name)
    parts = ["_" if part in ("", ".", "..") else part for part in safe.split("/")]
    return "/".join(parts)[:250]


def _log_artifact(run: Run, source: Path | bytes, name: str, *, is_table: bool = False) -> None:
    folder, _, file = name.rpartition("/")
    content = {"folder": folder or None, "is_table": is_table}
    record(run, Operation("artifact", run.id, content, file), source)


def _plain(value: Any) -> Any:
    """Return a table's cell as JSON has it."""
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, float):
        return value
    return float(f"{value:.4g}") if math.isfinite(value) else None
