"""Optuna's tables on MySQL and MariaDB, made to hold what segexp stores.

As Optuna makes them, a value of an attribute has 64 KiB (TEXT), which the scores of a trial with
many classes exceed; a time has whole seconds, rounded up as well as down; and names are the same
whatever their case: a study ``Street`` would be the study ``street``.
"""

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

_TABLES = (
    "studies",
    "study_system_attributes",
    "study_user_attributes",
    "trial_params",
    "trial_system_attributes",
    "trial_user_attributes",
    "trials",
)

_WIDER = {"text": "LONGTEXT", "datetime": "DATETIME(6)"}


def widen_columns(engine: Engine) -> None:
    """Change the columns of Optuna's tables that are too narrow; wide ones are left alone.

    Several processes may do so at once: the server lets one change a table at a time.

    Raises:
        sqlalchemy.exc.DBAPIError: When the user may not change them (the right is ALTER).
    """
    with engine.connect() as connection:
        for table in _TABLES:
            for change in _changes(connection, table):
                connection.exec_driver_sql(f"ALTER TABLE {table} {change}")


def _changes(connection: Connection, table: str) -> list[str]:
    columns = connection.execute(
        text(
            "SELECT column_name, data_type, is_nullable, collation_name, datetime_precision "
            "FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name = :table ORDER BY ordinal_position"
        ),
        {"table": table},
    ).all()
    changes = []
    # First: a conversion may change the type of a text, too.
    if any(collation and collation != "utf8mb4_bin" for *_, collation, _ in columns):
        changes.append("CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    narrow = [
        f"MODIFY {name} {_WIDER[kind]}{'' if nullable == 'YES' else ' NOT NULL'}"
        for name, kind, nullable, _, precision in columns
        if kind in _WIDER and not precision
    ]
    return [*changes, ", ".join(narrow)] if narrow else changes
