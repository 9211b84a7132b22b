"""A taxonomy of the ids or colours that masks hold, where nothing says what they are called."""

from collections import Counter
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from segexp.core.errors import InputError
from segexp.core.wording import counted
from segexp.data.files.masks import MaskContent, look_at_mask
from segexp.data.layouts._pairing import MASK_SUFFIXES
from segexp.data.source import MaskRules, SampleFault, Source
from segexp.data.threads import Progress, map_in_threads
from segexp.labels.palette import distinct_colors
from segexp.labels.taxonomy import VOID, Color, Label, Taxonomy, free_void_color


@dataclass(frozen=True)
class MaskLabels:
    """What all masks of a data set hold, as labels without names.

    Attributes:
        taxonomy: ``label_<id>``, or ``label_0``, ... for colours.
        kind: Whether masks hold ids or colours.
        masks: How many were read.
    """

    taxonomy: Taxonomy
    kind: Literal["ids", "colours"]
    masks: int


def taxonomy_of_masks(
    source: Source, name: str, progress: Progress | None = None, void: Collection[int] = ()
) -> MaskLabels:
    """Count the ids and colours of all masks, and make each of them a label.

    255 and negative ids are void, unless the masks hold 0 and 255 alone. Every colour is a label,
    black too: nothing says that it is not one.

    Args:
        source: The files, from `taxonomy_choice.list_files`.
        name: The taxonomy's name.
        progress: Called with how many masks are read, and of how many.
        void: Other ids that are void.

    Raises:
        InputError: When there are fewer than two labels or more than fit into 8 bits, or some masks
            hold ids and others colours.
    """
    paths = [s.mask for samples in source.splits.values() for s in samples if s.mask is not None]
    contents = [
        c
        for c in map_in_threads(partial(_looked_at, rules=source.rules), paths, progress)
        if c is not None
    ]
    if not contents:
        masks = counted(len(paths), "mask")
        if paths and paths[0].suffix.lower() in MASK_SUFFIXES:
            _refuse_unreadable(source, paths)
        raise InputError(
            f"{source.root}: no label file is in the folder, and none of {masks} can be read "
            "without one; name a file that lists the labels with --classes FILE, such as "
            'id2label.json: {"0": "background", "1": "cat"}'
        )
    ids: Counter[int] = Counter()
    colors: Counter[Color] = Counter()
    palette: dict[int, Color] = {}
    for content in contents:
        ids.update(content.ids)
        colors.update(content.colors)
        palette |= content.palette
    masks = counted(len(contents), "mask")
    if ids and colors:
        raise InputError(
            f"{source.root}: of {masks} some hold ids and others hold colours; save all of them in "
            "one way"
        )
    kind: Literal["ids", "colours"] = "colours" if colors else "ids"
    labelled_ids = _labelled(ids, void)
    labelled = sorted(colors) if colors else labelled_ids
    if not labelled:
        raise InputError(
            f"{source.root}: {masks} hold void alone ({', '.join(map(str, sorted(ids)))}); name a "
            "file that lists the labels with --classes FILE, if these ids are labels"
        )
    if not 2 <= len(labelled) < VOID:
        shown = ", ".join(map(str, labelled[:4])) + (", ..." if len(labelled) > 4 else "")
        raise InputError(
            f"{source.root}: {masks} hold {counted(len(labelled), kind[:-1])} ({shown}), and no "
            f"label file is in the folder: labels are 2 to {VOID - 1}. Name a label file with "
            "--classes FILE; instance ids need data.masks: {divide: N}, edges that are drawn soft "
            "need data.masks: {nearest_color: 24}"
        )
    taxonomy = (
        _of_colors(name, sorted(colors)) if colors else _of_ids(name, ids, labelled_ids, palette)
    )
    return MaskLabels(taxonomy, kind, len(contents))


def _labelled(ids: Dict[int, int], void: Collection[int]) -> list[int]:
    usual = sorted(i for i in ids if 0 <= i != VOID and i not in void)
    return [0, VOID] if usual == [0] and VOID in ids else usual


def _of_ids(
    name: str, ids: Dict[int, int], labelled: Sequence[int], palette: Dict[int, Color]
) -> Taxonomy:
    """Make a taxonomy of ids, in the colours that their palette draws them in if it tells them."""
    drawn = [palette[i] for i in labelled if i in palette]
    is_told = len(drawn) == len({*drawn}) == len(labelled)
    colors = drawn if is_told else [*distinct_colors(len(labelled))]
    labels = tuple(Label(f"label_{i}", c) for i, c in zip(labelled, colors, strict=True))
    voids = sorted({VOID, *ids} - {*labelled})
    encoding = {i: place for place, i in enumerate(labelled)} | dict.fromkeys(voids, VOID)
    return Taxonomy(name, labels, {"default": encoding}, free_void_color(colors))


def _of_colors(name: str, colors: Sequence[Color]) -> Taxonomy:
    labels = tuple(Label(f"label_{place}", color) for place, color in enumerate(colors))
    encoding = {place: place for place in range(len(labels))} | {VOID: VOID}
    return Taxonomy(name, labels, {"default": encoding}, free_void_color(colors))


def _refuse_unreadable(source: Source, paths: Sequence[Path]) -> None:
    """Say of pictures why the first cannot be read."""
    try:
        look_at_mask(paths[0], source.rules)
    except SampleFault as fault:
        count = counted(len(paths), "mask")
        raise InputError(
            f"{source.root}: none of {count} can be read; the first is {fault}"
        ) from None


def _looked_at(path: Path, rules: MaskRules) -> MaskContent | None:
    try:
        return look_at_mask(path, rules)
    except SampleFault:  # `segexp data check` lists these
        return None
