"""Cars, vans, trucks, buses and trams: boxes in the same paints, told apart by windows and size."""

from dataclasses import dataclass

import numpy as np

from segexp.scenes import palette
from segexp.scenes.canvas import Colour, Floats
from segexp.scenes.labels import BUS, CAR, TRAIN, TRUCK
from segexp.scenes.stage import Face, Stage, box, boxes, ellipse

FAR = 25.0
"""Metres from which hubs and number plates are left out."""

_TYRE: Colour = (26.0, 26.0, 28.0)


@dataclass(frozen=True)
class Pose:
    """Where a vehicle stands: the middle of its nearest edge, and how it is turned.

    across: it crosses the street and shows its side. away: one sees its back; else its front.
    """

    x: float
    z: float
    away: bool
    across: bool = False


@dataclass(frozen=True)
class Body:
    """The two faces that the camera sees of a box on wheels, its flank nearest the camera first."""

    flank: Face
    end: Face
    length: float
    width: float


def _body(pose: Pose, length: float, width: float) -> Body:
    if pose.across:
        turned = -1.0 if pose.away else 1.0
        flank = Face(pose.x - turned * length / 2, pose.z, turned, 0.0)
        inner = pose.x - length / 2 if pose.x > 0 else pose.x + length / 2
        end = Face(inner, pose.z, 0.0, 1.0, -1.0 if pose.x > 0 else 1.0)
        return Body(flank, end, length, width)
    inner = pose.x - width / 2 if pose.x > 0 else pose.x + width / 2
    normal = -1.0 if pose.x > 0 else 1.0
    flank = Face(inner, pose.z, 0.0, 1.0, normal)
    return Body(flank, Face(pose.x - width / 2, pose.z, 1.0, 0.0), length, width)


def _hull(stage: Stage, body: Body, profile: Floats, colour: Colour, label: int) -> None:
    """The whole body from flank to flank, so that no gap shows between the faces painted on it."""
    flank, end = body.flank, body.end
    near = flank.points(profile)
    # The end face runs from one flank to the other: its direction carries a flank across.
    if flank.along_x == 0:
        shift = np.array([body.width if end.x + 1e-9 >= flank.x else -body.width, 0.0, 0.0])
    else:
        shift = np.array([0.0, 0.0, body.width])
    stage.hull(np.concatenate([near, near + shift]), palette.scaled(colour, 0.75), label)


def _wheels(stage: Stage, face: Face, along: tuple[float, ...], radius: float) -> None:
    for middle in along:
        stage.paint(face, ellipse(middle, radius, radius, radius), _TYRE)
        if face.z < FAR:
            hub = ellipse(middle, radius, 0.55 * radius, 0.55 * radius)
            stage.paint(face, hub, (112.0, 113.0, 115.0))


def _glass(stage: Stage, rng: np.random.Generator) -> Colour:
    return palette.mixed((28.0, 31.0, 35.0), stage.light.sky_low, float(rng.uniform(0.05, 0.4)))


def _lamps(stage: Stage, end: Face, width: float, height: float, away: bool) -> None:
    colour: Colour = (176.0, 30.0, 30.0) if away else (236.0, 236.0, 224.0)
    if stage.light.lamps:
        colour = (235.0, 50.0, 40.0) if away else (255.0, 250.0, 225.0)
    left = np.array([0.06, width - 0.36])
    stage.paint(end, boxes(left, np.full(2, height), 0.3, 0.2), colour)


@dataclass(frozen=True)
class _CarShape:
    """A car's outline in metres; the near end's window goes from `tail` back to `roof`."""

    height: float
    waist: float
    tail: float
    roof: float
    colour: Colour
    glass: Colour


# Length, height, width; then how far the roof stands back from the back and the front end, and the
# lengths of boot and bonnet.
_CARS: tuple[tuple[float, ...], ...] = (
    (4.6, 1.42, 1.78, 0.95, 1.4, 0.55, 0.9),  # saloon
    (4.0, 1.48, 1.78, 0.3, 1.25, 0.05, 0.9),  # hatchback
    (4.5, 1.72, 1.82, 0.25, 1.3, 0.05, 0.9),  # off-roader
    (5.2, 2.25, 1.95, 0.1, 1.0, 0.05, 0.25),  # van
)
_VAN = 3


def paint_car(stage: Stage, pose: Pose, rng: np.random.Generator) -> None:
    """A saloon, hatchback, off-roader or van: all `car`, though a van is nearly a truck."""
    kind = int(rng.choice(4, p=(0.3, 0.34, 0.22, 0.14)))
    length, height, width, back, front, boot, bonnet = _CARS[kind]
    colour, glass = palette.paint(rng, palette.CAR_PAINT), _glass(stage, rng)
    height *= float(rng.uniform(0.95, 1.08))
    if not pose.away and not pose.across:
        back, front, boot, bonnet = front, back, bonnet, boot
    body = _body(pose, length, width)
    waist, tail, nose = 0.58 * height, 0.9 * boot, length - bonnet
    lower = np.array(
        [
            [0, 0.2],
            [length, 0.2],
            [length, 0.8 * waist],
            [nose, waist],
            [boot, waist],
            [0.0, 0.92 * waist],
        ]
    )
    roof = max(back, tail + 0.15), min(length - front, nose - 0.2)
    cabin = np.array([[tail, waist], [nose, waist], [roof[1], height], [roof[0], height]])
    _hull(stage, body, cabin, glass, CAR)
    _hull(stage, body, lower, colour, CAR)
    stage.paint(body.flank, cabin, colour, CAR)
    stage.paint(body.flank, lower, colour, CAR)
    middle = np.array([cabin[:, 0].mean(), (waist + height) / 2])
    stage.paint(body.flank, (cabin - middle) * (0.86, 0.78) + middle, glass)
    if kind == _VAN and rng.random() < 0.6:  # closed behind the doors
        stage.paint(body.flank, box(0.1 * length, waist, 0.62 * length, 0.95 * height), colour)
    _wheels(stage, body.flank, (0.19 * length, 0.8 * length), 0.33)
    if not pose.across:
        _paint_car_end(stage, pose, body, _CarShape(height, waist, tail, roof[0], colour, glass))


def _paint_car_end(stage: Stage, pose: Pose, body: Body, shape: _CarShape) -> None:
    width, left = body.width, pose.x - body.width / 2
    right = left + width
    waist, colour = shape.waist, shape.colour
    start, end = pose.z + shape.tail, pose.z + shape.roof
    slope = np.array(
        [
            [left, waist, start],
            [right, waist, start],
            [right - 0.16, shape.height, end],
            [left + 0.16, shape.height, end],
        ]
    )
    stage.solid(slope, colour, CAR)
    middle = slope.mean(axis=0)
    stage.solid((slope - middle) * (0.86, 0.72, 0.72) + middle, shape.glass, None)
    deck = np.array(
        [
            [left, 0.92 * waist, pose.z],
            [right, 0.92 * waist, pose.z],
            [right, waist, start],
            [left, waist, start],
        ]
    )
    stage.solid(deck, palette.scaled(colour, 1.15), CAR)
    stage.paint(body.end, box(0, 0.22, width, 0.92 * waist), colour, CAR)
    if pose.z < FAR:
        stage.paint(body.end, box(0, 0.22, width, 0.42), palette.scaled(colour, 0.55))
        stage.paint(body.end, box(0.7, 0.48, 1.15, 0.6), (214.0, 212.0, 200.0))
    _lamps(stage, body.end, width, 0.66 * waist, pose.away)
    tyres = np.array([0.08, width - 0.3])
    stage.paint(body.end, boxes(tyres, np.zeros(2), 0.22, 0.24), _TYRE, CAR)


def paint_truck(stage: Stage, pose: Pose, rng: np.random.Generator) -> None:
    """A cab and a cargo box, which may carry a stripe like a row of windows."""
    length, width = float(rng.uniform(6.0, 11.0)), 2.4
    height = float(rng.uniform(2.8, 3.6))
    cargo, cab = palette.paint(rng, palette.TRUCK_PAINT), palette.paint(rng)
    body = _body(pose, length, width)
    front = 2.0
    hull = box(0, 0.45, length, height)
    _hull(stage, body, hull, cargo, TRUCK)
    starts = 0.0 if pose.away or pose.across else front
    stage.paint(body.flank, box(0, 0.45, length, 0.9), (58.0, 58.0, 60.0), TRUCK)
    stage.paint(body.flank, box(starts, 0.9, starts + length - front, height), cargo, TRUCK)
    near, far = (length - front, length) if starts == 0.0 else (0.0, front)
    stage.paint(body.flank, box(near, 0.45, far, 0.9 * height), cab, TRUCK)
    window = box(near + 0.5, 0.5 * height, far - 0.3, 0.8 * height)
    stage.paint(body.flank, window, _glass(stage, rng))
    if rng.random() < 0.45:  # livery
        stripe = box(starts + 0.4, 0.5 * height, starts + length - front - 0.4, 0.72 * height)
        stage.paint(body.flank, stripe, palette.paint(rng))
    _wheels(stage, body.flank, (0.16 * length, 0.3 * length, 0.86 * length), 0.48)
    if pose.across:
        return
    face = cargo if pose.away else cab
    stage.paint(body.end, box(0, 0.5, width, height if pose.away else 0.92 * height), face, TRUCK)
    stage.paint(body.end, box(0, 0.45, width, 0.8), (52.0, 52.0, 54.0), TRUCK)
    if pose.away:
        stage.paint(body.end, box(width / 2 - 0.04, 0.8, width / 2 + 0.04, height), (70, 70, 72))
    else:
        stage.paint(
            body.end, box(0.15, 0.5 * height, width - 0.15, 0.82 * height), _glass(stage, rng)
        )
    _lamps(stage, body.end, width, 0.8, pose.away)
    for start in (0.1, width - 0.5):
        stage.paint(body.end, box(start, 0, start + 0.4, 0.5), _TYRE, TRUCK)


def paint_bus(stage: Stage, pose: Pose, rng: np.random.Generator) -> None:
    """A bus: a row of windows along the flank, a large one at the end."""
    length = float(rng.uniform(9.0, 13.0))
    _paint_coach(stage, pose, (length, 2.5, float(rng.uniform(2.9, 3.4))), BUS, rng)


def paint_tram(stage: Stage, pose: Pose, rng: np.random.Generator) -> None:
    """A tram (Cityscapes' `train`): a longer bus on rails, in jointed cars."""
    length = float(rng.uniform(18.0, 32.0))
    _paint_coach(stage, pose, (length, 2.45, float(rng.uniform(3.2, 3.6))), TRAIN, rng)


def _paint_coach(
    stage: Stage, pose: Pose, size: tuple[float, float, float], label: int, rng: np.random.Generator
) -> None:
    """What buses and trams share; size is length, width and height."""
    length, width, height = size
    usual = palette.BUS_PAINT if label == BUS else palette.TRAM_PAINT
    colour, glass = palette.paint(rng, usual), _glass(stage, rng)
    body = _body(pose, length, width)
    bottom = 0.3 if label == BUS else 0.15
    hull = box(0, bottom, length, height)
    _hull(stage, body, hull, colour, label)
    stage.paint(body.flank, hull, colour, label)
    band = (0.42 * height, 0.8 * height)
    stage.paint(body.flank, box(0.2, band[0], length - 0.2, band[1]), glass)
    bars = np.arange(1.4, length - 1, 1.5)
    stage.paint(
        body.flank, boxes(bars, np.full_like(bars, band[0]), 0.12, band[1] - band[0]), colour
    )
    if rng.random() < 0.6:
        trim = palette.paint(rng)
        stage.paint(body.flank, box(0, bottom, length, 0.26 * height), trim)
    doors = np.arange(2.0, length - 2, 5.5)
    stage.paint(
        body.flank,
        boxes(doors, np.full_like(doors, 0.35), 1.2, band[1] - 0.35),
        palette.scaled(glass, 0.8),
    )
    if label == BUS:
        _wheels(stage, body.flank, (0.2 * length, 0.74 * length), 0.5)
    else:
        joints = np.arange(7.5, length - 3, 7.5)
        stage.paint(
            body.flank,
            boxes(joints, np.full_like(joints, bottom), 0.5, height - bottom),
            (44.0, 44.0, 46.0),
        )
        stage.paint(body.flank, box(0, height - 0.25, length, height), palette.scaled(colour, 0.7))
    if pose.across:
        return
    stage.paint(body.end, box(0, bottom, width, height), colour, label)
    low = 0.42 * height if not pose.away or label == TRAIN else 0.5 * height
    stage.paint(body.end, box(0.15, low, width - 0.15, 0.84 * height), glass)
    stage.paint(body.end, box(0.5, 0.87 * height, width - 0.5, 0.96 * height), (36.0, 36.0, 34.0))
    if stage.light.lamps or rng.random() < 0.4:
        stage.paint(
            body.end, box(0.7, 0.89 * height, width - 0.7, 0.94 * height), (226.0, 170.0, 60.0)
        )
    _lamps(stage, body.end, width, 0.75, pose.away)
    if label == BUS:
        for start in (0.15, width - 0.55):
            stage.paint(body.end, box(start, 0, start + 0.4, 0.32), _TYRE, label)
