"""Where `benchmarks/record_paired.py` writes, and in which units."""

from harness.project import ROOT

MAPPINGS = ("cityscapes19", "merged10")
IMAGES, FEW_IMAGES = 512, 64
RESAMPLES = 500
UNIT = 1e-5
CURVES = ROOT / "benchmarks" / "curves.csv"
TABLE = ROOT / "benchmarks" / "paired_curves.csv"
VARIED_BY_IMAGES = ROOT / "benchmarks" / "paired_images.npz"
