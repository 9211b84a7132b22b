"""Scores: rulers, confusion matrices, metrics, predictions, and what a trial is left with.

May import training, data, labels and core; knows neither Optuna nor MLflow. `evaluate` scores a
model over a split in several label spaces at once, `scores` has the formulas, `predict` writes
masks for images.
"""
