"""The version of ``ab_result.json``, whatever its arms are."""

VERSION = 3
"""Version 2 has neither candidates nor looks: its tuned arms compare the winners of two searches.
Version 1 says none; its intervals are wrong where it has as many clusters of images as groups of
runs: both were drawn by the same numbers."""
