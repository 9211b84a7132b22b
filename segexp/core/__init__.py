"""What any program needs: errors, files, YAML, configuration, locks and databases as files.

Knows nothing of segmentation, torch, Optuna or MLflow, and imports no other room. `errors` has the
two ways in which a command can fail; `config` is `config.yaml`; `files` writes what is whole or
absent; `lease` says who still lives.
"""
