"""Optuna's storage: where studies and trials live, on disks and servers that fail."""
