"""The files of an answer and their version, whatever its arms are."""

RESULT_FILE, PAGE_FILE = "ab_result.json", "ab.html"

LOOK_FILE = "ab_look.json"
"""What an early look found that settled nothing, in the form of `RESULT_FILE`."""

VERSION = 3
"""Of ``ab_result.json``. Version 2 has neither candidates nor looks: its tuned arms compare the
winners of two searches. Version 1 says none; its intervals are wrong where it has as many clusters
of images as groups of runs: both were drawn by the same numbers."""
