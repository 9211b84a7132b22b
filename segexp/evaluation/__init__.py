"""Scores: rulers, confusion matrices, metrics, predictions, and the result of a trial.

May import training, data, labels and core; knows neither Optuna nor MLflow. `evaluate` scores a
model over a split in several label spaces at once, `metrics` has the formulas, `predict` makes
masks of images.
"""
