"""Trees, bushes and hedges."""

import numpy as np

from segexp.scenes import palette
from segexp.scenes.canvas import Colour, Floats
from segexp.scenes.labels import VEGETATION
from segexp.scenes.stage import Face, Stage, blobs, box, ragged_ellipse

FAR = 30.0
"""Metres from which detail is left out: by distance, so that a scene has the same at every size."""

_TONES = ((0.55, -0.2), (1.0, 0.0), (1.3, 0.2))


def paint_tree(
    stage: Stage, face: Face, height: float, leaves: Colour, rng: np.random.Generator
) -> None:
    """A tree at the middle of a face: Cityscapes calls its trunk vegetation too."""
    spread = height * float(rng.uniform(0.24, 0.4))
    bare = float(rng.uniform(0.2, 0.42)) * height
    trunk = 0.02 * height + 0.05
    bark = palette.scaled((88, 76, 64), float(rng.uniform(0.6, 1.2)))
    lean = float(rng.normal(0, 0.15))
    shape = np.array(
        [[-trunk, 0], [trunk, 0], [0.6 * trunk + lean, 0.7 * height], [lean, 0.7 * height]]
    )
    stage.paint(face, shape, bark, VEGETATION)
    middle = (bare + height) / 2
    crown = ragged_ellipse(lean, middle, spread, (height - bare) / 2, rng)
    stage.paint(face, crown, palette.scaled(leaves, 0.8), VEGETATION)
    paint_leaves(stage, face, crown, leaves, rng)


def paint_leaves(
    stage: Stage, face: Face, outline: Floats, leaves: Colour, rng: np.random.Generator
) -> None:
    """Light and dark clumps over a crown; some stand out over its edge."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    middle, reach = (low + high) / 2, (high - low) / 2
    clumps = rng.uniform(-0.8, 0.8, (len(_TONES), 14, 2))
    radii = rng.uniform(0.12, 0.28, (len(_TONES), 14)) * float(reach.min())
    for index, (tone, lift) in enumerate(_TONES[: 1 if face.z > FAR else None]):
        # Squeezed towards the middle, so that the corners stay empty.
        centres = clumps[index] * (1 - 0.35 * np.abs(clumps[index][:, ::-1]))
        centres[:, 1] += lift
        shapes = blobs(centres * reach + middle, radii[index], rng)
        stage.paint(face, shapes, palette.scaled(leaves, tone), VEGETATION)


def paint_hedge(stage: Stage, face: Face, length: float, rng: np.random.Generator) -> None:
    """A hedge along a face, with an uneven top."""
    height, leaves = float(rng.uniform(0.9, 2.4)), palette.foliage(rng)
    steps = max(6, int(length / 0.9))
    along = np.linspace(0, length, steps)
    top = height * rng.uniform(0.82, 1.12, steps)
    outline = np.concatenate(
        [np.stack([along, top], axis=-1), np.array([[length, 0.0], [0.0, 0.0]])]
    )
    stage.paint(face, outline, palette.scaled(leaves, 0.85), VEGETATION)
    for tone in (0.6, 1.2):
        count = int(length * 1.6)
        centres = np.stack(
            [rng.uniform(0, length, count), rng.uniform(0.1, 0.95, count) * height], axis=-1
        )
        shapes = blobs(centres, rng.uniform(0.12, 0.32, count), rng)
        stage.paint(face, shapes, palette.scaled(leaves, tone), VEGETATION)


def paint_thicket(
    stage: Stage, face: Face, length: float, height: float, rng: np.random.Generator
) -> None:
    """A row of trees grown together, seen as one green wall."""
    leaves = palette.foliage(rng)
    stage.paint(face, box(0, 0, length, 0.6 * height), palette.scaled(leaves, 0.55), VEGETATION)
    along = 0.0
    while along < length:
        spread = float(rng.uniform(1.6, 3.4)) * (2.0 if face.z > FAR else 1.0)
        tall = height * float(rng.uniform(0.7, 1.1))
        crown = ragged_ellipse(along + spread / 2, 0.58 * tall, spread, 0.45 * tall, rng)
        shade = palette.mixed(leaves, palette.foliage(rng), 0.3)
        stage.paint(face, crown, palette.scaled(shade, 0.8), VEGETATION)
        paint_leaves(stage, face, crown, shade, rng)
        along += 1.4 * spread
