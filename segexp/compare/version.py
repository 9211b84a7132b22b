"""The files of an answer and their version, for arms of every kind."""

RESULT_FILE, PAGE_FILE = "ab_result.json", "ab.html"

LOOK_FILE = "ab_look.json"
"""The result of an early look that did not settle the question, in the form of `RESULT_FILE`."""

VERSION = 3
"""The version of ``ab_result.json``. Version 2 has neither candidates nor looks: its tuned arms
compare the winners of two searches. Version 1 is not recorded in the file; its intervals are wrong
if it has as many clusters of images as groups of runs: both used the same random numbers."""
