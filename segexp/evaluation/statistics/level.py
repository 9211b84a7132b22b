"""How often an answer may be wrong."""

LEVEL = 0.05
"""The level of an interval that answers one question once: it misses in 5% of studies."""
