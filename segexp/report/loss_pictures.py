"""Pictures of the images that a model loses most on: image, truth, prediction, mistakes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from segexp.core.files import inside, write_atomic
from segexp.data.split import Split
from segexp.evaluation.image_losses import ImageLoss
from segexp.report.pictures import comparison, encode_png
from segexp.training.bundle import Bundle
from segexp.training.compute import Compute
from segexp.training.windows import infer

LONGEST = 120
"""Characters of an image's id in the name of its picture."""


def write_loss_pictures(
    out: Path,
    split: Split,
    losses: Sequence[ImageLoss],
    bundle: Bundle,
    compute: Compute,
    of_class: int | None = None,
) -> Iterator[Path]:
    """Predict images, and write a picture of each, numbered from the worst.

    Args:
        split: Has the images, at the size to which the model's are resized.
        losses: Of images of the split, the worst first.
        bundle: Its model is on the device of ``compute``.
        of_class: The class whose losses stand in the titles; None for the share that is wrong.

    Yields:
        The path of each.
    """
    mapping = bundle.mapping
    places = {image: place for place, image in enumerate(split.ids)}
    for number, loss in enumerate(losses, 1):
        place = places[loss.image]
        image, truth = split.image(place), mapping.lookup()[split.label(place)]
        batch = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            logits = infer(bundle.model, batch, bundle.preprocessing, compute)
        prediction = logits.argmax(dim=1)[0].cpu().numpy().astype(np.uint8)
        said = f"{100 * loss.wrong:.1f}% wrong"
        if of_class is not None:
            name = mapping.names[of_class]
            said = (
                f"{name}: {loss.missed[of_class]:,} missed, {loss.false[of_class]:,} false pixels"
            )
        title = f"{number}. {loss.image}   {said}   {mapping.name}"
        picture = comparison(image, truth, prediction, mapping.colors, mapping.names, title)
        path = inside(out, f"{number:02d}_{loss.image[-LONGEST:].replace('/', '_')}.png")
        write_atomic(path, encode_png(picture))
        yield path
