"""Street-scene data sets: listed, checked, decoded once into a cache, and counted.

`recognise.open_source` lists a data set's files, `check.check_source` looks at every one of them,
`cache.open_dataset` gives the splits as memory-mapped arrays of label indices.
"""
