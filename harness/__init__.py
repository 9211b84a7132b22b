"""What tests and benchmarks both need: studies to kill, servers to stop, hostile files, tiny data.

Nothing here is part of segexp, and neither tests nor benchmarks import each other.
"""
