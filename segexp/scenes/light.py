"""The light of a scene: time of day, weather, haze and the camera's mood."""

from dataclasses import dataclass

import numpy as np

from segexp.scenes.canvas import Colour


@dataclass(frozen=True)
class Light:
    """How a scene is lit.

    left, right, front: brightness of what looks left, right or at the camera (1 is neutral).
    haze: the colour that distance fades to; haze_depth: metres to fade by about a half.
    sky_top, sky_low: the sky's colours overhead and at the horizon.
    gain: exposure and colour cast, one factor a channel. contrast: 1 is neutral.
    shadow: what is left of the light in a shadow on the ground.
    sun: -1 from the left .. 1 from the right. lamps: windows and lamps are lit.
    noise: the sensor's, in grey levels. blur: in image heights.
    """

    left: float
    right: float
    front: float
    haze: Colour
    haze_depth: float
    sky_top: Colour
    sky_low: Colour
    gain: Colour
    contrast: float
    shadow: float
    sun: float
    lamps: bool
    noise: float
    blur: float

    def on(self, colour: Colour, normal: float, z: float) -> Colour:
        """The colour that reaches the camera from a surface at z metres."""
        bright = self.right if normal > 0 else self.left if normal < 0 else self.front
        fade = z / (z + self.haze_depth)
        keep = (1.0 - fade) * bright
        red, green, blue = colour
        far_red, far_green, far_blue = self.haze
        return (
            min(255.0, red * keep + far_red * fade),
            min(255.0, green * keep + far_green * fade),
            min(255.0, blue * keep + far_blue * fade),
        )


def sample_light(rng: np.random.Generator) -> Light:
    """Draw a day, an overcast sky, a dusk, or a street in the shade."""
    kind = rng.choice(("day", "overcast", "dusk", "shade"), p=(0.36, 0.34, 0.12, 0.18))
    sun = float(rng.uniform(-1, 1))
    level = rng.uniform
    if kind == "day":
        top, low = (level(70, 140), level(120, 175), level(180, 235)), (200.0, 212.0, 222.0)
        exposure, contrast, shadow, haze_depth = level(0.85, 1.15), level(1.0, 1.25), 0.5, 260.0
        side = 0.32
    elif kind == "overcast":
        grey = level(165, 235)
        top = (grey - level(0, 14), grey - level(0, 6), grey + level(0, 10))
        low = (grey + 8, grey + 8, grey + 8)
        exposure, contrast, shadow, haze_depth = level(0.78, 1.05), level(0.8, 1.0), 0.85, 150.0
        side = 0.06
    elif kind == "dusk":
        top = (level(70, 120), level(80, 115), level(110, 150))
        low = (level(170, 225), level(130, 165), level(105, 150))
        exposure, contrast, shadow, haze_depth = level(0.62, 0.85), level(0.85, 1.1), 0.75, 170.0
        side = 0.15
    else:
        top, low = (level(170, 225), level(190, 230), level(215, 245)), (225.0, 228.0, 232.0)
        exposure, contrast, shadow, haze_depth = level(0.62, 0.88), level(0.85, 1.1), 0.65, 240.0
        side = 0.12
    warmth, tint = level(-0.06, 0.06), level(-0.025, 0.025)
    if kind == "dusk":
        warmth += 0.06
    return Light(
        left=0.95 - side * sun,
        right=0.95 + side * sun,
        front=float(level(0.75, 1.1)),
        haze=low,
        haze_depth=haze_depth * float(level(0.7, 2.0)),
        sky_top=top,
        sky_low=low,
        gain=(exposure * (1 + warmth), exposure * (1 + tint), exposure * (1 - warmth)),
        contrast=float(contrast),
        shadow=shadow,
        sun=sun,
        lamps=bool(kind == "dusk" or (kind == "shade" and rng.random() < 0.3)),
        noise=float(level(1.5, 5.5) * (1.5 if kind == "dusk" else 1.0)),
        blur=float(rng.choice((0.0, level(0.0015, 0.005)))),
    )
