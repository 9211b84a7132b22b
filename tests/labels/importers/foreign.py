"""Small files in the layouts that other projects use, and the taxonomies that they are read on."""

from pathlib import Path

from harness.project import ROOT
from segexp.core.errors import InputError
from segexp.labels.files import load_mapping
from segexp.labels.importer import Choices, Imported, import_mapping
from segexp.labels.taxonomy import Taxonomy, load_taxonomy, parse_taxonomy

MAPPINGS = ROOT / "mappings"
CITYSCAPES = load_taxonomy(MAPPINGS / "taxonomies" / "cityscapes19.yaml")

FOUNDING = """\
mapping_dict: {-1: 0, 0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 2, 6: 0, 7: 3, 8: 3, 9: 4, 10: 5,
               11: 6, 12: 7, 13: 7, 14: 8, 15: 9, 16: 9, 17: 9, 18: 10, 19: 0}
classes: [background, road, structure, traffic_object, vegetation, terrain, sky, person, car,
          large_vehicle, motorcycle]
color_map: {0: [0, 0, 0], 1: [128, 64, 128], 2: [70, 70, 70]}
"""
"""The founding project's dictionary: its ids begin at 1, those of the npy masks at 0."""

FOUNDING_CONFIG = """\
model: {name: unet, encoder: efficientnet-b3, classes: 11}
training: {epochs: 100, batch_size: 16}
dataset:
  name: cityscapes
  root: data/cityscapes
  splits:
    - {name: train, shuffle: true}
    - {name: val, shuffle: false}
  classes: {background: 0, road: 1, structure: 2, traffic_object: 3, vegetation: 4, terrain: 5,
            sky: 6, person: 7, car: 8, large_vehicle: 9, motorcycle: 10}
  mapping_dict: {-1: 0, 0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 2, 6: 0, 7: 3, 8: 3, 9: 4, 10: 5,
                 11: 6, 12: 7, 13: 7, 14: 8, 15: 9, 16: 9, 17: 9, 18: 10, 19: 0}
  color_map: {background: [0, 0, 0], road: [128, 64, 128], structure: [70, 70, 70]}
"""
"""The founding project's config.yaml, in which the same stands below `dataset:`."""

STREET, _ = parse_taxonomy(
    "street",
    {
        "name": "street",
        "labels": [
            {"name": "road", "id": 0, "color": [128, 64, 128]},
            {"name": "traffic light", "id": 1, "color": [250, 170, 30]},
            {"name": "sky", "id": 2, "color": [70, 130, 180]},
        ],
        "void": [-1, 255],
    },
)


def shipped(name: str):
    return load_mapping(MAPPINGS / f"{name}.yaml")


def imported(path: Path, taxonomy: Taxonomy | None = STREET, **said) -> Imported:
    return import_mapping(path, "imported", "auto", taxonomy, Choices(**said))


def faults_of(path: Path, taxonomy: Taxonomy | None = STREET, **said) -> list[str]:
    """The faults of a file, without its path."""
    try:
        imported(path, taxonomy, **said)
    except InputError as error:
        return [fault.replace(str(path), "FILE") for fault in error.faults]
    raise AssertionError("no faults")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def by_class(found: Imported) -> dict[str, tuple[str, ...]]:
    return {c.name: c.labels for c in found.mapping.classes}
