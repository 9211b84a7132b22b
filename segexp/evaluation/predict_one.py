"""One image as an array: its mask, and the logits that it was decided from."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segexp.data.resize import resize_image, resized_size
from segexp.evaluation.decide import decide_at_size, largest
from segexp.training.compute import Compute
from segexp.training.preprocess import NonFiniteLogitsError, Preprocessing, is_finite
from segexp.training.views import ONE_VIEW, Views
from segexp.training.windows import infer


@torch.inference_mode()
def predict_one(
    model: nn.Module,
    preprocessing: Preprocessing,
    compute: Compute,
    image: NDArray[np.uint8],
    views: Views = ONE_VIEW,
) -> tuple[NDArray[np.uint8], Tensor]:
    """Predict one image as `segexp.evaluation.predict.predict_masks` does, and keep its logits.

    Args:
        model: On its device already, in evaluation mode; gives logits (N, C, h, w).
        image: uint8 RGB, shape (H, W, 3).
        views: Test-time augmentation.

    Returns:
        The mask, uint8 class indices (H, W); and the logits, float32 (C, h, w) on the CPU, at the
        size to which the image was brought.

    Raises:
        NonFiniteLogitsError: When a logit is NaN or infinite.
    """
    own = (image.shape[0], image.shape[1])
    size = resized_size(preprocessing.resize, own, preprocessing.image_size)
    batch = torch.from_numpy(resize_image(image, size)).permute(2, 0, 1)[None]
    logits = infer(model, batch, preprocessing, compute, views)[0]
    if not is_finite(logits):
        raise NonFiniteLogitsError("the model's logits are NaN or infinite")
    mask = decide_at_size([logits], size, own, largest)
    return mask[0].cpu().numpy(), logits.float().cpu()
