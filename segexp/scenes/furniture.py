"""What stands on pavements: posts, lights, signs, bollards, and clutter that no label covers."""

import numpy as np

from segexp.scenes import palette
from segexp.scenes.canvas import Colour
from segexp.scenes.labels import POLE, TRAFFIC_LIGHT, TRAFFIC_SIGN, VOID
from segexp.scenes.stage import Face, Stage, box, ellipse, facing

_SIGN_COLOURS: tuple[Colour, ...] = (
    (196, 36, 36),
    (36, 72, 168),
    (196, 44, 40),
    (40, 84, 172),
    (222, 184, 52),
    (216, 214, 208),
)


def paint_lamp_post(stage: Stage, x: float, z: float, rng: np.random.Generator) -> None:
    """A post of 4 to 9 metres with an arm over the road, or a lantern on top."""
    face = facing(x, z)
    height, half = float(rng.uniform(4.0, 9.0)), float(rng.uniform(0.06, 0.12))
    iron = palette.metal(rng)
    stage.paint(face, box(-half, 0, half, height), iron, POLE)
    stage.paint(face, box(-half, 0, -0.3 * half, height), palette.scaled(iron, 1.3))
    stage.paint(face, box(-1.7 * half, 0, 1.7 * half, 0.8), iron, POLE)
    bulb = (252.0, 230.0, 170.0) if stage.light.lamps else palette.scaled(iron, 1.2)
    if rng.random() < 0.6:
        reach = -float(np.sign(x)) * float(rng.uniform(0.8, 2.0))
        arm = np.array([[0, height - 0.14], [reach, height + 0.1], [reach, height + 0.22]])
        stage.paint(face, np.concatenate([arm, [[0.0, height]]]), iron, POLE)
        stage.paint(face, ellipse(reach, height + 0.1, 0.4, 0.13), bulb, POLE)
    else:
        stage.paint(face, ellipse(0, height, 0.25, 0.32), bulb, POLE)


def paint_traffic_light(stage: Stage, x: float, z: float, rng: np.random.Generator) -> None:
    """A post with a signal head, and sometimes a second one on an arm."""
    face = facing(x, z)
    iron = palette.metal(rng)
    high = rng.random() < 0.4
    height = float(rng.uniform(4.6, 5.6)) if high else float(rng.uniform(2.9, 3.5))
    stage.paint(face, box(-0.08, 0, 0.08, height), iron, POLE)
    phase = int(rng.integers(3)) if rng.random() < 0.75 else None
    _paint_head(stage, face, 0.0, min(height, 3.4) - 1.1, phase)
    if high:
        reach = -float(np.sign(x)) * float(rng.uniform(1.8, 3.4))
        left, right = sorted((0.0, reach))
        stage.paint(face, box(left, height - 0.12, right, height), iron, POLE)
        _paint_head(stage, face, reach, height - 0.95, phase)


def _paint_head(stage: Stage, face: Face, across: float, bottom: float, phase: int | None) -> None:
    """A head that shows a lens (0 is the green one), or None: one sees its back."""
    case: Colour = (30.0, 32.0, 32.0)
    stage.paint(face, box(across - 0.24, bottom, across + 0.24, bottom + 1.1), case, TRAFFIC_LIGHT)
    if phase is None:
        return
    lenses: tuple[Colour, ...] = ((40.0, 200.0, 130.0), (240.0, 180.0, 50.0), (235.0, 50.0, 40.0))
    for index, lens in enumerate(lenses):
        glow = lens if index == phase else palette.scaled(lens, 0.28)
        stage.paint(face, ellipse(across, bottom + 0.2 + 0.35 * index, 0.13, 0.13), glow)


def paint_sign(stage: Stage, x: float, z: float, rng: np.random.Generator) -> None:
    """A disc, triangle or plate on a post; now and then a wide direction board."""
    face = facing(x, z)
    iron = palette.metal(rng)
    middle = float(rng.uniform(2.0, 2.7))
    colour = _SIGN_COLOURS[int(rng.integers(len(_SIGN_COLOURS)))]
    colour = palette.scaled(colour, float(rng.uniform(0.75, 1.15)))
    inner = palette.mixed(colour, (232.0, 232.0, 228.0), 0.85)
    kind = rng.choice(("disc", "triangle", "plate", "board"), p=(0.36, 0.2, 0.26, 0.18))
    stage.paint(face, box(-0.05, 0, 0.05, middle + 0.3), iron, POLE)
    if kind == "disc":
        stage.paint(face, ellipse(0, middle, 0.4, 0.4), colour, TRAFFIC_SIGN)
        stage.paint(face, ellipse(0, middle, 0.25, 0.25), inner)
    elif kind == "triangle":
        corners = np.array([[-0.5, -0.4], [0.5, -0.4], [0.0, 0.5]])
        stage.paint(face, corners + np.array([0.0, middle]), colour, TRAFFIC_SIGN)
        stage.paint(face, 0.55 * corners + np.array([0.0, middle - 0.03]), inner)
    elif kind == "plate":
        wide, tall = float(rng.uniform(0.3, 0.45)), float(rng.uniform(0.3, 0.6))
        stage.paint(face, box(-wide, middle - tall, wide, middle + tall), colour, TRAFFIC_SIGN)
        bar = box(-0.6 * wide, middle - 0.5 * tall, 0.6 * wide, middle + 0.1)
        stage.paint(face, bar, inner)
    else:
        wide = float(rng.uniform(0.9, 1.7))
        low = middle - 0.2
        stage.paint(face, box(wide - 0.15, 0, wide - 0.05, low), iron, POLE)
        stage.paint(face, box(-0.25, low, wide + 0.25, low + 1.1), colour, TRAFFIC_SIGN)
        for row in (0.25, 0.65):
            stage.paint(face, box(0.0, low + row, 0.75 * wide, low + row + 0.16), inner)


def paint_bollard(stage: Stage, x: float, z: float, rng: np.random.Generator) -> None:
    """A short post."""
    face = facing(x, z)
    colour = palette.metal(rng)
    stage.paint(face, box(-0.09, 0, 0.09, float(rng.uniform(0.8, 1.1))), colour, POLE)
    stage.paint(face, box(-0.09, 0.7, 0.09, 0.85), (205.0, 200.0, 196.0))


def paint_clutter(stage: Stage, x: float, z: float, rng: np.random.Generator) -> None:
    """Bins, boxes, columns, benches, tables: void, as in Cityscapes' `static` and `dynamic`."""
    face = facing(x, z)
    kind = rng.choice(("bin", "cabinet", "column", "bench"))
    if kind == "bin":
        shape = np.array([[-0.3, 0], [0.3, 0], [0.36, 1.05], [-0.36, 1.05]])
        stage.paint(face, shape, palette.paint(rng), VOID)
        stage.paint(face, box(-0.4, 1.0, 0.4, 1.12), palette.metal(rng), VOID)
    elif kind == "cabinet":
        wide = float(rng.uniform(0.5, 1.1))
        colour = palette.masonry(rng)
        stage.paint(face, box(-wide, 0, wide, 1.3), colour, VOID)
        stage.paint(face, box(-0.03, 0.1, 0.03, 1.2), palette.scaled(colour, 0.7))
    elif kind == "column":
        stage.paint(face, box(-0.6, 0, 0.6, 3.0), palette.masonry(rng), VOID)
        stage.paint(face, box(-0.6, 0.9, 0.6, 2.5), palette.paint(rng))
    else:
        wood = palette.scaled((130.0, 92.0, 64.0), float(rng.uniform(0.6, 1.2)))
        stage.paint(face, box(-0.9, 0.35, 0.9, 0.5), wood, VOID)
        stage.paint(face, box(-0.9, 0.6, 0.9, 0.85), wood, VOID)
        for leg in (-0.8, 0.7):
            stage.paint(face, box(leg, 0, leg + 0.1, 0.85), palette.metal(rng), VOID)
