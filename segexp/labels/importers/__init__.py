"""Other projects' files into our mappings: one module a format, and its name is the format's.

A module has a row ``IMPORTER``: see `segexp.labels.importer.Importer`. Every format becomes a list
of `_rows.Row` (a label and the class that it falls into), and one function turns rows into a
`Mapping`. Nothing that is read is ever executed.
"""

from segexp.core.choices import names_in


def importer_names() -> tuple[str, ...]:
    """Return the names of all formats: those of their modules, with ``-`` for ``_``."""
    return tuple(name.replace("_", "-") for name in names_in(__path__))
