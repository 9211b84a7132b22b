"""How data sets lie in their folders: one module a layout, and its name is the format's.

A module has a row ``LAYOUT``: see `segexp.data.layout.Layout`, which tells them apart.
"""

from segexp.core.choices import names_in


def layout_names() -> tuple[str, ...]:
    """Return the names of all layouts: those of their modules, with ``-`` for ``_``."""
    return tuple(name.replace("_", "-") for name in names_in(__path__))


def format_names() -> tuple[str, ...]:
    """Return what ``data.format`` may be; ``auto`` recognises the layout."""
    return ("auto", *layout_names())
