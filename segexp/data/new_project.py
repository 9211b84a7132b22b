"""The files of a new project for a folder of images and masks."""

import json
import re
from collections.abc import Set
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import median

from pydantic import BaseModel

from segexp.core.data_config import DataConfig
from segexp.core.errors import InputError
from segexp.data.labels_found import FoundLabels, proposed_merge
from segexp.data.source import SampleFault, Source, spread
from segexp.labels.files import load_mapping
from segexp.labels.mapping import Mapping
from segexp.labels.writing import mapping_yaml, taxonomy_yaml, yaml_word

PIXELS = 192 * 256
"""About how many pixels an image has in training at first: a CPU can train that, too."""

LOOKED_AT = 24
SHOWN_FAULTS = 3


@dataclass(frozen=True)
class ProjectFiles:
    """What `segexp init --data` writes.

    Attributes:
        texts: The content of each file, by its path in the project.
        mappings: The mappings of the study.
    """

    texts: dict[str, str]
    mappings: tuple[Mapping, ...]


def project_files(
    template: Path, layout: str, data: DataConfig, found: FoundLabels
) -> ProjectFiles:
    """Return the files of a project that trains on a folder.

    Args:
        template: The directory with the YAML that comes with segexp.
        layout: The name of the folder's layout.
        data: The ``data`` section, with what a person said; `image_size` chooses a size where it
            says none.
        found: Its labels.
    """
    merged = proposed_merge(found) if len(found.mappings) == 1 else None
    mappings = (*found.mappings, *([merged] if merged else []))
    first = yaml_word(mappings[0].name)
    root = found.source.root
    assert root is not None  # drawn data is not initialised
    size = data.image_size if "image_size" in data.model_fields_set else image_size(found.source)
    said = data.model_dump(mode="json", include={"resize"} & data.model_fields_set)
    config = _with_values(
        (template / "config.yaml").read_text(encoding="utf-8"),
        {
            "format": "auto" if data.layout else layout,
            "root": json.dumps(str(root.resolve()), ensure_ascii=False),
            "image_size": str([*size]),
            **{key: json.dumps(value) for key, value in said.items()},
            "normalization": data.normalization,
            "taxonomy": yaml_word(found.taxonomy.name),
            "layout": _flow(data.layout),
            "masks": _flow(data.masks),
            "heldout_by": data.heldout_by,
            "mapping": first,
        },
    )
    study = (template / "studies" / "default.yaml").read_text(encoding="utf-8")
    own = [mapping for mapping in mappings if mapping.to is None]
    searched = own if len(own) > 1 else mappings  # the others are for data.relabel
    names = ", ".join(yaml_word(mapping.name) for mapping in searched)
    study = study.replace("mapping: [cityscapes19, merged10]", f"mapping: [{names}]")
    study = study.replace("mapping: cityscapes19", f"mapping: {first}")
    texts = {"config.yaml": config, "studies/default.yaml": study}
    taxonomy = found.taxonomy
    texts[f"mappings/taxonomies/{taxonomy.name}.yaml"] = taxonomy_yaml(
        taxonomy, f"The labels of {root.name}, from {found.origin}."
    )
    for mapping in mappings:
        comment = "The classes that cover least are one: a first proposal, to be edited."
        texts[f"mappings/{mapping.name}.yaml"] = mapping_yaml(
            mapping,
            comment if mapping is merged else "Every label is a class, unless it means void.",
        )
    if found.is_shipped:  # with their comments
        shipped = [path for path in texts if path.startswith("mappings/")]
        shipped += _for_relabelling(template, {m.to for m in mappings if m.to is not None})
        texts |= {
            path: (template / path).read_text(encoding="utf-8")
            for path in shipped
            if (template / path).exists()
        }
    return ProjectFiles(texts, mappings)


def _for_relabelling(template: Path, taxonomies: Set[str]) -> list[str]:
    """Name the files of taxonomies that mappings lead to, and of the mappings over them."""
    if not taxonomies:
        return []
    mappings = [load_mapping(path) for path in sorted((template / "mappings").glob("*.yaml"))]
    return [
        *(f"mappings/taxonomies/{name}.yaml" for name in sorted(taxonomies)),
        *(f"mappings/{m.name}.yaml" for m in mappings if m.taxonomy.name in taxonomies),
    ]


def image_size(source: Source) -> tuple[int, int]:
    """Choose a size to train at: the images' shape, PIXELS at most, multiples of 32."""
    heights, widths, faults = [], [], []
    for samples in source.splits.values():
        for sample in spread(samples, LOOKED_AT):
            try:
                height, width, _ = source.read_image(sample).shape
            except SampleFault as fault:
                faults.append(str(fault))  # `segexp data check` lists all of them
                continue
            heights.append(height)
            widths.append(width)
    if not heights:
        raise InputError([f"{source.root}: no image can be read", *faults[:SHOWN_FAULTS]])
    return _fitting(median(heights), median(widths))


def _fitting(height: float, width: float) -> tuple[int, int]:
    """Return the multiples of 32 that stretch a picture least, with PIXELS / 2 to PIXELS."""
    share = min(1.0, PIXELS / (height * width))
    sides = range(32, 32 + round(max(height, width)), 32)
    sizes = [(h, w) for h in sides for w in sides if share / 2 <= h * w / (height * width) <= share]
    if not sizes:  # smaller than 32 pixels, or a very long strip
        return _multiple(height * share**0.5), _multiple(width * share**0.5)
    return min(
        sizes, key=lambda s: (round(abs(log(s[0] * width / (s[1] * height))), 2), -s[0] * s[1])
    )


def _multiple(side: float) -> int:
    return max(32, round(side / 32) * 32)


def _flow(section: BaseModel | None) -> str:
    """Write a section as JSON, which is YAML, too; without what is unset."""
    if section is None:
        return "null"
    return json.dumps(section.model_dump(mode="json", exclude_unset=True), ensure_ascii=False)


def _with_values(text: str, values: dict[str, str]) -> str:
    """Set keys of the shipped `config.yaml`, whose comments stay."""
    for key, value in values.items():
        line = re.search(rf"^[ ]*{key}: (\[[^\]]*\]|\S+)", text, flags=re.M)
        assert line is not None, key
        text = text[: line.start(1)] + value + text[line.end(1) :]
    return text
