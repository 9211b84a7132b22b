"""The ground: road, marks, kerbs, pavements, verges, shadows, grain; and the ego car's bonnet."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segexp.scenes import palette
from segexp.scenes.canvas import Colour, Floats
from segexp.scenes.labels import ROAD, SIDEWALK, SKY, TERRAIN, VOID
from segexp.scenes.layout import LENGTH, Side, Street
from segexp.scenes.stage import Stage, ground_boxes, ground_strip

NEAR = 2.0
_GRAIN_CELLS = 256  # a power of two: positions wrap around by a bit mask
_GRAIN_MASK = _GRAIN_CELLS - 1


@dataclass(frozen=True)
class Footprint:
    """Where something stands, in metres: it darkens the ground under it."""

    x: float
    z: float
    half_width: float
    length: float


def paint_ground(
    stage: Stage, street: Street, footprints: Sequence[Footprint], rng: np.random.Generator
) -> None:
    """Everything below the horizon, before anything stands on it."""
    soil, paving = palette.soil(rng), palette.paving(rng)
    asphalt = palette.asphalt(rng)
    if rng.random() < 0.1:  # cobbles: the road is paved like the pavement
        asphalt = palette.mixed(asphalt, paving, 0.7)
    paving = palette.mixed(paving, asphalt, float(rng.uniform(0.0, 0.3)))
    stage.strip((-160, 160), (NEAR, 4 * LENGTH), soil, TERRAIN)
    for side in street.sides:
        _paint_side(stage, side, soil, paving, rng)
    road = (-street.left.kerb, street.right.kerb)
    stage.strip(road, (NEAR, 4 * LENGTH), asphalt, ROAD)
    for frontage in street.frontages:
        if frontage.kind == "gap" and frontage.far > NEAR:
            near = max(frontage.near, NEAR)
            side = street.left if frontage.side < 0 else street.right
            stage.strip(side.span(side.kerb, 60.0), (near, frontage.far), asphalt, ROAD)
    _paint_wear(stage, street, asphalt, rng)
    _paint_marks(stage, street, asphalt, rng)
    _paint_shade(stage, street, footprints, rng)


def _paint_side(
    stage: Stage, side: Side, soil: Colour, paving: Colour, rng: np.random.Generator
) -> None:
    along = (NEAR, 3 * LENGTH)
    if side.verge:
        near = palette.scaled(soil, float(rng.uniform(0.9, 1.1)))
        stage.strip(side.span(side.kerb, side.kerb + side.verge), along, near, TERRAIN)
    if side.walk:
        inner = side.kerb + side.verge
        stage.strip(side.span(inner, side.front + 0.1), along, paving, SIDEWALK)
        if rng.random() < 0.7:
            kerb = palette.scaled(paving, float(rng.uniform(0.75, 1.25)))
            stage.strip(side.span(inner, inner + 0.22), along, kerb, SIDEWALK)
        if rng.random() < 0.5:  # slabs
            joint = palette.scaled(paving, 0.88)
            z = np.arange(4.0, 30.0, 2.0)
            left = np.full_like(z, side.span(inner, side.front)[0])
            slabs = ground_boxes(left, z, side.walk, 0.12)
            stage.solid(slabs, joint, None)


def _paint_wear(stage: Stage, street: Street, asphalt: Colour, rng: np.random.Generator) -> None:
    """Mended patches, wheel tracks, manholes."""
    for _ in range(int(rng.integers(0, 5))):
        x = float(rng.uniform(-street.left.kerb, street.right.kerb - 1.5))
        z = float(rng.uniform(4, 30))
        wide, long = float(rng.uniform(0.4, 2.6)), float(rng.uniform(0.6, 9.0))
        tone = palette.scaled(asphalt, float(rng.uniform(0.78, 1.15)))
        right = min(x + wide, street.right.kerb)
        stage.strip((x, right), (z, z + long), tone)
    if rng.random() < 0.5:
        worn = palette.scaled(asphalt, float(rng.uniform(0.92, 1.08)))
        for x in (-0.9, 0.6):
            stage.strip((x, x + 0.4), (NEAR, LENGTH), worn)


def _paint_marks(stage: Stage, street: Street, asphalt: Colour, rng: np.random.Generator) -> None:
    fresh = float(rng.uniform(0.25, 1.0))
    white = palette.mixed(asphalt, (226.0, 226.0, 218.0), fresh)
    middle = -float(rng.uniform(1.7, 2.4))
    if rng.random() < 0.75:
        dash, gap = float(rng.uniform(2, 4)), float(rng.uniform(2, 7))
        start = float(rng.uniform(0, 6))
        dashes = np.arange(NEAR + start, 70.0, dash + gap)
        shapes = ground_boxes(np.full_like(dashes, middle), dashes, 0.16, dash)
        stage.solid(shapes, white, None)
    elif rng.random() < 0.5:
        stage.strip((middle, middle + 0.16), (NEAR, LENGTH), white)
    if rng.random() < 0.3:
        edge = street.right.kerb - float(rng.uniform(0.3, 2.0))
        stage.strip((edge, edge + 0.14), (NEAR, LENGTH), white)
    if street.tracks is not None:
        rail = palette.scaled(asphalt, 0.6)
        for offset in (-0.72, 0.72):
            x = street.tracks + offset
            stage.strip((x, x + 0.13), (NEAR, LENGTH), rail)
    if street.crossing is not None:
        left = np.arange(-street.left.kerb + 0.3, street.right.kerb - 0.5, 1.0)
        stripes = ground_boxes(left, np.full_like(left, street.crossing), 0.5, 3.0)
        stage.solid(stripes, white, None)


def _paint_shade(
    stage: Stage, street: Street, footprints: Sequence[Footprint], rng: np.random.Generator
) -> None:
    """Shadows and grain, as one factor for each pixel of the ground."""
    canvas, camera, light = stage.canvas, stage.camera, stage.light
    shade = np.full((canvas.rows, canvas.columns), 255, np.uint8)
    dark = int(255 * light.shadow)
    if light.shadow < 0.8 and rng.random() < 0.6:
        side = street.right if light.sun > 0 else street.left
        reach = float(rng.uniform(1.0, 7.0))
        near = 1.0
        while near < LENGTH:
            far = near + float(rng.uniform(6, 18))
            if rng.random() < 0.8:
                inner = side.front - reach * float(rng.uniform(0.7, 1.2))
                strip = ground_strip(side.span(inner, side.front + 12), (max(near, NEAR), far))
                canvas.shadow(shade, camera.project(strip), dark)
            near = far
    for foot in footprints:
        wide = foot.half_width
        left, right = foot.x - 1.05 * wide, foot.x + 1.05 * wide
        if light.sun > 0:
            left -= (1 - light.shadow) * 1.5
        else:
            right += (1 - light.shadow) * 1.5
        strip = ground_strip((left, right), (max(foot.z - 0.25, NEAR), foot.z + foot.length))
        canvas.shadow(shade, camera.project(strip), min(dark, 140))
    softness = 2 * int(0.004 * canvas.rows) + 1
    shade = cv2.blur(shade, (softness, softness)).astype(np.uint8)

    first = int(np.clip((camera.horizon + 0.005) * canvas.rows, 0, canvas.rows - 1))
    x, y = (positions.astype(np.float32) for positions in canvas.positions())
    depth = camera.focal * camera.height / np.maximum(y[first:] - camera.horizon, 0.004)
    across = (x - camera.drift) * depth / camera.focal - camera.bend * depth**2
    cells = rng.integers(-128, 128, (_GRAIN_CELLS, _GRAIN_CELLS), np.int16).astype(np.float32)
    column, row = (across * 14).astype(np.int32), (depth * 14).astype(np.int32)
    fine = cells[row & _GRAIN_MASK, column & _GRAIN_MASK]
    patches = cells[(row >> 3) & _GRAIN_MASK, (column >> 3) & _GRAIN_MASK]
    strength = np.float32(rng.uniform(0.04, 0.12) / 128)
    factor = 1 + strength * (fine * np.minimum(1, 8 / depth) + np.float32(0.8) * patches)
    factor *= shade[first:] / np.float32(255)
    factor[canvas.labels[first:] == SKY] = 1
    ground = canvas.colours[first:]
    ground[:] = np.clip(ground * factor[..., None], 0, 255).astype(np.uint8)


def paint_bonnet(stage: Stage, rng: np.random.Generator) -> None:
    """The ego car's bonnet at the bottom of most pictures: void."""
    if rng.random() < 0.2:
        return
    canvas = stage.canvas
    top = 1.0 - float(rng.uniform(0.03, 0.1))
    half = canvas.half_width
    x = np.linspace(-1.15, 1.15, 24)
    edge = top + float(rng.uniform(0.02, 0.06)) * np.abs(x) ** 2.0
    outline = np.concatenate(
        [np.stack([x * half, edge], axis=-1), np.array([[1.2 * half, 1.1], [-1.2 * half, 1.1]])]
    )
    body = palette.scaled(palette.paint(rng), 0.7)
    canvas.fill(outline, body, VOID)
    shine: Floats = outline.copy()
    shine[:24, 1] += 0.02
    canvas.fill(shine, palette.mixed(body, stage.light.sky_low, 0.3), None)
    shine[:24, 1] += 0.03
    canvas.fill(shine, palette.scaled(body, 0.9), None)
