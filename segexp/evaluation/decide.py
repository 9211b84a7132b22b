"""From logits to classes at an image's own size."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor


def decide_at_size(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize the logits of one image bilinearly and take the argmax, in bands that fit the cache.

    Equals ``F.interpolate(..., mode="bilinear", align_corners=False)`` and ``argmax`` up to
    rounding, in a third of the time on a CPU. The logits never exist at full size (19 classes of
    a 48-megapixel photograph are 3.6 GB).

    Args:
        logits: Shape (C, h, w).
        size: Height and width of the result.

    Returns:
        uint8 class indices, shape ``size``.
    """
    num_classes, height, width = logits.shape
    if size == (height, width):
        return logits.argmax(dim=0).to(torch.uint8)
    logits = logits.float()
    rows = torch.arange(size[0], dtype=torch.float32, device=logits.device)
    source = ((rows + 0.5) * (height / size[0]) - 0.5).clamp_(min=0)
    above = source.long().clamp_(max=height - 1)
    below = (above + 1).clamp_(max=height - 1)
    weight = (source - above)[:, None]
    mask = torch.empty(size, dtype=torch.uint8, device=logits.device)
    band_elements = 1 << (19 if logits.device.type == "cpu" else 26)
    band_rows = max(1, band_elements // (num_classes * size[1]))
    with _one_thread():
        for start in range(0, size[0], band_rows):
            band = slice(start, start + band_rows)
            resized = torch.lerp(logits[:, above[band]], logits[:, below[band]], weight[band])[None]
            # NHWC: argmax over the innermost axis is several times faster than over the outermost.
            resized = resized.contiguous(memory_format=torch.channels_last)
            resized = F.interpolate(
                resized, (resized.shape[2], size[1]), mode="bilinear", align_corners=False
            )
            mask[band] = resized.argmax(dim=1)[0]
    return mask


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit torch to one thread for many small pieces of work.

    Several threads would spin while they wait for each other after each piece. On a busy machine
    that took up to 40 times as long as the work itself.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
