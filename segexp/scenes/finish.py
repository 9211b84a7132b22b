"""From the canvas to the picture: surface texture, exposure, lens and sensor."""

from itertools import product

import cv2
import numpy as np
import numpy.typing as npt

from segexp.scenes.canvas import Canvas
from segexp.scenes.labels import BUILDING, CAR, FENCE, SKY, TERRAIN, VEGETATION, VOID, WALL
from segexp.scenes.light import Light

Bytes = npt.NDArray[np.uint8]

_ROUGHNESS = np.full(256, 16, np.float32)
_ROUGHNESS[[SKY, VOID]] = 5, 10
_ROUGHNESS[[VEGETATION, TERRAIN]] = 44, 26
_ROUGHNESS[[BUILDING, WALL, FENCE]] = 15, 16, 17
_ROUGHNESS[CAR] = 12


def develop(canvas: Canvas, light: Light, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """The image (H, W, 3) and the labels (H, W) of a painted canvas."""
    scale = canvas.scale
    labels = _centres(canvas.labels, scale)
    height, width = labels.shape
    # A mean over whole blocks, summed in integers: the same on every machine.
    total = np.zeros((height, width, 3), np.uint16)
    for row in range(scale):
        for column in range(scale):
            total += canvas.colours[row::scale, column::scale]
    picture = total.astype(np.float32) / (scale * scale)

    roughness = _ROUGHNESS[labels] * np.float32(rng.uniform(0.6, 1.3) / 128**2)
    picture *= (1 + roughness * _cloud(height, width, rng))[..., None]
    picture *= np.array(light.gain, np.float32)
    picture = (picture - 95) * np.float32(light.contrast) + 95
    picture *= _vignette(height, width, float(rng.uniform(0.0, 0.22)))[..., None]
    exposed = np.clip(picture, 0, 255).astype(np.uint8)
    reach = light.blur * height
    if reach > 0.3:
        exposed = cv2.GaussianBlur(exposed, (0, 0), reach).astype(np.uint8)
    noise = rng.standard_normal((height, width, 3), np.float32) * np.float32(light.noise)
    return np.clip(exposed + noise, 0, 255).astype(np.uint8), labels


def _centres(labels: Bytes, scale: int) -> Bytes:
    """Take the label at the middle of each block of ``scale`` rows and columns.

    Where the middle lies between two rows, even columns take the upper one and odd columns the
    lower one, and so for columns by rows: on average labels lie where the picture does.
    """
    centres = np.empty((labels.shape[0] // scale, labels.shape[1] // scale), np.uint8)
    for odd_row, odd_column in product((0, 1), repeat=2):
        row = odd_row * scale + (scale - 1 + odd_column) // 2
        column = odd_column * scale + (scale - 1 + odd_row) // 2
        centres[odd_row::2, odd_column::2] = labels[row :: 2 * scale, column :: 2 * scale]
    return centres


def _cloud(height: int, width: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Noise of three grain sizes, about -256..256: the coarse grains are the same at every size."""
    total = np.zeros((height, width), np.float32)
    for cells, weight in ((16, 0.5), (48, 0.7), (128, 0.8)):
        grid = rng.integers(0, 256, (cells, 2 * cells)).astype(np.uint8)
        # The exact variant: its fixed-point result does not depend on the processor.
        spread = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
        total += np.float32(weight) * (spread.astype(np.float32) - 128)
    return total


def _vignette(height: int, width: int, strength: float) -> npt.NDArray[np.float32]:
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    return np.asarray(1 - np.float32(strength / 2) * (x * x + y * y), np.float32)
