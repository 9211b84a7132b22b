"""Materials. Labels share them on purpose: colour alone tells few of them apart."""

import numpy as np

from segexp.scenes.canvas import Colour

USUAL = 0.8
"""How often a thing wears a colour usual for its kind; else it is any colour of its material."""

# What is usual for a kind. Each has rivals that wear nearly the same.
STUCCO: tuple[Colour, ...] = (
    (205, 192, 168),
    (196, 168, 120),
    (176, 128, 100),
    (150, 98, 80),
    (190, 150, 120),
)
STONE: tuple[Colour, ...] = ((138, 134, 128), (120, 118, 112), (150, 146, 132), (112, 104, 98))
TIMBER: tuple[Colour, ...] = ((120, 82, 56), (140, 100, 66), (98, 74, 56), (96, 112, 92))
TRUCK_PAINT: tuple[Colour, ...] = ((226, 226, 222), (206, 208, 210), (60, 92, 150), (196, 198, 190))
BUS_PAINT: tuple[Colour, ...] = ((214, 172, 52), (224, 188, 70), (206, 150, 44), (180, 52, 46))
TRAM_PAINT: tuple[Colour, ...] = ((186, 44, 40), (170, 36, 44), (200, 70, 50), (214, 172, 52))
CAR_PAINT: tuple[Colour, ...] = (
    (38, 40, 44),
    (58, 60, 66),
    (92, 95, 102),
    (150, 153, 158),
    (210, 210, 210),
    (40, 54, 92),
)
RIDING_CLOTH: tuple[Colour, ...] = ((186, 200, 60), (204, 112, 40), (196, 206, 90))
WALKING_CLOTH: tuple[Colour, ...] = ((40, 40, 60), (50, 66, 112), (140, 44, 50), (84, 46, 74))

_MASONRY: tuple[Colour, ...] = (
    (186, 178, 165),
    (158, 150, 142),
    (205, 196, 178),
    (150, 98, 80),
    (176, 140, 112),
    (128, 122, 118),
    (196, 168, 120),
    (168, 172, 176),
    (112, 102, 94),
    (214, 210, 204),
    (140, 150, 140),
    (178, 128, 104),
)
_PAINT: tuple[Colour, ...] = (
    (38, 40, 44),
    (70, 72, 76),
    (120, 123, 128),
    (168, 170, 172),
    (214, 214, 212),
    (228, 228, 226),
    (130, 32, 34),
    (40, 58, 104),
    (58, 84, 74),
    (150, 130, 84),
    (196, 60, 48),
    (206, 168, 60),
    (88, 110, 140),
)
_CLOTH: tuple[Colour, ...] = (
    (36, 36, 44),
    (58, 60, 78),
    (92, 88, 84),
    (130, 120, 108),
    (150, 52, 50),
    (54, 78, 120),
    (178, 172, 164),
    (74, 92, 70),
    (190, 150, 80),
    (112, 70, 96),
)
_FOLIAGE: tuple[Colour, ...] = (
    (66, 92, 46),
    (56, 82, 44),
    (78, 100, 48),
    (88, 106, 58),
    (60, 86, 56),
    (72, 96, 52),
    (124, 104, 52),
    (104, 98, 60),
)
_SOIL: tuple[Colour, ...] = (
    (118, 138, 68),
    (128, 140, 78),
    (110, 128, 66),
    (140, 140, 84),
    (134, 120, 88),
    (148, 138, 112),
)
_PAVING: tuple[Colour, ...] = (
    (164, 156, 148),
    (156, 146, 136),
    (172, 156, 140),
    (164, 134, 120),
    (146, 140, 134),
    (160, 144, 128),
)
_METAL: tuple[Colour, ...] = (
    (120, 122, 122),
    (88, 90, 92),
    (150, 150, 146),
    (60, 66, 62),
    (104, 88, 74),
)


def _often(
    usual: tuple[Colour, ...], others: tuple[Colour, ...], rng: np.random.Generator
) -> tuple[Colour, ...]:
    return usual if usual and rng.random() < USUAL else others


def _pick(
    colours: tuple[Colour, ...], spread: float, tint: float, rng: np.random.Generator
) -> Colour:
    base = colours[int(rng.integers(len(colours)))]
    bright, red, green, blue = rng.standard_normal(4).tolist()
    level = 1.0 + spread * min(2.0, max(-2.0, bright))
    return (
        min(245.0, max(12.0, base[0] * level + tint * red)),
        min(245.0, max(12.0, base[1] * level + tint * green)),
        min(245.0, max(12.0, base[2] * level + tint * blue)),
    )


def masonry(rng: np.random.Generator, usual: tuple[Colour, ...] = ()) -> Colour:
    """Houses, walls and solid fences."""
    return _pick(_often(usual, _MASONRY, rng), 0.13, 6.0, rng)


def paint(rng: np.random.Generator, usual: tuple[Colour, ...] = ()) -> Colour:
    """Vehicles of every kind."""
    return _pick(_often(usual, _PAINT, rng), 0.12, 7.0, rng)


def cloth(rng: np.random.Generator, usual: tuple[Colour, ...] = ()) -> Colour:
    """What people wear, on foot and on wheels."""
    return _pick(_often(usual, _CLOTH, rng), 0.16, 7.0, rng)


def foliage(rng: np.random.Generator) -> Colour:
    """Trees and hedges, from spring to autumn."""
    return _pick(_FOLIAGE, 0.16, 5.0, rng)


def soil(rng: np.random.Generator) -> Colour:
    """Grass, earth and gravel."""
    return _pick(_SOIL, 0.14, 6.0, rng)


def paving(rng: np.random.Generator) -> Colour:
    """Slabs and cobbles."""
    return _pick(_PAVING, 0.14, 5.0, rng)


def asphalt(rng: np.random.Generator) -> Colour:
    """Road surface, from fresh to worn."""
    level = float(rng.uniform(74, 116))
    warm = float(rng.uniform(-6, 5))
    return level + warm, level, level - warm


def metal(rng: np.random.Generator) -> Colour:
    """Poles, frames and mesh."""
    return _pick(_METAL, 0.18, 5.0, rng)


def skin(rng: np.random.Generator) -> Colour:
    """Faces and hands."""
    level = float(rng.uniform(0.45, 1.0))
    return 224 * level, 178 * level, 150 * level


def scaled(colour: Colour, factor: float) -> Colour:
    """The same material, darker or brighter."""
    red, green, blue = colour
    return min(250.0, red * factor), min(250.0, green * factor), min(250.0, blue * factor)


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """Between two colours; share 1 is the second."""
    return (
        first[0] + (second[0] - first[0]) * share,
        first[1] + (second[1] - first[1]) * share,
        first[2] + (second[2] - first[2]) * share,
    )
