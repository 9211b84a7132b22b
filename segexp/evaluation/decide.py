"""From logits to classes at an image's own size."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]


def decide_at_size(
    blocks: Iterable[Tensor],
    logits_size: Size,
    size: Size,
    decide: Callable[[Tensor], Tensor],
    dtype: torch.dtype = torch.uint8,
) -> Tensor:
    """Resize the logits of one image bilinearly and decide its classes, in bands of rows.

    Equals deciding on ``F.interpolate(..., mode="bilinear", align_corners=False)`` up to rounding,
    in a third of the time on a CPU, since a band fits the cache. The logits never exist at full
    size (19 classes of a 48-megapixel photograph are 3.6 GB).

    Args:
        blocks: The logits from top to bottom, (C, rows, w) each, such as all of them at once.
        logits_size: Their height and width, all blocks together.
        size: Height and width of the result.
        decide: From logits (1, C, rows, W) to R decisions, (R, rows, W), 0..255, or other numbers
            of a pixel.
        dtype: The type that their results have.

    Returns:
        Shape (R, H, W).
    """
    height, width = logits_size
    rows = torch.arange(size[0], dtype=torch.float32)
    source = ((rows + 0.5) * (height / size[0]) - 0.5).clamp_(min=0)
    above = source.long().clamp_(max=height - 1)
    below = (above + 1).clamp_(max=height - 1)
    weight = (source - above)[:, None]
    mask: Tensor | None = None
    held: Tensor | None = None
    first = done = 0
    for block in blocks:
        held = block if held is None else torch.cat([held, block], dim=1)
        device = held.device
        until = int(torch.searchsorted(below, first + held.shape[1]))
        band_elements = 1 << (19 if device.type == "cpu" else 26)
        band_rows = max(1, band_elements // (held.shape[0] * size[1]))
        with _one_thread():
            for start in range(done, until, band_rows):
                band = slice(start, min(start + band_rows, until))
                top, bottom = above[band].to(device) - first, below[band].to(device) - first
                resized = held[:, top]
                if height != size[0]:
                    resized = torch.lerp(
                        resized.float(), held[:, bottom].float(), weight[band].to(device)
                    )
                # NHWC: argmax over the innermost axis is several times faster than over the
                # outermost.
                resized = resized[None].contiguous(memory_format=torch.channels_last)
                if width != size[1]:
                    resized = F.interpolate(
                        resized.float(),
                        (resized.shape[2], size[1]),
                        mode="bilinear",
                        align_corners=False,
                    )
                decided = decide(resized)
                if mask is None:
                    mask = decided.new_empty(len(decided), *size, dtype=dtype)
                mask[:, band] = decided
        done = until
        if done < size[0]:
            following = min(int(above[done]), first + held.shape[1])
            held, first = held[:, following - first :], following
    assert mask is not None and done == size[0]
    return mask


def largest(logits: Tensor) -> Tensor:
    """Decide for the largest logit of each pixel: one decision for `decide_at_size`."""
    return logits.argmax(dim=1)


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
