"""Who and what is in the street, and where: the odds here set how often each label is seen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from segexp.scenes import furniture, greenery, palette, people, vehicles
from segexp.scenes.ground import Footprint
from segexp.scenes.layout import Side, Street
from segexp.scenes.stage import Stage, facing
from segexp.scenes.vehicles import Pose


@dataclass(frozen=True)
class Actor:
    """Something that stands on the ground, and how to paint it."""

    footprint: Footprint
    paint: Callable[[Stage, np.random.Generator], None]


def place_actors(street: Street, rng: np.random.Generator) -> list[Actor]:
    """Everything in the street, from far to near."""
    actors: list[Actor] = []
    taken = _place_large_vehicles(street, actors, rng)
    _place_traffic(street, taken, actors, rng)
    for side in street.sides:
        _place_parked_cars(street, side, taken, actors, rng)
        _place_furniture(street, side, actors, rng)
        _place_trees(street, side, actors, rng)
        _place_people(street, side, actors, rng)
    _place_riders(street, actors, rng)
    return sorted(actors, key=lambda actor: -actor.footprint.z)


def _depth(nearest: float, farthest: float, rng: np.random.Generator) -> float:
    """A depth, the near ones more often: even in 1/z is even on the picture."""
    return float(1 / rng.uniform(1 / farthest, 1 / nearest))


def _free(taken: list[Footprint], x: float, z: float, length: float) -> bool:
    return all(
        abs(other.x - x) > other.half_width + 1.2
        or z > other.z + other.length + 1
        or z + length + 1 < other.z
        for other in taken
    )


def _add(
    actors: list[Actor],
    foot: Footprint,
    paint: Callable[[Stage, np.random.Generator], None],
) -> Footprint:
    actors.append(Actor(foot, paint))
    return foot


def _place_large_vehicles(
    street: Street, actors: list[Actor], rng: np.random.Generator
) -> list[Footprint]:
    taken: list[Footprint] = []
    for odds, nearest, farthest, length, painter in (
        (0.13, 16.0, 45.0, 11.0, vehicles.paint_truck),
        (0.12, 17.0, 48.0, 13.0, vehicles.paint_bus),
    ):
        if rng.random() > odds:
            continue
        z = _depth(nearest, farthest, rng)
        across = bool(rng.random() < 0.12)
        ahead = bool(rng.random() < 0.4)
        x = float(rng.uniform(-0.4, 0.4)) if ahead else -float(rng.uniform(3.0, 4.0))
        if not ahead and rng.random() < 0.35 and street.right.kerb > 3.6:
            x = street.right.kerb - 1.4
        if across:
            x, z = float(rng.uniform(-8, 8)), z + 10
        if _free(taken, x, z, length):
            pose = Pose(x, z, ahead or x > 1, across)
            taken.append(_drive(actors, painter, pose, length))
    if street.tracks is not None and rng.random() < 0.5:
        z = _depth(14.0, 50.0, rng)
        if _free(taken, street.tracks, z, 25.0):
            pose = Pose(street.tracks, z, bool(rng.random() < 0.4))
            taken.append(_drive(actors, vehicles.paint_tram, pose, 25.0))
    return taken


def _drive(
    actors: list[Actor],
    painter: Callable[[Stage, Pose, np.random.Generator], None],
    pose: Pose,
    length: float,
) -> Footprint:
    half, deep = (length / 2, 2.0) if pose.across else (0.25 * min(length, 5.0), length)
    return _add(
        actors,
        Footprint(pose.x, pose.z, half, deep),
        lambda stage, rng: painter(stage, pose, rng),
    )


def _place_traffic(
    street: Street, taken: list[Footprint], actors: list[Actor], rng: np.random.Generator
) -> None:
    for _ in range(int(rng.poisson(1.6))):
        z = _depth(9.0, 70.0, rng)
        if rng.random() < 0.08:
            x = float(rng.uniform(-7, 7))
            if _free(taken, x, z, 4.5):
                pose = Pose(x, z, bool(rng.random() < 0.5), across=True)
                taken.append(_drive(actors, vehicles.paint_car, pose, 4.4))
            continue
        oncoming = bool(rng.random() < 0.5)
        lane = -float(rng.uniform(2.9, 3.8)) if oncoming else float(rng.uniform(-0.5, 0.6))
        if _free(taken, lane, z, 4.5):
            pose = Pose(lane, z, not oncoming)
            taken.append(_drive(actors, vehicles.paint_car, pose, 4.4))


def _place_parked_cars(
    street: Street,
    side: Side,
    taken: list[Footprint],
    actors: list[Actor],
    rng: np.random.Generator,
) -> None:
    if side.kerb < 3.3 or rng.random() > 0.62:
        return
    x = side.sign * (side.kerb - 1.05)
    fullness = float(rng.uniform(0.15, 0.9))
    z = float(rng.uniform(5.0, 14.0))
    while z < 75:
        if rng.random() < fullness and _free(taken, x, z, 4.5):
            pose = Pose(x, z, side.sign > 0)
            taken.append(_drive(actors, vehicles.paint_car, pose, 4.4))
        z += float(rng.uniform(5.2, 7.5))


def _kerbside(side: Side, rng: np.random.Generator) -> float:
    return side.sign * (side.kerb + float(rng.uniform(0.3, 0.8)))


def _walkway(side: Side, rng: np.random.Generator) -> float:
    inner = side.kerb + side.verge + 0.4
    return side.sign * float(rng.uniform(inner, max(inner + 0.1, side.front - 0.3)))


def _place_furniture(
    street: Street, side: Side, actors: list[Actor], rng: np.random.Generator
) -> None:
    if rng.random() < 0.45:
        gap, x = float(rng.uniform(14, 28)), _kerbside(side, rng)
        for z in np.arange(float(rng.uniform(8, 24)), 80, gap):
            _add(
                actors,
                Footprint(x, float(z), 0.12, 0.3),
                _at(furniture.paint_lamp_post, x, float(z)),
            )
    for _ in range(int(rng.poisson(0.7))):
        x, z = _kerbside(side, rng), _depth(9, 40, rng)
        _add(actors, Footprint(x, z, 0.1, 0.2), _at(furniture.paint_sign, x, z))
    if rng.random() < 0.26:
        z = street.crossing if street.crossing is not None else _depth(8, 30, rng)
        x = _kerbside(side, rng)
        _add(actors, Footprint(x, z, 0.1, 0.2), _at(furniture.paint_traffic_light, x, z))
    if rng.random() < 0.08:
        x = side.sign * (side.kerb + 0.3)
        for z in np.arange(float(rng.uniform(6, 12)), float(rng.uniform(14, 34)), 1.8):
            _add(
                actors, Footprint(x, float(z), 0.1, 0.2), _at(furniture.paint_bollard, x, float(z))
            )
    for _ in range(int(rng.poisson(0.8))):
        x, z = _walkway(side, rng), _depth(7, 35, rng)
        _add(actors, Footprint(x, z, 0.4, 0.5), _at(furniture.paint_clutter, x, z))


def _at(
    painter: Callable[[Stage, float, float, np.random.Generator], None], x: float, z: float
) -> Callable[[Stage, np.random.Generator], None]:
    return lambda stage, rng: painter(stage, x, z, rng)


def _place_trees(street: Street, side: Side, actors: list[Actor], rng: np.random.Generator) -> None:
    odds = {"canyon": 0.2, "avenue": 0.9, "suburb": 0.45, "arterial": 0.5}[street.character]
    if rng.random() > odds:
        return
    leaves = palette.foliage(np.random.Generator(np.random.PCG64(rng.integers(1 << 32))))
    x = side.sign * (side.kerb + max(0.7, 0.5 * side.verge))
    height, gap = float(rng.uniform(5, 11)), float(rng.uniform(6, 13))
    for z in np.arange(float(rng.uniform(9, 20)), 90, gap):
        tall = height * float(rng.uniform(0.85, 1.15))

        def paint(
            stage: Stage, rng: np.random.Generator, z: float = float(z), tall: float = tall
        ) -> None:
            greenery.paint_tree(stage, facing(x, z), tall, leaves, rng)

        _add(actors, Footprint(x, float(z), 1.2, 1.5), paint)


def _place_people(
    street: Street, side: Side, actors: list[Actor], rng: np.random.Generator
) -> None:
    busy = {"canyon": 2.6, "avenue": 1.8, "suburb": 0.8, "arterial": 0.3}[street.character]
    for _ in range(int(rng.poisson(busy))):
        x, z = _walkway(side, rng), _depth(8, 45, rng)
        for member in range(int(rng.choice((1, 1, 1, 2, 3)))):
            beside = x + 0.55 * member
            _add(actors, Footprint(beside, z, 0.25, 0.3), _at(people.paint_person, beside, z))
    if side.sign > 0 and rng.random() < 0.2:
        z = street.crossing + 1.5 if street.crossing is not None else _depth(10, 35, rng)
        for _ in range(int(rng.integers(1, 4))):
            x = float(rng.uniform(-street.left.kerb, street.right.kerb))
            _add(actors, Footprint(x, z, 0.25, 0.3), _at(people.paint_person, x, z))
    if rng.random() < 0.21:
        for _ in range(int(rng.integers(2, 7))):
            x, z = _walkway(side, rng), _depth(7, 28, rng)
            turned = float(rng.choice((0.2, 0.9, 1.3))) * side.sign
            _add(
                actors,
                Footprint(x, z, 0.3, 0.8),
                _turned(people.paint_parked_bicycle, x, z, turned),
            )


def _turned(
    painter: Callable[[Stage, float, float, float, np.random.Generator], None],
    x: float,
    z: float,
    turned: float,
) -> Callable[[Stage, np.random.Generator], None]:
    return lambda stage, rng: painter(stage, x, z, turned, rng)


def _place_riders(street: Street, actors: list[Actor], rng: np.random.Generator) -> None:
    if rng.random() < 0.22:
        for _ in range(int(rng.choice((1, 1, 2)))):
            across = bool(rng.random() < 0.3)
            z = _depth(8, 28, rng)
            x = float(rng.uniform(-street.left.kerb, street.right.kerb))
            turned = float(rng.uniform(-0.4, 0.4)) if across else float(rng.uniform(1.0, 2.1))
            _add(actors, Footprint(x, z, 0.3, 1.5), _turned(people.paint_cyclist, x, z, turned))
    if rng.random() < 0.15:
        ridden = bool(rng.random() < 0.5)
        z = _depth(8, 24, rng)
        side = street.sides[int(rng.integers(2))]
        x = float(rng.uniform(-3, 1)) if ridden else side.sign * (side.kerb - 0.5)
        turned = float(rng.choice((0.2, 1.1, 1.4)))

        def paint(stage: Stage, rng: np.random.Generator) -> None:
            people.paint_motorcycle(stage, x, z, turned, rng, ridden=ridden)

        _add(actors, Footprint(x, z, 0.4, 1.8), paint)
