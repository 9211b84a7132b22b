"""What the masks of a folder mean: from a label file, from the layout, or from the masks alone."""

import os
import re
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from segexp.core.data_config import DataConfig
from segexp.core.errors import InputError
from segexp.core.wording import counted, percent
from segexp.data.configured import open_configured
from segexp.data.files.mask_advice import advice_on_colors, advice_on_ids
from segexp.data.label_counts import half_counts
from segexp.data.layout import implied_taxonomy, is_narrow
from segexp.data.mask_sample import MaskSample, fitting_taxonomies, holds_foreground, sample_masks
from segexp.data.source import SampleFault, Source, spread
from segexp.data.taxonomy_choice import list_files
from segexp.data.threads import Progress
from segexp.data.unnamed_labels import taxonomy_of_masks
from segexp.labels.files import load_mapping
from segexp.labels.label_file import (
    LabelFile,
    called_label_file,
    find_label_file,
    read_label_file,
)
from segexp.labels.mapping import MappedClass, Mapping, mapping_of_labels
from segexp.labels.taxonomy import VOID, Taxonomy, load_taxonomy

SHOWN = 6

LONGEST = 93
"""Of a mapping's name, so that ``_merged`` fits behind it: names have 100 characters."""

TELLING = 4
"""Colours of labels in masks that tell whose labels they are."""

COUNTED = 24
"""Masks of each split in which the pixels of labels are counted."""

RARE = 0.01
"""Classes with a smaller share of the labelled pixels become one in the proposed mapping."""


@dataclass(frozen=True)
class FoundLabels:
    """The labels of a data set, and mappings over them.

    Attributes:
        source: The data set, labelled in the taxonomy.
        mappings: Mappings over the taxonomy, the one of all its labels first.
        origin: Where the labels are from, for people.
        notes: What a person should know, a line each.
        unnamed: Whether the labels are called ``label_0``, ...: nothing says their names.
        is_shipped: Whether taxonomy and mappings come with segexp.
    """

    source: Source
    mappings: tuple[Mapping, ...]
    origin: str
    notes: tuple[str, ...] = ()
    unnamed: bool = False
    is_shipped: bool = False

    @property
    def taxonomy(self) -> Taxonomy:
        """The labels."""
        return self.source.taxonomy


def find_labels(
    layout: str,
    root: Path,
    name: str,
    shipped: Path,
    *,
    data: DataConfig,
    classes: Path | None = None,
    progress: Progress | None = None,
) -> FoundLabels:
    """Find out what the masks of a folder mean.

    In this order: the file that a person names; the taxonomy that a person names, or that of a
    layout that is told by its own file names; a label file in the folder; a taxonomy that comes
    with segexp and has all colours of the masks; the taxonomy that any other layout implies;
    the ids or colours of all masks.

    Args:
        layout: The name of the folder's layout.
        root: The folder.
        name: What a new taxonomy is called, and the mapping of all its labels.
        shipped: The directory ``mappings/`` that comes with segexp.
        data: The ``data`` section of `config.yaml`: ``layout`` and ``masks`` say how to read files.
        classes: A label file; None to look for one.
        progress: Called with how many masks are counted, and of how many.

    Raises:
        InputError: When label files cannot be read or disagree, when masks hold ids or colours that
            the labels lack, or when nothing but the masks may tell and the listing has faults.
    """
    implied = implied_taxonomy(layout, root)
    is_certain = is_narrow(layout)
    if data.taxonomy is not None and (shipped / "taxonomies" / f"{data.taxonomy}.yaml").exists():
        implied, is_certain = data.taxonomy, True
    if classes is not None:
        return _by_file(layout, root, read_label_file(classes, name), data)
    if implied is not None and is_certain:
        return _by_layout(layout, root, implied, shipped, data)
    file = find_label_file(root, name)
    if file is not None:
        return _by_file(layout, root, file, data)
    listed = list_files(layout, root, data)
    if listed.faults:  # before all masks are read
        raise InputError(listed.faults)
    file = find_label_file(_folder_of_all(listed), name)  # the data may lie deep below root
    if file is not None:
        return _by_file(layout, root, file, data)
    implied = _taxonomy_of_colors(listed, shipped) or implied
    if implied is not None:
        return _by_layout(layout, root, implied, shipped, data)
    return _by_masks(listed, name, data, progress)


def _folder_of_all(source: Source) -> Path:
    """Return the folder that all images and masks share."""
    files = [file for samples in source.splits.values() for s in samples for file in s.files]
    return Path(os.path.commonpath([file.parent for file in files]))


def _taxonomy_of_colors(source: Source, shipped: Path) -> str | None:
    """Return the smallest shipped taxonomy that has every colour of a few masks, if one is.

    Several colours of labels are no accident; numbers would tell nothing.
    """
    sample = sample_masks(source)
    taxonomies = [load_taxonomy(path) for path in sorted((shipped / "taxonomies").glob("*.yaml"))]
    fitting = [
        taxonomy
        for taxonomy in fitting_taxonomies(sample, taxonomies)
        if len({*taxonomy.colors} & sample.colors.keys()) >= TELLING and not sample.ids
    ]
    fitting.sort(key=lambda taxonomy: len(taxonomy.labels))
    sizes = [len(taxonomy.labels) for taxonomy in fitting]
    return fitting[0].name if fitting and sizes.count(sizes[0]) == 1 else None


def proposed_merge(found: FoundLabels) -> Mapping | None:
    """Propose a coarser mapping: the classes that a few masks hold least of become one.

    None where fewer than two classes are so rare, or fewer than two are not.
    """
    fine = found.mappings[0]
    counts = _label_counts(found.source)
    areas = {c.name: sum(counts[label] for label in c.labels) for c in fine.classes}
    least = RARE * sum(areas.values())
    rare = [c for c in fine.classes if areas[c.name] < least]
    kept = [c for c in fine.classes if areas[c.name] >= least]
    if len(rare) < 2 or len(kept) < 2 or "other" in fine.names:
        return None
    labels = tuple(label for c in rare for label in c.labels)
    other = MappedClass("other", max(rare, key=lambda c: areas[c.name]).color, labels)
    name = f"{fine.name[:LONGEST]}_merged"
    return Mapping(name, found.taxonomy, (*kept, other))


def _by_layout(
    layout: str, root: Path, implied: str, shipped: Path, data: DataConfig
) -> FoundLabels:
    if data.taxonomy not in (None, implied):
        raise InputError(
            f"data.taxonomy: {data.taxonomy!r} does not come with segexp, and the folder tells "
            f"{implied}; name the file of its labels with --classes FILE"
        )
    taxonomy = load_taxonomy(shipped / "taxonomies" / f"{implied}.yaml")
    source = open_configured(layout, root, taxonomy, data)
    _refuse_unknown(source, sample_masks(source), f"the taxonomy {implied}")
    mappings = [load_mapping(path) for path in sorted(shipped.glob("*.yaml"))]
    over = [m for m in mappings if m.taxonomy.hash == taxonomy.hash]
    over.sort(key=lambda m: (m.to is not None, m.scores_void, -len(m.classes), m.name))
    of_all = mapping_of_labels(taxonomy)
    if of_all.hash not in {m.hash for m in over}:
        over.insert(0, of_all)
    return FoundLabels(source, tuple(over), f"the taxonomy {implied}", is_shipped=True)


def _by_file(layout: str, root: Path, file: LabelFile, data: DataConfig) -> FoundLabels:
    mapping, notes = file.imported.mapping, file.notes
    source = open_configured(layout, root, mapping.taxonomy, data)
    sample = sample_masks(source)
    if holds_foreground(sample, mapping.taxonomy):
        first, second = mapping.taxonomy.names
        ids = {0: 0, VOID: 1}
        taxonomy = replace(mapping.taxonomy, encodings={"default": ids})
        mapping = replace(mapping, taxonomy=taxonomy)
        source = open_configured(layout, root, taxonomy, data)
        notes = (*notes, f"the masks hold 0 and 255 alone: 0 is {first!r}, 255 is {second!r}")
    if sample.colors and not sample.ids:
        notes = (*notes, "the masks hold colours: these count, not the ids")
    _refuse_unknown(source, sample, str(file.path))
    return FoundLabels(source, (mapping,), str(file.path), notes)


def _by_masks(
    listed: Source, name: str, data: DataConfig, progress: Progress | None
) -> FoundLabels:
    root = listed.root
    assert root is not None  # drawn data has labels
    void = () if data.masks is None else data.masks.void
    found = taxonomy_of_masks(listed, name, progress, void)
    source = open_configured(listed.format, root, found.taxonomy, data)
    note = (
        f"nothing says what the labels are called: they are {found.taxonomy.names[0]}, ... in the "
        f"order of their {found.kind}; rename them in the files"
    )
    aside = [
        f"left aside: {path}, no list of labels; `segexp mapping import` in the project says why"
        for path in called_label_file(root)
    ]
    origin = f"the {found.kind} of {counted(found.masks, 'mask')}"
    mapping = mapping_of_labels(found.taxonomy)
    return FoundLabels(source, (mapping,), origin, (*aside, note), unnamed=True)


def _refuse_unknown(source: Source, sample: MaskSample, origin: str) -> None:
    """Refuse labels that lack ids or colours of a few masks.

    Raises:
        InputError: With each of them, its share of the pixels, and what to do.
    """
    taxonomy = source.taxonomy
    if source.reading not in taxonomy.encodings:
        return  # the layout reads masks by a rule of its own, such as colours of void labels
    known_ids = {**taxonomy.encodings[source.reading], **dict(source.rules.ids)}
    known_colors = {*taxonomy.colors, taxonomy.void_color}
    unknown = [(str(i), n) for i, n in sample.ids.items() if i not in known_ids]
    if not source.rules.nearest_color:
        unknown += [(str(c), n) for c, n in sample.colors.items() if c not in known_colors]
    if not unknown:
        return
    assert source.root is not None  # drawn data has no masks
    beside = [str(path) for path in called_label_file(source.root) if str(path) != origin]
    other = shlex.quote(beside[0]) if beside else "FILE"
    if sample.colors:
        advice = advice_on_colors(sample.colors, taxonomy, known_ids)
    else:
        advice = advice_on_ids(sample.ids.keys(), known_ids, taxonomy)
    total = sum(sample.ids.values()) + sum(sample.colors.values())
    unknown.sort(key=lambda item: -item[1])
    listing = ", ".join(f"{value} ({percent(n, total, 1)})" for value, n in unknown[:SHOWN])
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    raise InputError(
        f"{source.root}: {sample.masks} masks hold {listing}{more} of the pixels, which {origin} "
        f"lacks; name another label file with --classes {other}, or add them "
        "to it" + re.sub(r"`data\.masks: (\{.*?\})`", r"`--set data.masks='\1'`", advice)
        # Here the line goes on the command line: there is no config.yaml yet.
    )


def _label_counts(source: Source) -> Counter[str]:
    """Count the pixels of each label in a few masks of every split."""
    counts: Counter[str] = Counter()
    for samples in source.splits.values():
        for sample in spread(samples, COUNTED):
            try:
                labels = source.read_labels(sample)
            except SampleFault:
                continue
            of_label = half_counts(labels).sum(axis=0).tolist()
            counts.update(dict(zip(source.taxonomy.names, of_label, strict=False)))
    return counts
