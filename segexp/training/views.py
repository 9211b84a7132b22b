"""Test-time augmentation: the views of an image whose logits are averaged."""

from collections.abc import Iterator
from dataclasses import dataclass

from segexp.core.errors import InputError, did_you_mean

SCALES = (0.25, 4.0)
MAX_SCALES = 10

_FORM = "flip,scales=0.75,1,1.25"


@dataclass(frozen=True)
class Views:
    """How often, and how, a model looks at one image.

    Attributes:
        flip: Whether it sees each view mirrored left to right, too.
        scales: Factors of the size at which it would see the image; each within `SCALES`.
    """

    flip: bool = False
    scales: tuple[float, ...] = (1.0,)

    def __iter__(self) -> Iterator[tuple[float, bool]]:
        """Yield the factor of each view, and whether it is mirrored."""
        for scale in self.scales:
            yield from ((scale, flipped) for flipped in ((False, True) if self.flip else (False,)))

    def __len__(self) -> int:
        return len(self.scales) * (1 + self.flip)

    def __str__(self) -> str:
        """As ``--tta`` takes it; empty for one plain view."""
        scales = (
            "" if self.scales == (1.0,) else f"scales={','.join(f'{s:g}' for s in self.scales)}"
        )
        return ",".join(filter(None, ["flip" * self.flip, scales]))


ONE_VIEW = Views()


def parse_views(text: str | None) -> Views:
    """Read what ``--tta`` says: ``flip``, ``scales=0.75,1,1.25``, or both with a comma.

    Args:
        text: None for no test-time augmentation.

    Raises:
        InputError: With every fault.
    """
    if text is None:
        return ONE_VIEW
    low, high = SCALES
    flip, scales, in_scales = False, list[float](), False
    faults: list[str] = []
    for word in text.split(","):
        name, is_named, value = (part.strip() for part in word.partition("="))
        if name == "flip" and not is_named:
            flip, in_scales = True, False
            continue
        if (is_named and name != "scales") or not (is_named or in_scales):
            faults.append(f"{word.strip()!r} is neither flip nor scales=...")
            faults[-1] += did_you_mean(name, ["flip", "scales"])
            continue
        in_scales = True
        try:
            scale = float(value if is_named else name)
        except ValueError:
            faults.append(f"{word.strip()!r} has no number")
            continue
        if not low <= scale <= high:
            faults.append(f"scale {scale:g} is not within {low:g} and {high:g}")
        elif scale in scales:
            faults.append(f"scale {scale:g} is there twice")
        scales.append(scale)
    if len(scales) > MAX_SCALES:
        faults.append(f"{len(scales)} scales; at most {MAX_SCALES}")
    if faults:
        raise InputError([f"--tta {text}: {fault}; write it as {_FORM}" for fault in faults])
    return Views(flip, tuple(scales) or ONE_VIEW.scales)
