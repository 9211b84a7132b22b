"""The files of a folder as the ``data`` section of `config.yaml` says they are read."""

from pathlib import Path

from segexp.core.data_config import DataConfig
from segexp.core.errors import InputError
from segexp.data.described import FORMAT, open_described
from segexp.data.layout import SyntheticCounts, is_drawn, open_source, recognise_format
from segexp.data.mask_rules import with_rules
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy


def format_of(root: Path, data: DataConfig) -> str:
    """Return the name of a folder's layout: ``described``, the one that is named, or recognised.

    Raises:
        InputError: When the folder looks like no layout or like several, or two are named.
    """
    if data.layout is None:
        return recognise_format(root) if data.format == "auto" else data.format
    if data.format != "auto" and not is_drawn(data.format):
        raise InputError(
            f"data.format: {data.format!r} is one layout, and data.layout describes another; set "
            "data.format to auto, or data.layout to null"
        )
    return FORMAT


def list_configured(
    format_: str, root: Path | None, taxonomy: Taxonomy, data: DataConfig
) -> Source:
    """List the files of a data set, whose masks are read as they are stored.

    Args:
        format_: From `format_of`.
        root: The folder; None for drawn data.
        taxonomy: What its masks' raw ids mean.
        data: The ``data`` section of `config.yaml`.

    Raises:
        InputError: As `layout.open_source` does.
    """
    if format_ == FORMAT and data.layout is not None and root is not None:
        return open_described(root, taxonomy, data.layout)
    return open_source(format_, root, taxonomy, synthetic_counts(data))


def open_configured(
    format_: str, root: Path | None, taxonomy: Taxonomy, data: DataConfig
) -> Source:
    """List the files of a data set, and read its masks by ``data.masks``; see `list_configured`."""
    return with_rules(list_configured(format_, root, taxonomy, data), data.masks)


def synthetic_counts(data: DataConfig) -> SyntheticCounts:
    """Return how many scenes are drawn, from which seed and at which size."""
    drawn = data.synthetic
    return SyntheticCounts(drawn.train, drawn.val, drawn.test, drawn.seed, data.image_size)
