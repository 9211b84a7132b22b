"""Plants the scores of trials in the commands of crash_study, and in their workers.

What a resumed study does next depends on which epochs are the best and which trials are stopped.
"""

from harness.planted_scores import faster_is_better, plant_scores

plant_scores(faster_is_better)
