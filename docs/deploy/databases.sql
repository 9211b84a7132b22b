-- Optuna and MLflow each want a database of their own.
CREATE DATABASE studies;
CREATE DATABASE mlflow;
