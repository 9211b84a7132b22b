"""Seeded, procedural street scenes with the 19 Cityscapes labels and void.

The default data of segexp, so that a fresh machine needs no download. A scene is built like a stage
set: `layout` decides the street and the camera, `placement` who is in it; the subject modules paint
it far to near on a supersampled `canvas`; `finish` adds texture, exposure and sensor noise. Labels
come from the same polygons as the image.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segexp.scenes import backdrop, finish, ground, layout, placement
from segexp.scenes.canvas import Canvas, supersampling
from segexp.scenes.labels import LABELS, VOID
from segexp.scenes.light import sample_light
from segexp.scenes.stage import Stage

__all__ = ["LABELS", "VOID", "Scene", "generator_version", "render_scene"]

SMALLEST = 32


def generator_version(height: int) -> int:
    """Return what changes when a seed gives another picture: part of every cache's key.

    At 96 rows or more, 1 had labels that lay a quarter of a pixel above the picture and to the
    left.
    """
    return 2 if supersampling(height) == 2 else 1


@dataclass(frozen=True)
class Scene:
    """One picture with its ground truth.

    image: uint8 (H, W, 3), RGB.
    labels: uint8 (H, W), train ids 0..18 as in `LABELS`, or `VOID`.
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def render_scene(seed: int, height: int, width: int) -> Scene:
    """Render the street scene of a seed.

    The same (seed, height, width) gives the same bytes wherever numpy and OpenCV are the same.
    Another size shows the same scene: the geometry is in metres, and the height sets the field of
    view.

    Raises:
        ValueError: a side under 32 pixels, or a negative seed.
    """
    if height < SMALLEST or width < SMALLEST:
        raise ValueError(
            f"scene of {height=} and {width=} pixels: both must be at least {SMALLEST}"
        )
    if seed < 0:
        raise ValueError(f"scene with {seed=}: it must be 0 or more")

    def rng(subject: int) -> np.random.Generator:
        # A stream for each subject: a change to the cars leaves the houses as they were.
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, subject])))

    street = layout.sample_street(rng(0))
    light = sample_light(rng(1))
    canvas = Canvas(height, width)
    stage = Stage(canvas, street.camera, light)

    backdrop.paint_sky(stage, rng(2))
    actors = placement.place_actors(street, rng(3))
    ground.paint_ground(stage, street, [actor.footprint for actor in actors], rng(4))
    backdrop.paint_frontages(stage, street, rng(5))
    for index, actor in enumerate(actors):
        foot = actor.footprint
        if stage.sees(foot.x, foot.z + foot.length, foot.half_width + 4.0):
            actor.paint(stage, rng(100 + index))
    ground.paint_bonnet(stage, rng(6))

    image, labels = finish.develop(canvas, light, rng(7))
    return Scene(image, labels)
