"""One training: network, losses, schedules, `fit`, checkpoints, and the bundle that is left.

May import data, labels and core; knows neither Optuna nor MLflow. `fit` trains and yields a result
for every epoch, `checkpoint` lets a killed training go on, `bundle` saves a model that describes
itself.
"""
