"""The example beside an exported model: Python that runs it without segexp."""

from types import ModuleType

from segexp.training.preprocess import Preprocessing
from segexp.training.whole import resizes_inside

_BEFORE = """\
# The classes of an image as a PNG with their colours: python {script} IMAGE.png MASK.png
# It needs no segexp: pip install {package} numpy pillow
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

PATH = str(Path(__file__).with_name("{file}"))
pixels = np.asarray(ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGB"))
"""

_OUTSIDE = """\
# The model was trained on images resized by the rule `{rule}`: bring yours to that size.
# What is larger than it sees at once, `segexp predict` cuts into windows whose logits it averages.
if pixels.shape[0] > {height} or pixels.shape[1] > {width}:
    sys.exit(f"{{pixels.shape[0]}}x{{pixels.shape[1]}} pixels; at most {height}x{width}")
"""

_AFTER = """\
picture = Image.fromarray(mask)
picture.putpalette(np.array(colors, np.uint8).tobytes())
picture.save(sys.argv[2])
for index, name in enumerate(names):
    print(f"{name}: {np.mean(mask == index):.1%}")
"""


def example(format_: ModuleType, file: str, script: str, preprocessing: Preprocessing) -> str:
    """Return the text of an example.

    Args:
        format_: A module of `segexp.training.exports`.
        file: The name of the model's file, in the same folder.
        script: The example's own name.
    """
    height, width = preprocessing.image_size
    before = _BEFORE.format(package=format_.RUNS, file=file, script=script)
    if not resizes_inside(preprocessing):
        before += _OUTSIDE.format(rule=preprocessing.resize, height=height, width=width)
    return f"{before}\n{format_.EXAMPLE}\n{_AFTER}"
