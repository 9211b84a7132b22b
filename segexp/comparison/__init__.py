"""Arms compared, from their per-image confusion matrices: how large a difference, and how sure.

`arms.compare_arms` is the way in. `bootstrap` resamples images and runs, `clusters` says which
images belong together, `verdict` and `sample_size` say what follows; docs/method.md says why.
"""
