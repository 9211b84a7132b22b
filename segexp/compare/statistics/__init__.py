"""Arms compared, from their per-image confusion matrices: how large a difference, and how sure.

`arms.compare_arms` is the way in. `bootstrap` resamples images and runs, `clusters` says which
images belong together, `family` and `spending` at which level a pair of arms and a look are judged,
`verdict`, `power` and `sample_size` what follows; `planning` does the sums before a study.
docs/method.md says why.
"""
