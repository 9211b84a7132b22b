"""What `data.masks: {nearest_color: N}` makes of masks that were saved as JPEG.

    python benchmarks/lossy_masks.py DIR     # the folder of CamVid's masks; 10 seconds

For each way of saving and each distance: the share of pixels whose colour is no label's, of those
that become void, and of those that become another label than the mask had.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segexp.data.files.masks import inexact_pixels, read_labels
from segexp.data.source import MaskRules
from segexp.labels.taxonomy import VOID, load_taxonomy

TAXONOMY = load_taxonomy(Path("mappings/taxonomies/camvid11.yaml"))
EVERY = 12
DISTANCES = (32, 48, 96)
WAYS: dict[str, dict[str, Any]] = {
    "JPEG 75": {"quality": 75},
    "JPEG 90": {"quality": 90},
    "JPEG 95, 4:4:4": {"quality": 95, "subsampling": 0},
}


def main() -> None:
    """Print a table."""
    colors = np.zeros((VOID + 1, 3), np.uint8)
    colors[: len(TAXONOMY.labels)] = TAXONOMY.colors
    colors[VOID] = TAXONOMY.void_color
    masks = sorted(Path(sys.argv[1]).glob("*.png"))[::EVERY]
    print(f"{len(masks)} masks")
    print("| saved as | within | inexact | void | another label |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "m.jpg"
        for way, options in WAYS.items():
            counts: dict[int, NDArray[np.float64]] = dict.fromkeys(DISTANCES, np.zeros(4))
            for mask in masks:
                truth = read_labels(mask, TAXONOMY, "default")
                Image.fromarray(colors[truth]).save(path, **options)
                for distance in DISTANCES:
                    counts[distance] = counts[distance] + _counted(path, truth, distance)
            for distance, (pixels, *found) in counts.items():
                shares = " | ".join(f"{n / pixels:.2%}" for n in found)
                print(f"| {way} | {distance} | {shares} |")


def _counted(path: Path, truth: NDArray[np.uint8], distance: int) -> NDArray[np.float64]:
    rules = MaskRules(nearest_color=distance)
    inexact, far = inexact_pixels(path, TAXONOMY, rules)
    labels = read_labels(path, TAXONOMY, "default", rules)
    wrong = np.count_nonzero((labels != truth) & (labels != VOID))
    return np.array([truth.size, inexact, far, wrong], float)


if __name__ == "__main__":
    main()
