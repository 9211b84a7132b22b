"""Which label mapping, encoder, schedule and loss weighting to train, and how sure are we?

What a Python program calls is here by name, and loaded when it is first used: `import segexp` takes
no time.

    model = segexp.load("runs/default")
    prediction = model.predict("street.png")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segexp.api.models import Model, Prediction, load
    from segexp.api.scores import evaluate
    from segexp.api.spaces import common_space, mapping
    from segexp.api.studies import AbAnswer, ab, tune
    from segexp.core.errors import InputError, WorkError

__version__ = "0.1.0"

__all__ = [
    "AbAnswer",
    "InputError",
    "Model",
    "Prediction",
    "WorkError",
    "__version__",
    "ab",
    "common_space",
    "evaluate",
    "load",
    "mapping",
    "tune",
]

_HOMES = {
    "AbAnswer": "segexp.api.studies",
    "InputError": "segexp.core.errors",
    "Model": "segexp.api.models",
    "Prediction": "segexp.api.models",
    "WorkError": "segexp.core.errors",
    "ab": "segexp.api.studies",
    "common_space": "segexp.api.spaces",
    "evaluate": "segexp.api.scores",
    "load": "segexp.api.models",
    "mapping": "segexp.api.spaces",
    "tune": "segexp.api.studies",
}

if not TYPE_CHECKING:  # a type checker would take any name for one of these

    def __getattr__(name: str) -> object:
        """Load what has a home when it is first used (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib  # noqa: PLC0415 - `import segexp` loads nothing

        found = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
