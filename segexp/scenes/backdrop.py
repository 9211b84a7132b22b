"""The sky, the far end of the street, and the rows of frontages on both sides."""

import numpy as np

from segexp.scenes import facades, greenery, palette
from segexp.scenes.canvas import Floats
from segexp.scenes.labels import BUILDING, SKY, TERRAIN, VEGETATION
from segexp.scenes.layout import LENGTH, Frontage, Street
from segexp.scenes.stage import Face, Stage, blobs, box, facing, ragged_ellipse

NEAREST = 2.0


def paint_sky(stage: Stage, rng: np.random.Generator) -> None:
    """The whole canvas as sky: a gradient, and clouds."""
    canvas, light = stage.canvas, stage.light
    _, y = canvas.positions()
    down = np.clip(y / stage.camera.horizon, 0.0, 1.0)[..., None]
    top, low = np.array(light.sky_top), np.array(light.sky_low)
    canvas.colours[:] = np.clip(top + (low - top) * down, 0, 255).astype(np.uint8)
    canvas.labels[:] = SKY
    if rng.random() < 0.6:
        count = int(rng.integers(3, 12))
        centres = np.stack([rng.uniform(-1.2, 1.2, count), rng.uniform(0, 0.35, count)], axis=-1)
        bright = float(rng.uniform(0.86, 1.1))
        for share in (0.35, 0.7):
            shapes = blobs(centres, rng.uniform(0.03, 0.13, count) * (1.2 - share), rng)
            shapes[..., 1] = (shapes[..., 1] - centres[:, None, 1]) * 0.35 + centres[:, None, 1]
            cloud = palette.scaled(light.sky_low, bright)
            canvas.fill(shapes, palette.mixed(light.sky_top, cloud, share), None)


def paint_frontages(stage: Stage, street: Street, rng: np.random.Generator) -> None:
    """What closes the street far off, then both sides from far to near."""
    _paint_horizon(stage, street, rng)
    height = (
        float(rng.uniform(9.0, 23.0))
        if street.character == "canyon"
        else float(rng.uniform(7.0, 14.0))
    )
    for frontage in sorted(street.frontages, key=lambda one: -one.near):
        mood = np.random.Generator(np.random.PCG64(rng.integers(1 << 62)))
        # Its far end is its innermost point on the picture.
        if frontage.far > NEAREST + 1 and stage.sees(frontage.x, frontage.far, 6.0):
            _paint_frontage(stage, frontage, height, mood)


def _paint_horizon(stage: Stage, street: Street, rng: np.random.Generator) -> None:
    far = Face(-130.0, LENGTH, 1.0, 0.0)
    along = 0.0
    built = {"canyon": 0.75, "avenue": 0.5, "suburb": 0.4, "arterial": 0.3}[street.character]
    while along < 260.0:
        length = float(rng.uniform(10, 28))
        if not stage.sees(far.x + along + length / 2, far.z, length):
            along += length
            continue
        if rng.random() < built:
            top = float(rng.uniform(7, 26))
            stage.paint(far, box(along, -2, along + length, top), palette.masonry(rng), BUILDING)
            left, bottom = np.meshgrid(
                np.arange(1.0, length - 2, 4.0) + along, np.arange(2.0, top - 2, 4.0)
            )
            from_corner = _corner_boxes(left.ravel(), bottom.ravel())
            stage.paint(far, from_corner, (80.0, 84.0, 90.0))
        else:
            top = float(rng.uniform(4, 14))
            leaves = palette.foliage(rng)
            middle = along + length / 2
            stage.paint(far, box(along, -2, along + length, 0.4 * top), leaves, VEGETATION)
            crown = ragged_ellipse(middle, 0.4 * top, 0.65 * length, 0.6 * top, rng)
            stage.paint(far, crown, leaves, VEGETATION)
        along += length


def _corner_boxes(left: Floats, bottom: Floats) -> Floats:
    corners = np.array([[0.0, 0.0], [2.2, 0.0], [2.2, 2.2], [0.0, 2.2]])
    return np.asarray(np.stack([left, bottom], axis=-1)[:, None, :] + corners)


def _paint_frontage(
    stage: Stage, frontage: Frontage, height: float, rng: np.random.Generator
) -> None:
    near = max(frontage.near, NEAREST)
    length = frontage.far - near
    side = frontage.side
    face = Face(frontage.x, near, 0.0, 1.0, float(-side))
    kind = frontage.kind
    if kind == "building":
        tall = max(3.4, height * float(rng.uniform(0.7, 1.3)))
        facades.paint_building(stage, face, length, tall, rng)
        return
    if kind == "gap":
        _paint_side_street(stage, frontage, near, rng)
        return
    _paint_behind(stage, frontage, near, height, rng)
    if kind == "wall":
        facades.paint_wall(stage, face, length, rng)
    elif kind == "fence":
        facades.paint_fence(stage, face, length, rng)
    elif kind == "hedge":
        greenery.paint_hedge(stage, face, length, rng)


def _paint_side_street(
    stage: Stage, frontage: Frontage, near: float, rng: np.random.Generator
) -> None:
    # The flank of the house beyond the opening is what one sees of a side street.
    beyond = Face(frontage.x, frontage.far, float(frontage.side), 0.0)
    if rng.random() < 0.5:
        facades.paint_building(stage, beyond, 14.0, float(rng.uniform(6, 14)), rng)
    else:
        greenery.paint_thicket(stage, beyond, 14.0, float(rng.uniform(4, 9)), rng)


def _paint_behind(
    stage: Stage,
    frontage: Frontage,
    near: float,
    height: float,
    rng: np.random.Generator,
) -> None:
    """A yard: grass or earth, and behind it trees or a house set back."""
    side, length = frontage.side, frontage.far - near
    depth = float(rng.uniform(4.0, 9.0))
    back = frontage.x + side * depth
    stage.strip((frontage.x, back), (near, frontage.far), palette.soil(rng), TERRAIN)
    rear = Face(back, near, 0.0, 1.0, float(-side))
    if rng.random() < 0.42:
        facades.paint_building(stage, rear, length, height * float(rng.uniform(0.6, 1.0)), rng)
    else:
        greenery.paint_thicket(stage, rear, length, float(rng.uniform(3.5, 9.0)), rng)
    if frontage.kind == "park" or rng.random() < 0.45:
        leaves = palette.foliage(rng)
        for z in np.arange(min(frontage.far, 60.0) - 2.0, near, -float(rng.uniform(4.0, 9.0))):
            inward = float(rng.uniform(0.4, 0.8)) * depth
            x = frontage.x + side * inward
            spot = facing(x, float(z))
            greenery.paint_tree(stage, spot, float(rng.uniform(4, 9)), leaves, rng)
