"""What `mlflow.pyfunc` loads: the MLmodel files of registered models name this module.

MLflow itself is not imported here, and nothing is unpickled.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segexp.api.models import Model, load


class ImageModel:
    """A saved model with the method that MLflow calls."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(
        self, model_input: NDArray[np.uint8], params: dict[str, Any] | None = None
    ) -> NDArray[np.uint8]:
        """Predict a batch.

        Args:
            model_input: uint8 RGB, shape (N, H, W, 3).
            params: What MLflow passes on; there are none.

        Returns:
            uint8 class indices, shape (N, H, W).
        """
        if not len(model_input):
            return np.zeros(model_input.shape[:3], np.uint8)
        return np.stack([found.mask for found in self.model.predict(list(model_input))])


def _load_pyfunc(path: str) -> ImageModel:
    """Load the model in a folder; MLflow asks for this name."""
    return ImageModel(load(path))
