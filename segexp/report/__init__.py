"""Self-contained HTML pages: one of a study, one of a data set."""
