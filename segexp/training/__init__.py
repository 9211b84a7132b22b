"""One training: network, losses, schedules, `fit`, checkpoints, and the saved bundle.

May import data, labels and core; knows neither Optuna nor MLflow. `fit` trains and yields a result
for every epoch, `checkpoint` lets a killed training resume, `bundle` saves a model that describes
itself.
"""
