"""Shipped taxonomies and mappings against values copied by hand from where they were published."""

from collections import Counter

import pytest

from harness.project import ROOT
from segexp.labels.files import find_mapping, load_mapping
from segexp.labels.mapping import mapping_of_labels
from segexp.labels.taxonomy import VOID, Taxonomy, load_taxonomy

MAPPINGS = ROOT / "mappings"


def taxonomy_of(name: str) -> Taxonomy:
    return load_taxonomy(MAPPINGS / "taxonomies" / f"{name}.yaml")


# Of each: the number of labels, some as (raw id, name, colour), and the raw ids of void.
PUBLISHED = {
    # cityscapesScripts, helpers/labels.py
    "cityscapes34": (
        30,
        [
            (4, "static", (0, 0, 0)),
            (9, "parking", (250, 170, 160)),
            (18, "polegroup", (153, 153, 153)),
            (29, "caravan", (0, 0, 90)),
            (33, "bicycle", (119, 11, 32)),
        ],
        {-1, 0, 1, 2, 3, 255},
    ),
    # label_colors.txt of CamVid
    "camvid32": (
        31,
        [
            (0, "Animal", (64, 128, 64)),
            (10, "LaneMkgsDriv", (128, 0, 192)),
            (22, "SUVPickupTruck", (64, 128, 192)),
            (31, "Wall", (64, 192, 0)),
        ],
        {30, 255},
    ),
    # VOCdevkit, VOClabelcolormap
    "voc21": (
        21,
        [
            (0, "background", (0, 0, 0)),
            (1, "aeroplane", (128, 0, 0)),
            (15, "person", (192, 128, 128)),
            (20, "tvmonitor", (0, 64, 128)),
        ],
        {255},
    ),
    # sceneparsing, objectInfo150.txt and color150.mat
    "ade150": (
        150,
        [
            (1, "wall", (120, 120, 120)),
            (7, "road", (140, 140, 140)),
            (21, "car", (0, 102, 200)),
            (137, "traffic light", (41, 0, 255)),
            (150, "flag", (92, 0, 255)),
        ],
        {0, 255},
    ),
    # config_v1.2.json
    "vistas_v12": (
        65,
        [
            (0, "Bird", (165, 42, 42)),
            (13, "Road", (128, 64, 128)),
            (24, "Lane Marking - General", (255, 255, 255)),
            (58, "On Rails", (0, 80, 100)),
            (64, "Ego Vehicle", (120, 10, 10)),
        ],
        {65, 255},
    ),
    # config_v2.0.json
    "vistas_v20": (
        123,
        [
            (21, "Road", (128, 64, 128)),
            (61, "Sky", (70, 130, 180)),
            (108, "Car", (0, 0, 142)),
            (122, "Static", (111, 111, 0)),
        ],
        {123, 255},
    ),
    # AutoNUE/public-code, helpers/anue_labels.py: level3Id
    "idd26": (
        26,
        [
            (8, "autorickshaw", (255, 204, 54)),
            (12, "vehicle fallback", (136, 143, 153)),
            (20, "pole", (153, 153, 153)),
            (25, "sky", (70, 130, 180)),
        ],
        {255},
    ),
    # the same: id
    "idd40": (
        35,
        [
            (1, "parking", (250, 170, 160)),
            (11, "autorickshaw", (255, 204, 54)),
            (23, "billboard", (174, 64, 67)),
            (34, "fallback background", (169, 187, 214)),
        ],
        {35, 36, 37, 38, 39, 255},
    ),
    # nightrome/cocostuff, labels.txt, whose ids are one more; it has no colours
    "cocostuff164k": (
        171,
        [
            (0, "person", None),
            (12, "stop sign", None),
            (91, "banner", None),
            (148, "road", None),
            (181, "wood", None),
        ],
        {255},
    ),
}

SHARED = {
    "ade150": {"road": "skyscraper"},
    "cityscapes34": {"pole": "polegroup"},
    "idd40": {"pole": "polegroup", "obs-str-bar-fallback": "fallback background"},
}
"""Labels that have one colour where the data set was published."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_labels_ids_and_colours_are_the_published_ones(name):
    count, some, void = PUBLISHED[name]
    taxonomy = taxonomy_of(name)
    assert len(taxonomy.labels) == count
    default = taxonomy.encodings["default"]
    for raw_id, label, color in some:
        assert taxonomy.names[default[raw_id]] == label
        assert color in (None, taxonomy.colors[default[raw_id]])
    assert {raw_id for raw_id, index in default.items() if index == VOID} == void
    assert len(default) == count + len(void)


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (MAPPINGS / "taxonomies").glob("*.yaml"))
)
def test_colours_are_distinct_but_where_they_were_published_alike(name):
    taxonomy = taxonomy_of(name)
    assert taxonomy.void_color not in taxonomy.colors
    count = Counter(taxonomy.colors)
    by_color: dict[tuple, list[str]] = {}
    for label in taxonomy.labels:
        by_color.setdefault(label.color, []).append(label.name)
    alike = dict(names for names in by_color.values() if len(names) == 2)
    if name == "vistas_v20":
        assert count[255, 255, 255] == 9
        assert count[250, 170, 30] == 6
    else:
        assert max(count.values()) <= 2
        assert alike == SHARED.get(name, {})


def test_cocostuff_has_the_raw_ids_of_stuffthingmaps_and_those_of_mmsegmentation():
    taxonomy = taxonomy_of("cocostuff164k")
    default = taxonomy.encodings["default"]
    # Of 0..181 without what COCO never drew: street sign, hat, shoe, eye glasses, plate, mirror,
    # window, desk, door, blender, hair brush.
    absent = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}
    assert default.keys() == ({*range(182)} - absent) | {255}
    train_ids = taxonomy.encodings["labelTrainIds"]
    assert train_ids == {**{i: i for i in range(171)}, 255: VOID}


def test_a_taxonomys_name_is_that_of_the_mapping_of_its_labels():
    voc = find_mapping(ROOT, "voc21")
    assert voc == mapping_of_labels(taxonomy_of("voc21"))
    assert voc.name == "voc21"
    assert voc.names == voc.taxonomy.names
    assert voc.void_labels == ()
    assert load_mapping(MAPPINGS / "camvid11.yaml") == mapping_of_labels(taxonomy_of("camvid11"))


@pytest.mark.parametrize(
    ("name", "some"),
    [
        (
            "ade150_to_19",
            {"car": {"car", "van"}, "terrain": {"grass", "sand"}, None: {"wardrobe", "ceiling"}},
        ),
        (
            "cityscapes34_to_19",
            {"road": {"road"}, "pole": {"pole"}, "train": {"train"}, None: {"parking", "caravan"}},
        ),
        (
            "cityscapes34_to_7",
            {"flat": {"parking", "rail track"}, "vehicle": {"caravan"}, None: {"ground"}},
        ),
        ("camvid32_to_11", {"car": {"Train", "OtherMoving"}, "pole": {"TrafficCone"}, None: set()}),
        (
            "vistas_v12_to_19",
            {
                "road": {"Lane Marking - General", "Manhole"},
                "sidewalk": {"Curb"},
                "rider": {"Motorcyclist", "Other Rider"},
                None: {"Bike Lane", "Snow"},
            },
        ),
        ("vistas_v12_to_7", {"flat": {"Terrain", "Bike Lane"}, None: {"Snow", "Car Mount"}}),
        (
            "idd40_to_19",
            {"terrain": {"non-drivable fallback"}, None: {"autorickshaw", "billboard", "bridge"}},
        ),
        ("idd40_to_7", {"vehicle": {"autorickshaw"}, "object": {"billboard"}, None: {"bridge"}}),
        (
            "idd40_to_26",
            {
                "person": {"animal"},
                "vehicle fallback": {"caravan", "trailer", "train"},
                "drivable fallback": {"parking"},
                "sky": {"fallback background"},
                None: set(),
            },
        ),
    ],
)
def test_labels_fall_into_the_published_classes(name, some):
    mapping = load_mapping(MAPPINGS / f"{name}.yaml")
    held = {c.name: {*c.labels} for c in mapping.classes} | {None: {*mapping.void_labels}}
    assert all(labels <= held[class_name] for class_name, labels in some.items())


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("cityscapes34_to_19", "cityscapes19"),
        ("vistas_v12_to_19", "cityscapes19"),
        ("cityscapes34_to_7", "categories7"),
        ("vistas_v12_to_7", "categories7"),
        ("idd40_to_7", "categories7"),
        ("camvid32_to_11", "camvid11"),
        ("idd40_to_26", "idd26"),
    ],
)
def test_mappings_of_two_data_sets_have_the_same_classes_in_the_same_order(name, like):
    mapping, other = load_mapping(MAPPINGS / f"{name}.yaml"), find_mapping(ROOT, like)
    assert mapping.names == other.names
    assert mapping.colors.tolist() == other.colors.tolist()


def test_of_cityscapes_19_classes_idd_lacks_none_but_those_that_it_does_not_train():
    mapping = load_mapping(MAPPINGS / "idd40_to_19.yaml")
    assert mapping.names == load_mapping(MAPPINGS / "cityscapes19.yaml").names
