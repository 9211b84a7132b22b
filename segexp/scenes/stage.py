"""The camera, and painting in metres: faces that stand in the street, projected onto the canvas."""

from dataclasses import dataclass

import cv2
import numpy as np

from segexp.scenes.canvas import Canvas, Colour, Floats
from segexp.scenes.light import Light

NEAR = 1.0
Span = tuple[float, float]
"""From the smaller to the larger, in metres."""
_STEPS = np.linspace(0.0, 1.0, 9)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in a street that may bend.

    Metres: x to the right, y up from the ground, z ahead. `focal`, `horizon` (from the top of the
    picture) and `drift` (of the vanishing point from the middle) are in image heights; `bend` moves
    a point sideways by bend * z**2 metres; `roll` is the slope of the horizon.
    """

    focal: float
    height: float
    horizon: float
    drift: float
    bend: float
    roll: float

    def project(self, points: Floats) -> Floats:
        """Metres (..., 3) to canvas positions (..., 2).

        Points behind the camera are taken to its near plane.
        """
        z = np.maximum(points[..., 2], NEAR)
        x = self.drift + self.focal * (points[..., 0] / z + self.bend * z)
        y = self.horizon + self.focal * (self.height - points[..., 1]) / z
        placed = np.empty((*z.shape, 2))
        placed[..., 0] = x
        placed[..., 1] = y + self.roll * x
        return placed


@dataclass(frozen=True)
class Face:
    """An upright plane: its origin on the ground, and the ground direction (x, z) in which it runs.

    `normal` is the lit side: -1 looks left, 1 looks right, 0 looks at the camera.
    """

    x: float
    z: float
    along_x: float
    along_z: float
    normal: float = 0.0

    def points(self, shapes: Floats) -> Floats:
        """Metres along the face and up (..., 2) to points in the street (..., 3)."""
        placed = np.empty((*shapes.shape[:-1], 3))
        placed[..., 0] = self.x + self.along_x * shapes[..., 0]
        placed[..., 1] = shapes[..., 1]
        placed[..., 2] = self.z + self.along_z * shapes[..., 0]
        return placed


@dataclass(frozen=True)
class Stage:
    """What every painter gets: where to paint, how it is seen, how it is lit."""

    canvas: Canvas
    camera: Camera
    light: Light

    def paint(self, face: Face, shapes: Floats, colour: Colour, label: int | None = None) -> None:
        """Paint polygons (N, 2) or (K, N, 2) on a face; without a label they are mere detail."""
        lit = self.light.on(colour, face.normal, face.z)
        self.canvas.fill(self._placed(face, shapes), lit, label)

    def solid(self, points: Floats, colour: Colour, label: int | None, normal: float = 0.0) -> None:
        """Paint polygons by their corners in the street, (N, 3) or (K, N, 3), a near one first."""
        lit = self.light.on(colour, normal, float(points.flat[2]))
        self.canvas.fill(self.camera.project(points), lit, label)

    def hull(self, points: Floats, colour: Colour, label: int, normal: float = 0.0) -> None:
        """Paint the outline that a convex body with these corners (N, 3) shows the camera."""
        placed = self.camera.project(points)
        around = cv2.convexHull(placed.astype(np.float32), returnPoints=False)[:, 0]
        lit = self.light.on(colour, normal, float(points[0, 2]))
        self.canvas.fill(placed[around], lit, label)

    def mark(self, face: Face, shapes: Floats, label: int) -> None:
        """Label polygons on a face, and leave the colours: what is behind shines through."""
        self.canvas.fill(self._placed(face, shapes), None, label)

    def sees(self, x: float, z: float, reach: float) -> bool:
        """Whether something at (x, z) that reaches so far sideways can be in the picture."""
        middle = self.camera.drift + self.camera.focal * (x / z + self.camera.bend * z)
        return abs(middle) - self.camera.focal * reach / z < self.canvas.half_width

    def _placed(self, face: Face, shapes: Floats) -> Floats:
        if face.along_z or face.z < NEAR:
            return self.camera.project(face.points(shapes))
        # Most faces look straight at the camera: scaling and shifting is all that they need.
        camera = self.camera
        size = camera.focal / face.z
        x = camera.drift + size * face.x + camera.focal * camera.bend * face.z
        y = camera.horizon + size * camera.height + camera.roll * x
        return np.asarray(shapes * (size * face.along_x, -size) + (x, y))

    def strip(self, across: Span, along: Span, colour: Colour, label: int | None = None) -> None:
        """Paint a strip of the ground from x to x and from z to z; it follows the street's bend."""
        lit = self.light.on(colour, 0.0, 0.5 * along[0] + 6.0)
        self.canvas.fill(self.camera.project(ground_strip(across, along)), lit, label)


def facing(x: float, z: float) -> Face:
    """The face through (x, z) that looks straight at the camera, its origin in the middle."""
    return Face(x, z, 1.0, 0.0)


def ground_strip(across: Span, along: Span) -> Floats:
    """The outline (N, 3) of a strip of the ground, with corners enough to follow a bend."""
    (left, right), (near, far) = across, along
    # Even steps in 1/z are even steps on the picture.
    depths = 1.0 / (1.0 / far + (1.0 / near - 1.0 / far) * _STEPS)
    outline = np.zeros((18, 3))
    outline[:9, 0] = left
    outline[:9, 2] = depths
    outline[9:, 0] = right
    outline[9:, 2] = depths[::-1]
    return outline


def ground_boxes(left: Floats, near: Floats, width: float, length: float) -> Floats:
    """Rectangles of one size on the ground (K, 4, 3), at nearest left corners (K,) and (K,)."""
    corners = np.zeros((len(left), 4, 3))
    corners[:, 0, 0] = corners[:, 3, 0] = left
    corners[:, 1, 0] = corners[:, 2, 0] = left + width
    corners[:, 0, 2] = corners[:, 1, 2] = near
    corners[:, 2, 2] = corners[:, 3, 2] = near + length
    return corners


def box(left: float, bottom: float, right: float, top: float) -> Floats:
    """A rectangle (4, 2) on a face."""
    return np.array([[left, bottom], [right, bottom], [right, top], [left, top]])


def boxes(left: Floats, bottom: Floats, width: float, height: float) -> Floats:
    """Rectangles of one size (K, 4, 2) at lower left corners (K,) and (K,)."""
    corners = np.empty((len(left), 4, 2))
    corners[:, 0, 0] = corners[:, 3, 0] = left
    corners[:, 1, 0] = corners[:, 2, 0] = left + width
    corners[:, 0, 1] = corners[:, 1, 1] = bottom
    corners[:, 2, 1] = corners[:, 3, 1] = bottom + height
    return corners


def _unit_circle(corners: int) -> Floats:
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)], axis=-1)


_HEPTAGON, _CIRCLE, _ROUND = _unit_circle(7), _unit_circle(12), _unit_circle(24)


def ellipse(x: float, y: float, half_width: float, half_height: float) -> Floats:
    """An ellipse as a polygon (12, 2)."""
    return _CIRCLE * (half_width, half_height) + (x, y)


def blobs(centres: Floats, radii: Floats, rng: np.random.Generator) -> Floats:
    """Ragged round shapes (K, 7, 2) at centres (K, 2), with radii (K,)."""
    reach = radii[:, None] * rng.uniform(0.6, 1.15, (len(radii), 7))
    around = _HEPTAGON * reach[..., None]
    return np.asarray(centres[:, None, :] + around)


def ragged_ellipse(
    x: float, y: float, half_width: float, half_height: float, rng: np.random.Generator
) -> Floats:
    """An ellipse with an uneven edge (24, 2): a crown or a bush."""
    around = _ROUND * rng.uniform(0.82, 1.12, (24, 1))
    return np.asarray(around * (half_width, half_height) + (x, y))
