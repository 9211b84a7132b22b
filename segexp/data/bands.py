"""Large pictures in bands of rows, so that what is computed from them fits into memory."""

from collections.abc import Iterator

BAND_PIXELS = 1_000_000


def row_bands(height: int, width: int) -> Iterator[slice]:
    """Yield slices of rows, of about BAND_PIXELS each, from the top to the bottom."""
    rows = max(1, BAND_PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
