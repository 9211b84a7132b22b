"""What a trial's model costs, measured once in a project: equal models have equal costs.

Trials are compared by their costs, too. Two measurements of one model would differ by chance, and
one of two trials of it would seem the cheaper one.
"""

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segexp.core.config import WORK_DIRECTORY, Config
from segexp.core.files import locked, written_beside
from segexp.training.compute import Compute
from segexp.training.cost import Cost, measure_cost

# The weights that a model begins with cost nothing.
_FREE = ("encoder_weights",)

# By this process, for any of its projects.
_measured: dict[str, Cost] = {}


def cost_of(
    project: Path, config: Config, num_classes: int, model: nn.Module, compute: Compute
) -> Cost:
    """Return the cost of a model, which is measured if this project has no figure for its like.

    Processes that measure the same model at once all take the figure that is written first.

    Args:
        model: Built by the configuration, for ``num_classes``, on its device.
    """
    file = project / WORK_DIRECTORY / "costs.json"
    key = _key(config, num_classes, compute)
    with suppress(KeyError, TypeError):
        return Cost(**_read(file)[key])
    # Without the lock: other measurements disturb no more than the other trials that train.
    cost = _measured.get(key) or measure_cost(model, config.data.image_size, compute)
    with locked(project / WORK_DIRECTORY / "locks" / "costs.lock"):
        known = _read(file)
        with suppress(KeyError, TypeError):
            cost = Cost(**known[key])
        _measured[key] = cost
        # It can be measured again; a full disk is reported elsewhere.
        with suppress(OSError), written_beside(file) as beside:
            beside.write_text(json.dumps({**known, key: asdict(cost)}, indent=1), encoding="utf-8")
    return cost


def _key(config: Config, num_classes: int, compute: Compute) -> str:
    model = {k: v for k, v in config.model.model_dump().items() if k not in _FREE}
    size = "x".join(map(str, config.data.image_size))
    where = f"{compute.description} of {platform.node()}, torch {torch.__version__}"
    return f"{json.dumps(model)} {num_classes} classes {size}, {where}"


def _read(file: Path) -> Mapping[str, Any]:
    """Read earlier figures; a missing or damaged file has none."""
    with suppress(OSError, ValueError):
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    return {}
