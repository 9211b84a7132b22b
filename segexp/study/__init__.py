"""Studies: one trial from params to scores, and the search over many.

May import report and the rooms below; knows no A/B study. Read `trial` first, then `run`.
`config` reads a study file, `plan` checks it, `open` opens it in Optuna and MLflow; `engines` is
where trials run, `storage` where Optuna keeps them.
"""
