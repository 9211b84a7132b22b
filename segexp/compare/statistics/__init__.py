"""Arms compared, from their per-image confusion matrices: how large a difference, and how sure.

Start at `arms.compare_arms`. `segexp.evaluation.statistics` resamples images and runs, and says
which images belong together; `family` and `spending` say at which level a pair of arms and a look
are judged, `verdict`, `power` and `sample_size` what follows; `planning` calculates before a study.
docs/method.md explains why.
"""
