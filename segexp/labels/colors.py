"""Which colours of a legend look alike, to anyone or to a person with a colour deficiency.

A colour is brought to linear light, turned into what a dichromat sees of it by the matrices of
Machado, Oliveira and Fernandes ("A Physiologically-based Model for Simulation of Color Vision
Deficiency", IEEE TVCG 2009, severity 1), and two colours are compared by CIEDE2000.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segexp.labels.taxonomy import Color

Floats = NDArray[np.float64]

DEFICIENCIES: dict[str, Floats] = {
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
"""Linear RGB -> linear RGB as it is seen (Machado et al., severity 1)."""

XYZ_OF_SRGB = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
"""Linear sRGB -> CIE XYZ, white point D65 (IEC 61966-2-1); its rows add up to that white."""


@dataclass(frozen=True)
class LookAlike:
    """Two colours that are hard to tell apart.

    Attributes:
        first: Place of one colour.
        second: Place of the other, after ``first``.
        deficiency: With which they are nearest: a key of DEFICIENCIES, or ``none`` when they are
            under the threshold for anyone.
        distance: CIEDE2000 between them, seen so.
    """

    first: int
    second: int
    deficiency: str
    distance: float


def confusable(colors: Sequence[Color], threshold: float) -> list[LookAlike]:
    """Find the pairs of colours that some people cannot tell apart, the closest first.

    Args:
        colors: R, G, B in 0..255.
        threshold: Pairs whose CIEDE2000 is below it are found; 2 is just seen side by side,
            10 is seen at a glance. Equal colours are found too.
    """
    linear = to_linear(np.array(colors, np.float64).reshape(-1, 3))
    views = {"none": linear} | {name: simulate(linear, name) for name in DEFICIENCIES}
    labs = {name: to_lab(view) for name, view in views.items()}
    distances = {name: ciede2000(lab[:, None], lab[None]) for name, lab in labs.items()}
    found = []
    for first in range(len(colors)):
        for second in range(first + 1, len(colors)):
            seen = {name: float(table[first, second]) for name, table in distances.items()}
            nearest = "none" if seen["none"] < threshold else min(seen, key=lambda n: seen[n])
            if seen[nearest] < threshold:
                found.append(LookAlike(first, second, nearest, seen[nearest]))
    return sorted(found, key=lambda pair: pair.distance)


def simulate(linear: Floats, deficiency: str) -> Floats:
    """Return linear sRGB, shape (..., 3), as a person with one of DEFICIENCIES sees it; in 0..1."""
    return np.clip(linear @ DEFICIENCIES[deficiency].T, 0.0, 1.0)


def to_linear(colors: ArrayLike) -> Floats:
    """Return sRGB in 0..255, shape (..., 3), as linear light in 0..1 (IEC 61966-2-1)."""
    encoded = np.asarray(colors, np.float64) / 255
    linear: Floats = np.where(
        encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4
    )
    return linear


def to_lab(linear: ArrayLike) -> Floats:
    """Return linear sRGB in 0..1, shape (..., 3), as CIE L*a*b* (white D65; L* in 0..100)."""
    relative = (np.asarray(linear, np.float64) @ XYZ_OF_SRGB.T) / XYZ_OF_SRGB.sum(axis=1)
    edge = 6 / 29
    root = np.where(relative > edge**3, np.cbrt(relative), relative / (3 * edge**2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return the colour difference CIEDE2000 between L*a*b* colours.

    Args:
        first: Shape (..., 3).
        second: The same; the two are broadcast.

    Returns:
        Shape (...). As in Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula:
        Implementation Notes", Color Research and Application 2005, with kL = kC = kH = 1.
    """
    (l1, a1, b1), (l2, a2, b2) = (
        np.moveaxis(np.asarray(c, np.float64), -1, 0) for c in (first, second)
    )
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = c1 * c2 == 0

    turn = h2 - h1
    turn = np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn))
    delta_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(np.where(grey, 0.0, turn)) / 2)
    half = np.where(np.abs(h1 - h2) > 180, np.where(h1 + h2 < 360, 180, -180), 0)
    mean_h = np.where(grey, h1 + h2, (h1 + h2) / 2 + half)

    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    lightness = (l2 - l1) / (1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2))
    chroma = (c2 - c1) / (1 + 0.045 * mean_c)
    hue = delta_h / (1 + 0.015 * mean_c * t)
    blue = 60 * np.exp(-(((mean_h - 275) / 25) ** 2))
    turned = -np.sin(np.radians(blue)) * 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    # Rounding may push the square of nothing a hair below 0.
    squared = lightness**2 + chroma**2 + hue**2 + turned * chroma * hue
    distance: Floats = np.sqrt(np.maximum(squared, 0.0))
    return distance
