"""A foreign file imported as a mapping for the project's data: over which labels and ids."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from segexp.core.config import Config
from segexp.data.configured import open_configured
from segexp.data.layout import is_drawn
from segexp.data.mapping_check import find_data
from segexp.data.mask_sample import holds_foreground, sample_masks
from segexp.data.open import find_layout, find_taxonomy
from segexp.data.source import Source
from segexp.data.taxonomy_choice import list_files
from segexp.labels.importer import Choices, Imported, import_mapping
from segexp.labels.taxonomy import VOID


@dataclass(frozen=True)
class ImportedOnData:
    """What was imported, and the data to check it against.

    Attributes:
        imported: The mapping.
        source: The data, labelled in the mapping's taxonomy; None where there is none.
        unchecked: Why there is none; else None.
    """

    imported: Imported
    source: Source | None
    unchecked: str | None


def import_on_data(
    project: Path,
    config: Config,
    file: Path,
    choices: Choices,
    *,
    name: str,
    format_name: str,
    taxonomy: str | None,
    named: bool,
) -> ImportedOnData:
    """Import a file as a mapping over the data's taxonomy, over a named one, or over a new one.

    Args:
        project: The project directory.
        config: Its ``data`` section says where the data is.
        file: The foreign file.
        choices: What a person chose on the command line.
        name: The mapping's name.
        format_name: Of the file, or ``auto``.
        taxonomy: The name of the taxonomy whose labels it maps; None for the data's.
        named: Whether a person named the data: `mapping_check.names_data`.

    Raises:
        InputError: With the faults of the file or of the data.
    """
    read = partial(import_mapping, file, name, format_name)
    if choices.new_taxonomy is not None:
        imported = read(None, choices)
        if not named:  # the data in config.yaml may be labelled otherwise
            return ImportedOnData(imported, None, "its taxonomy is new; --data DIR checks it")
        return _labelled_in_new(project, config, read, imported)
    found = None if taxonomy is None else find_taxonomy(project, taxonomy)
    source, unchecked = find_data(project, config, [], found, named)
    of_masks = "default"
    if source is not None:
        found = source.taxonomy
        if source.reading in found.encodings:
            of_masks = source.reading
    imported = read(found, choices, of_masks)
    return ImportedOnData(imported, source, unchecked)


def _labelled_in_new(
    project: Path, config: Config, read: Callable[..., Imported], imported: Imported
) -> ImportedOnData:
    """Open the data as labelled in the taxonomy that was just made and is not written yet."""
    layout, root = find_layout(project, config)
    if is_drawn(layout):
        return ImportedOnData(imported, None, "its taxonomy is new, and drawn scenes have another")
    masks = sample_masks(list_files(layout, root, config.data))
    if not imported.choices.ids and holds_foreground(masks, imported.mapping.taxonomy):
        imported = read(None, replace(imported.choices, ids=(0, VOID)))
        note = (
            f"the masks hold 0 and 255 alone: 255 is taken for {imported.mapping.names[1]!r}, not "
            "for void; --ids 0,1 leaves it void"
        )
        imported = replace(imported, notes=(*imported.notes, note))
    taxonomy = imported.mapping.taxonomy
    source = open_configured(layout, root, taxonomy, config.data)
    return ImportedOnData(imported, source, None)
