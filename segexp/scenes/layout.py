"""The street: its width, its bend, what lines it, and the camera in it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from segexp.scenes.stage import Camera, Span

Character = Literal["canyon", "avenue", "suburb", "arterial"]
FrontageKind = Literal["building", "wall", "fence", "hedge", "park", "gap"]

LENGTH = 120.0

_CHARACTERS: tuple[Character, ...] = ("canyon", "avenue", "suburb", "arterial")
_CHARACTER_ODDS = (0.42, 0.26, 0.2, 0.12)
_KINDS: tuple[FrontageKind, ...] = ("building", "wall", "fence", "hedge", "park", "gap")
_KIND_ODDS: dict[Character, tuple[float, ...]] = {
    "canyon": (0.86, 0.02, 0.03, 0.0, 0.02, 0.07),
    "avenue": (0.62, 0.03, 0.07, 0.08, 0.12, 0.08),
    "suburb": (0.26, 0.1, 0.24, 0.14, 0.16, 0.1),
    "arterial": (0.16, 0.14, 0.2, 0.14, 0.28, 0.08),
}


@dataclass(frozen=True)
class Frontage:
    """What stands along one side between two depths. x is signed: negative on the left."""

    kind: FrontageKind
    side: int
    x: float
    near: float
    far: float


@dataclass(frozen=True)
class Side:
    """One side of the street, in metres from the middle of the ego lane outwards (always positive).

    The kerb stands at `kerb`; then a verge of grass (0 for none), a pavement (0 for none), and the
    frontages.
    """

    sign: int
    kerb: float
    verge: float
    walk: float

    @property
    def front(self) -> float:
        """Where the frontages begin."""
        return self.kerb + self.verge + self.walk

    def span(self, inner: float, outer: float) -> Span:
        """From x to x on this side, given outwards."""
        return (inner, outer) if self.sign > 0 else (-outer, -inner)


@dataclass(frozen=True)
class Street:
    """A street as a camera car sees it."""

    character: Character
    camera: Camera
    left: Side
    right: Side
    frontages: tuple[Frontage, ...]
    tracks: float | None
    crossing: float | None

    @property
    def sides(self) -> tuple[Side, Side]:
        """The left one first."""
        return self.left, self.right


def sample_street(rng: np.random.Generator) -> Street:
    """Draw a street: its character first, for it sets the odds of everything else."""
    character: Character = _CHARACTERS[int(rng.choice(4, p=_CHARACTER_ODDS))]
    camera = Camera(
        focal=float(rng.uniform(1.25, 2.1)),
        height=float(rng.uniform(1.2, 1.7)),
        horizon=float(rng.uniform(0.34, 0.47)),
        drift=float(np.clip(rng.normal(0.0, 0.18), -0.5, 0.5)),
        bend=float(rng.choice((0.0, rng.normal(0.0, 0.0016)))),
        roll=float(rng.normal(0.0, 0.008)),
    )
    wide = 2.5 if character == "arterial" else 0.0
    left = _sample_side(-1, float(rng.uniform(4.1, 7.2)) + wide, character, rng)
    right = _sample_side(1, float(rng.uniform(1.9, 4.4)) + wide / 2, character, rng)
    frontages = [
        *_sample_frontages(left, character, rng),
        *_sample_frontages(right, character, rng),
    ]
    tracks = float(rng.uniform(-4.2, -3.0)) if rng.random() < 0.14 else None
    crossing = float(rng.uniform(11.0, 34.0)) if rng.random() < 0.3 else None
    return Street(character, camera, left, right, tuple(frontages), tracks, crossing)


def _sample_side(sign: int, kerb: float, character: Character, rng: np.random.Generator) -> Side:
    grass = {"canyon": 0.03, "avenue": 0.3, "suburb": 0.45, "arterial": 0.6}[character]
    verge = float(rng.uniform(0.8, 2.8)) if rng.random() < grass else 0.0
    bare = character == "arterial" and rng.random() < 0.4
    walk = 0.0 if bare else float(rng.uniform(2.4, 6.0))
    return Side(sign, kerb, verge, walk)


def _sample_frontages(side: Side, character: Character, rng: np.random.Generator) -> list[Frontage]:
    frontages: list[Frontage] = []
    near = float(rng.uniform(-6.0, 3.0))
    before: FrontageKind | None = None
    while near < LENGTH:
        kind: FrontageKind = _KINDS[int(rng.choice(6, p=_KIND_ODDS[character]))]
        if kind == "gap" and before == "gap":
            kind = "building"
        far = near + float(rng.uniform(7.0, 20.0) if kind != "gap" else rng.uniform(6.0, 11.0))
        back = float(rng.uniform(2.0, 6.0)) if character == "suburb" and kind == "building" else 0.0
        x = side.sign * (side.front + back)
        frontages.append(Frontage(kind, side.sign, x, near, far))
        near, before = far, kind
    return frontages
