"""How sure a score is: resampled images and runs, their clusters, and what is known of the tails.

Arms and verdicts are in `segexp.compare.statistics`.
"""
