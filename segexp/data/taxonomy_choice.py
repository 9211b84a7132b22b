"""A data set whose taxonomy is not named: what its masks hold, and what to do.

A taxonomy is never assumed. Masks of background, cat and dog are valid masks of road, sidewalk and
building, and a model trained on them has a score.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from segexp.core.data_config import DataConfig
from segexp.core.errors import InputError
from segexp.data.configured import list_configured
from segexp.data.mask_rules import rules_of_files
from segexp.data.mask_sample import MaskSample, fitting_taxonomies, sample_masks
from segexp.data.source import Source
from segexp.labels.taxonomy import VOID, VOID_NAME, Color, Taxonomy, load_taxonomy

_Value = TypeVar("_Value", int, Color)

LISTED = 12
"""How many ids or colours a line lists, the most frequent ones."""

OFFERED = 3
"""How many taxonomies are shown with what they would make of the masks, the best fitting."""

_NOTHING = Taxonomy("unknown", (), {"default": {}})
"""Lists files in a layout whose masks cannot be read yet."""


def list_files(layout: str, root: Path | None, data: DataConfig) -> Source:
    """List the files of a folder whose taxonomy is not known; its masks read as faults."""
    source = list_configured(layout, root, _NOTHING, data)
    return replace(source, rules=rules_of_files(data.masks))


def unknown_taxonomy(project: Path, source: Source) -> list[str]:
    """Return the faults of a data set whose taxonomy is unknown, and what to do.

    Args:
        project: The project directory, whose taxonomies are compared with the masks.
        source: From `list_files`.

    Returns:
        What the ids of a few masks look like; the taxonomies that know all of them; the commands
        that name one, or make one; and the faults of the listing.
    """
    sample = sample_masks(source)
    faults = [
        f"{source.root}: nothing says which labels its masks hold: data.taxonomy is null, and "
        f"its folder names do not tell{_content(sample)}"
    ]
    if sample.masks and len(_values(sample)) < 2:
        faults.append(_nothing_to_learn(sample))
    elif sample.masks:
        faults += [_fitting(project, sample), _new_taxonomy(sample)]
    return [*faults, *source.faults]


def _ids_as_classes(sample: MaskSample) -> tuple[int, ...]:
    """Return the raw ids that are probably labels: all but void ids, where others than 0 are left.

    In masks that hold 0 and 255 alone, 255 is what they are about.
    """
    usual = tuple(i for i in sample.ids if 0 <= i != VOID)
    return usual if len(usual) > 1 or not usual else tuple(i for i in sample.ids if i >= 0)


def _values(sample: MaskSample) -> Sequence[int | Color]:
    """Return what are probably the labels: ids, or colours where the masks hold colours."""
    ids = _ids_as_classes(sample)
    return ids if len(ids) > 1 or not sample.colors else tuple(sample.colors)


def _nothing_to_learn(sample: MaskSample) -> str:
    held = " and ".join(map(str, (*sample.ids, *sample.colors)))
    return (
        f"there is nothing to learn from masks that hold {held} alone: a model tells two classes "
        "or more apart. Check that this folder holds the right masks, with labels, "
        "not drawings or masks of instances; if masks beside these "
        f"{sample.masks} hold more labels, write all of them into labels.json, "
        '{"classes": ["name of 0", "name of 1"], "palette": [[0, 0, 0], [85, 85, 85]]}, then '
        "`segexp mapping import labels.json --new-taxonomy NAME --ids 0,1`"
    )


def _shares(counts: Mapping[_Value, int]) -> str:
    """Write how many of the pixels hold each id or colour: ``0 81.2%, 1 18.8%``."""
    total = sum(counts.values())
    by_value = list(counts.items())
    kept = sorted(by_value, key=lambda item: -item[1])[:LISTED]
    words = [f"{value} {n / total:.1%}" for value, n in by_value if (value, n) in kept]
    rest = len(by_value) - len(words)
    return ", ".join(words) + (f" and {rest} more" if rest > 0 else "")


def _content(sample: MaskSample) -> str:
    if not sample.masks:
        return ""
    parts = []
    if sample.ids:
        parts.append(f"the ids {_shares(sample.ids)} of the pixels")
    if sample.colors:
        parts.append(f"the colours {_shares(sample.colors)} of the pixels")
    return f"; {sample.masks} of them hold {', and '.join(parts)}"


def _fitting(project: Path, sample: MaskSample) -> str:
    directory = project / "mappings" / "taxonomies"
    taxonomies = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            taxonomies.append(load_taxonomy(path))
        except InputError:
            continue  # reported when it is named
    fitting = fitting_taxonomies(sample, taxonomies)
    if not fitting:
        return f"none of the taxonomies in {directory} knows all of these: make one"
    listing = "; ".join(f"{t.name} ({_reading(t, sample)})" for t in fitting[:OFFERED])
    if len(fitting) > OFFERED:
        listing += f"; and {', '.join(t.name for t in fitting[OFFERED:])}"
    return (
        f"taxonomies in {directory} that know all of these: {listing}. If the masks are labelled "
        "in one of them, say so: --set data.taxonomy=NAME, or data.taxonomy in config.yaml"
    )


def _reading(taxonomy: Taxonomy, sample: MaskSample) -> str:
    """Say what a taxonomy would call the most frequent ids or colours."""
    if sample.ids:
        encoding = taxonomy.encodings["default"]
        words = [f"{i} {_name(taxonomy, encoding[i])}" for i in _most(sample.ids)]
    else:
        names = {taxonomy.void_color: VOID_NAME}
        names |= dict(zip(taxonomy.colors, taxonomy.names, strict=True))
        words = [f"{color} {names[color]}" for color in _most(sample.colors)]
    return ", ".join(words)


def _name(taxonomy: Taxonomy, index: int) -> str:
    return VOID_NAME if index == VOID else taxonomy.names[index]


def _most(counts: Mapping[_Value, int]) -> list[_Value]:
    return sorted(sorted(counts, key=lambda value: -counts[value])[:3])


def _new_taxonomy(sample: MaskSample) -> str:
    values = _values(sample)
    ids = tuple(value for value in values if isinstance(value, int))
    shown = [f"name of {value}" for value in values[:3]]
    colors = [list(v) if isinstance(v, tuple) else [85 * i, 85, 85] for i, v in enumerate(values)]
    content = json.dumps({"classes": shown, "palette": colors[:3]})
    more = " and so on" if len(values) > 3 else ""
    option = f" --ids {','.join(map(str, ids))}" if ids and ids != (*range(len(ids)),) else ""
    return (
        f"if they are labels of their own: write names and colours into labels.json, {content}"
        f"{more}, then `segexp mapping import labels.json --new-taxonomy NAME{option}`, and go on "
        "with --mapping labels --set data.taxonomy=NAME; or `segexp init DIR --data FOLDER` counts "
        "them and lays out a project for them"
    )
