"""Houses, garden walls and fences: the same masonry, told apart by shape and context."""

from dataclasses import dataclass

import numpy as np

from segexp.scenes import palette
from segexp.scenes.canvas import Colour
from segexp.scenes.labels import BUILDING, FENCE, WALL
from segexp.scenes.stage import Face, Stage, box, boxes

FAR = 45.0
"""Metres from which houses keep only their windows."""


@dataclass(frozen=True)
class Front:
    """The street side of a house: its face, length and height in metres, and its plaster."""

    face: Face
    length: float
    height: float
    plaster: Colour


def paint_building(
    stage: Stage, face: Face, length: float, height: float, rng: np.random.Generator
) -> None:
    """A house front on a face, and the gable that it turns to the camera."""
    plaster = palette.masonry(rng, palette.STUCCO)
    if face.normal:
        depth = 10.0 if face.normal < 0 else -10.0
        gable = Face(face.x, face.z, 1.0, 0.0)
        stage.paint(gable, box(0, 0, depth, height), palette.scaled(plaster, 0.85), BUILDING)
        _paint_gable_windows(stage, gable, depth, height, rng)
    stage.paint(face, box(0, 0, length, height), plaster, BUILDING)
    if rng.random() < 0.55:
        tiles = palette.masonry(rng) if rng.random() < 0.5 else (92.0, 70.0, 62.0)
        roof = np.array([[-0.3, height], [length + 0.3, height], [length - 1, height + 2.2]])
        shape = np.concatenate([roof, np.array([[1.0, height + 2.2]])])
        stage.paint(face, shape, palette.scaled(tiles, 0.75), BUILDING)
    if rng.random() < 0.5:
        trim = palette.scaled(plaster, float(rng.choice((0.75, 1.18))))
        stage.paint(face, box(0, height - 0.45, length, height), trim)
    if rng.random() < 0.08:
        return  # a blank wall of a house: only its height tells it from a garden wall
    front = Front(face, length, height, plaster)
    _paint_windows(stage, front, rng)
    if face.z < FAR and rng.random() < 0.6:
        _paint_ground_floor(stage, front, rng)


def _pane(stage: Stage, rng: np.random.Generator) -> Colour:
    dark = float(rng.uniform(0.3, 0.75))
    return palette.mixed((44.0, 46.0, 50.0), stage.light.sky_low, dark * 0.5)


def _paint_windows(stage: Stage, front: Front, rng: np.random.Generator) -> None:
    face, plaster = front.face, front.plaster
    glassy = rng.random() < 0.14
    storey = float(rng.uniform(2.8, 3.6))
    pitch = float(rng.uniform(1.9, 3.4)) if not glassy else float(rng.uniform(1.2, 1.8))
    width = pitch * (float(rng.uniform(0.36, 0.6)) if not glassy else 0.86)
    tall = storey * (float(rng.uniform(0.42, 0.62)) if not glassy else 0.8)
    lowest, highest = float(front.height > 6), (front.height - 0.4) // storey
    floors = np.arange(lowest, max(1.0, highest))
    columns = np.arange(0.5, max(1.0, np.floor(front.length / pitch)))
    grid = np.meshgrid(columns * pitch, floors * storey + 0.9 * (storey - tall))
    left, bottom = grid[0].ravel(), grid[1].ravel()
    if len(left) == 0:
        return
    if not glassy and face.z < FAR:
        frame = palette.scaled(plaster, float(rng.choice((0.8, 1.2))))
        stage.paint(face, boxes(left - 0.12, bottom - 0.12, width + 0.24, tall + 0.24), frame)
    stage.paint(face, boxes(left, bottom, width, tall), _pane(stage, rng))
    if not glassy and face.z < FAR:
        upper = rng.random(len(left)) < 0.35
        if upper.any():  # blinds half down
            blind = palette.scaled(plaster, 1.1)
            stage.paint(
                face, boxes(left[upper], bottom[upper] + tall * 0.55, width, tall * 0.45), blind
            )
    if stage.light.lamps:
        lit = rng.random(len(left)) < 0.25
        if lit.any():
            stage.paint(face, boxes(left[lit], bottom[lit], width, tall), (250.0, 214.0, 140.0))


def _paint_gable_windows(
    stage: Stage, gable: Face, depth: float, height: float, rng: np.random.Generator
) -> None:
    if gable.z > FAR or height < 5 or rng.random() < 0.4:
        return
    floors = np.arange(0.35, height / 3.2 - 0.5) * 3.2
    columns = np.array([0.25, 0.65]) * depth
    left, bottom = np.meshgrid(columns, floors)
    shapes = boxes(left.ravel(), bottom.ravel(), 1.1, 1.5)
    stage.paint(gable, shapes, _pane(stage, rng))


def _paint_ground_floor(stage: Stage, front: Front, rng: np.random.Generator) -> None:
    face, length, plaster = front.face, front.length, front.plaster
    base = palette.masonry(rng) if rng.random() < 0.5 else palette.scaled(plaster, 0.7)
    stage.paint(face, box(0, 0, length, 3.0), base)
    pitch = float(rng.uniform(2.6, 4.6))
    left = np.arange(0.4, max(0.5, length - pitch), pitch)
    glass = (244.0, 220.0, 168.0) if stage.light.lamps else _pane(stage, rng)
    stage.paint(face, boxes(left, np.full_like(left, 0.5), pitch * 0.75, 1.9), glass)
    door = left[int(rng.integers(len(left)))]
    stage.paint(face, box(door, 0, door + 1.0, 2.2), palette.paint(rng))
    if rng.random() < 0.5:
        awning = palette.paint(rng)
        stage.paint(face, box(0.2, 2.5, length - 0.2, 3.0), awning)


def paint_wall(stage: Stage, face: Face, length: float, rng: np.random.Generator) -> None:
    """A wall that holds earth or hides a yard: masonry without windows."""
    height = float(rng.uniform(1.3, 3.6))
    stone = palette.masonry(rng, palette.STONE)
    stage.paint(face, box(0, 0, length, height), stone, WALL)
    if rng.random() < 0.6:
        coping = palette.scaled(stone, float(rng.choice((0.75, 1.2))))
        stage.paint(face, box(0, height - 0.18, length, height), coping)
    joint = palette.scaled(stone, 0.86)
    if rng.random() < 0.6:
        left = np.arange(0.0, length, float(rng.uniform(1.6, 3.2)))
        stage.paint(face, boxes(left, np.zeros_like(left), 0.09, height), joint)
    else:
        bottom = np.arange(0.35, height - 0.2, 0.55)
        stage.paint(face, boxes(np.zeros_like(bottom), bottom, length, 0.06), joint)
    if rng.random() < 0.3:  # posters and graffiti
        start = float(rng.uniform(0, 0.6)) * length
        shape = box(start, 0.4, start + float(rng.uniform(1, 3)), 0.8 * height)
        stage.paint(face, shape, palette.paint(rng))


def paint_fence(stage: Stage, face: Face, length: float, rng: np.random.Generator) -> None:
    """Boards as closed as a wall, or rails and mesh to look through: all of it is fence."""
    height = float(rng.uniform(1.1, 2.4))
    kind = rng.choice(("boards", "bars", "mesh"), p=(0.42, 0.33, 0.25))
    outline = box(0, 0, length, height)
    if kind == "boards":
        wood = palette.masonry(rng, palette.TIMBER)
        stage.paint(face, outline, wood, FENCE)
        left = np.arange(0.0, length, float(rng.uniform(0.3, 0.6)))
        stage.paint(
            face, boxes(left, np.zeros_like(left), 0.08, height), palette.scaled(wood, 0.75)
        )
        posts = np.arange(0.0, length, 2.4)
        stage.paint(
            face,
            boxes(posts, np.zeros_like(posts), 0.16, height + 0.1),
            palette.scaled(wood, 0.65),
            FENCE,
        )
        return
    stage.mark(face, outline, FENCE)
    iron = palette.metal(rng)
    if kind == "bars":
        left = np.arange(0.0, length, 0.3)
        stage.paint(face, boxes(left, np.zeros_like(left), 0.1, height), iron)
    else:
        left = np.arange(0.0, length, 0.8)
        stage.paint(face, boxes(left, np.zeros_like(left), 0.05, height), iron)
        bottom = np.arange(0.2, height, 0.4)
        stage.paint(face, boxes(np.zeros_like(bottom), bottom, length, 0.05), iron)
    rails = np.array([0.15, height - 0.15])
    stage.paint(face, boxes(np.zeros(2), rails, length, 0.11), iron)
    posts = np.arange(0.0, length, 2.6)
    stage.paint(face, boxes(posts, np.zeros_like(posts), 0.14, height + 0.1), iron, FENCE)
    if rng.random() < 0.4:
        plinth = palette.masonry(rng)
        stage.paint(face, box(0, 0, length, 0.35), plinth)
