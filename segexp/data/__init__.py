"""Street-scene data sets: listed, checked, decoded once into a cache, counted, made into batches.

May import labels, core and, by one door, scenes. `layouts` lists a folder's files, `files` decodes
one of them, `check.check_source` looks at them all, `cache.open_dataset` gives the splits as
memory-mapped arrays of label indices, `batches` and `augment` what a model sees.
"""
