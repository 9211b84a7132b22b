"""People on foot and on wheels: they wear the same, so the machine makes the difference."""

from dataclasses import dataclass

import numpy as np

from segexp.scenes import palette
from segexp.scenes.canvas import Colour, Floats
from segexp.scenes.labels import BICYCLE, MOTORCYCLE, PERSON, RIDER
from segexp.scenes.stage import Face, Stage, box, ellipse, facing

FAR = 30.0
"""Metres from which arms are not told from the coat."""


@dataclass(frozen=True)
class Outfit:
    """Colours of one person."""

    top: Colour
    legs: Colour
    skin: Colour
    hair: Colour


def sample_outfit(rng: np.random.Generator, usual: tuple[Colour, ...]) -> Outfit:
    """Draw clothes, skin, and hair or a hat."""
    hair = palette.cloth(rng) if rng.random() < 0.4 else palette.scaled((70.0, 54.0, 42.0), 0.8)
    return Outfit(palette.cloth(rng, usual), palette.cloth(rng), palette.skin(rng), hair)


def paint_person(stage: Stage, x: float, z: float, rng: np.random.Generator) -> None:
    """Someone who stands or walks, seen from any side; a child now and then."""
    face = facing(x, z)
    tall = float(rng.uniform(1.55, 1.9)) * (0.65 if rng.random() < 0.08 else 1.0)
    outfit = sample_outfit(rng, palette.WALKING_CLOTH)
    broad = tall * float(rng.uniform(0.11, 0.15))
    stride = tall * float(rng.uniform(0.0, 0.17))
    hip, neck = 0.5 * tall, 0.84 * tall
    for sign in (-1.0, 1.0):
        foot = sign * (stride + 0.04)
        leg = np.array(
            [[foot - 0.08, 0], [foot + 0.1, 0], [sign * 0.04 + 0.1, hip], [sign * 0.04 - 0.1, hip]]
        )
        shade = palette.scaled(outfit.legs, 0.85 if sign < 0 else 1.0)
        stage.paint(face, leg, shade, PERSON)
    coat = float(rng.uniform(0.3, 0.48)) * tall
    torso = np.array(
        [[-0.85 * broad, coat], [0.85 * broad, coat], [broad, 0.78 * tall], [0.5 * broad, neck]]
    )
    torso = np.concatenate([torso, [[-0.5 * broad, neck], [-broad, 0.78 * tall]]])
    stage.paint(face, torso, outfit.top, PERSON)
    swing = float(rng.uniform(-0.1, 0.1))
    for sign in (-1.0, 1.0) if z < FAR else ():
        shoulder, hand = sign * broad, sign * (broad + 0.05) + sign * swing
        arm = np.array(
            [
                [shoulder - 0.05, 0.8 * tall],
                [shoulder + 0.05, 0.8 * tall],
                [hand + 0.05, 0.46 * tall],
                [hand - 0.05, 0.46 * tall],
            ]
        )
        stage.paint(face, arm, palette.scaled(outfit.top, 0.8), PERSON)
    _paint_head(stage, face, (0.0, 0.92 * tall), outfit, PERSON)
    if rng.random() < 0.35:  # a bag
        start = float(rng.choice((-1.0, 1.0))) * broad
        bag = box(start - 0.16, 0.42 * tall, start + 0.16, 0.6 * tall)
        stage.paint(face, bag, palette.cloth(rng), PERSON)


def _paint_head(
    stage: Stage, face: Face, at: tuple[float, float], outfit: Outfit, label: int
) -> None:
    across, middle = at
    stage.paint(face, ellipse(across, middle, 0.11, 0.14), outfit.skin, label)
    stage.paint(face, ellipse(across, middle + 0.07, 0.12, 0.09), outfit.hair, label)


def paint_cyclist(
    stage: Stage, x: float, z: float, turned: float, rng: np.random.Generator
) -> None:
    """A bicycle and who rides it; turned 0 crosses the street, pi / 2 rides along it."""
    _paint_bicycle(stage, x, z, turned, rng)
    _paint_rider(stage, x, z, turned, rng, seat=0.95)


def paint_parked_bicycle(
    stage: Stage, x: float, z: float, turned: float, rng: np.random.Generator
) -> None:
    """A bicycle that leans somewhere."""
    _paint_bicycle(stage, x, z, turned, rng)


def paint_motorcycle(
    stage: Stage, x: float, z: float, turned: float, rng: np.random.Generator, *, ridden: bool
) -> None:
    """A scooter or motorcycle, parked or ridden."""
    face = Face(x, z, float(np.cos(turned)), float(np.sin(turned)))
    colour = palette.paint(rng)
    _paint_wheels(stage, face, 0.68, 0.33, MOTORCYCLE)
    hull = np.array([[-0.8, 0.4], [0.5, 0.35], [0.75, 1.0], [0.35, 0.85], [-0.2, 0.8], [-0.9, 0.9]])
    stage.paint(face, hull, colour, MOTORCYCLE)
    stage.paint(face, box(-0.8, 0.78, 0.0, 0.92), (34.0, 32.0, 32.0), MOTORCYCLE)
    stage.paint(face, box(0.5, 0.9, 0.75, 1.2), palette.scaled(colour, 0.6), MOTORCYCLE)
    # What the camera sees end on.
    front = facing(x, z)
    stage.paint(front, box(-0.11, 0.0, 0.11, 0.7), (30.0, 30.0, 32.0), MOTORCYCLE)
    stage.paint(front, box(-0.24, 0.45, 0.24, 0.95), colour, MOTORCYCLE)
    stage.paint(front, box(-0.38, 0.98, 0.38, 1.06), (44.0, 44.0, 46.0), MOTORCYCLE)
    stage.paint(front, ellipse(0.0, 0.8, 0.1, 0.1), (214.0, 80.0, 60.0))
    if ridden:
        _paint_rider(stage, x, z, turned, rng, seat=0.85)


def _paint_bicycle(
    stage: Stage, x: float, z: float, turned: float, rng: np.random.Generator
) -> None:
    face = Face(x, z, float(np.cos(turned)), float(np.sin(turned)))
    colour = palette.paint(rng)
    _paint_wheels(stage, face, 0.53, 0.34, BICYCLE)
    for start, end in (
        ((-0.53, 0.34), (-0.15, 0.85)),
        ((-0.15, 0.85), (0.4, 0.85)),
        ((0.0, 0.32), (0.4, 0.85)),
        ((0.53, 0.34), (0.38, 1.02)),
        ((0.0, 0.32), (-0.17, 0.95)),
        ((-0.53, 0.34), (0.0, 0.32)),
    ):
        stage.paint(face, _bar(start, end, 0.035), colour, BICYCLE)
    stage.paint(face, box(-0.3, 0.92, -0.05, 1.0), (34.0, 32.0, 32.0), BICYCLE)
    front = facing(x, z)
    stage.paint(front, box(-0.05, 0.0, 0.05, 0.9), (40.0, 40.0, 42.0), BICYCLE)
    stage.paint(front, box(-0.28, 0.98, 0.28, 1.05), (60.0, 60.0, 62.0), BICYCLE)


def _bar(start: tuple[float, float], end: tuple[float, float], half: float) -> Floats:
    first, last = np.array(start), np.array(end)
    along = last - first
    across = np.array([-along[1], along[0]]) / max(1e-6, float(np.sqrt((along**2).sum()))) * half
    return np.stack([first - across, first + across, last + across, last - across])


def _paint_wheels(stage: Stage, face: Face, apart: float, radius: float, label: int) -> None:
    for middle in (-apart, apart):
        outer = ellipse(middle, radius, radius, radius)
        inner = ellipse(middle, radius, 0.76 * radius, 0.76 * radius)
        stage.mark(face, outer, label)
        # Out along one rim, back along the other: a ring, with the street seen between the spokes.
        ring = np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])
        stage.paint(face, ring, (30.0, 30.0, 32.0), label)
        if label == MOTORCYCLE:
            stage.paint(face, inner, (58.0, 58.0, 60.0))


def _paint_rider(
    stage: Stage, x: float, z: float, turned: float, rng: np.random.Generator, *, seat: float
) -> None:
    outfit = sample_outfit(rng, palette.RIDING_CLOTH)
    sideways = float(np.cos(turned))
    face = facing(x, z)
    lean = 0.3 * sideways
    broad = 0.15 + 0.09 * (1 - abs(sideways))
    for sign in (-1.0, 1.0):
        knee = 0.28 * sideways + sign * 0.12 * (1 - abs(sideways))
        thigh = _bar((sign * 0.06 - 0.12 * sideways, seat + 0.05), (knee, seat - 0.3), 0.09)
        shin = _bar((knee, seat - 0.3), (0.08 * sideways + sign * 0.12, 0.22 + 0.12 * sign), 0.07)
        stage.paint(face, thigh, outfit.legs, RIDER)
        stage.paint(face, shin, palette.scaled(outfit.legs, 0.85), RIDER)
    hip, neck = -0.12 * sideways, lean
    torso = np.array(
        [
            [hip - 0.9 * broad, seat],
            [hip + 0.9 * broad, seat],
            [neck + broad, seat + 0.5],
            [neck + 0.5 * broad, seat + 0.58],
            [neck - 0.5 * broad, seat + 0.58],
            [neck - broad, seat + 0.5],
        ]
    )
    stage.paint(face, torso, outfit.top, RIDER)
    for sign in (-1.0, 1.0):
        hand = 0.55 * sideways + sign * 0.28 * (1 - abs(sideways))
        arm = _bar((neck + sign * 0.8 * broad, seat + 0.48), (hand, seat + 0.12), 0.055)
        stage.paint(face, arm, palette.scaled(outfit.top, 0.85), RIDER)
    _paint_head(stage, face, (neck + 0.06 * sideways, seat + 0.72), outfit, RIDER)
