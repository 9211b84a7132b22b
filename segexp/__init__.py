"""Which label mapping, encoder, schedule and loss weighting to train, and how sure are we?"""

__version__ = "0.1.0"
