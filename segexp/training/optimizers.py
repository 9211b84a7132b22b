"""Optimizers: a row each, the name of torch's class and its options."""

from typing import Any

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "adamw": ("AdamW", {"fused": True}),
    "sgd": ("SGD", {"momentum": 0.9, "nesterov": True, "fused": True}),
}
"""Learning rate and weight decay are added. The class decides how the decay acts: decoupled in
AdamW, L2 in SGD."""
