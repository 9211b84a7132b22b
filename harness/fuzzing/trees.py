"""Trees of images and masks, renamed, missing, doubled and mixed: no image gets another's mask.

The files hold no pictures but the number of their scene, so that a wrong join is seen.
"""

import unicodedata
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np

from harness.project import ROOT
from segexp.core.errors import InputError
from segexp.data.division import with_splits
from segexp.data.layout import SyntheticCounts, open_source, recognise_format
from segexp.labels.label_file import find_label_file
from segexp.labels.taxonomy import load_taxonomy

from . import writing_only_below
from .mutations import pick

COUNT = 2_000

CITYSCAPES = load_taxonomy(ROOT / "mappings" / "taxonomies" / "cityscapes19.yaml")

FORMS = (
    ("images/{split}/{name}.jpg", "masks/{split}/{name}.png"),
    ("{split}/images/{name}.jpg", "{split}/masks/{name}.png"),
    ("{split}/{name}.png", "{split}annot/{name}.png"),
    ("{split}/{name}.png", "{split}_labels/{name}_L.png"),
    ("img_dir/{split}/{name}.png", "ann_dir/{split}/{name}.png"),
    ("imgs/{name}.png", "gts/{name}_gt.png"),
    ("images/{name}.jpg", "masks/{name}.png"),
    ("images/frame_{name}.jpg", "masks/mask_{name}.png"),
    ("{split}/{name}.jpg", "{split}/{name}_mask.png"),
    ("{split}/{name}_sat.jpg", "{split}/{name}_mask.png"),
    ("{name}.jpg", "{name}.png"),
    ("images/{split}/{video}/{name}.png", "labels/{split}/{video}/{name}.png"),
    ("{video}/rgb/{name}.png", "{video}/semantic/{name}.png"),
    (
        "leftImg8bit/{split}/ulm/ulm_{name}_000019_leftImg8bit.png",
        "gtFine/{split}/ulm/ulm_{name}_000019_gtFine_labelIds.png",
    ),
    ("JPEGImages/{name}.jpg", "SegmentationClass/{name}.png"),
    ("imagesTr/{name}_0000.png", "labelsTr/{name}.png"),
    ("training/images/{name}.jpg", "training/labels/{name}.png"),
    ("images/10k/{split}/{name}.jpg", "labels/sem_seg/masks/{split}/{name}.png"),
    (
        "rgb_anon/fog/{split}/{video}/{name}_rgb_anon.png",
        "gt/fog/{split}/{video}/{name}_gt_labelTrainIds.png",
    ),
    ("images/training/{name}.jpg", "annotations/training/{name}.png"),
    ("train2017/{name}.jpg", "stuffthingmaps/train2017/{name}.png"),
    ("images/training/ADE_train_{n:08}.jpg", "annotations/training/ADE_train_{n:08}.png"),
    ("{split}2017/{n:012}.jpg", "annotations/{split}2017/{n:012}.png"),
    ("CamVid/{split}/0016E5_{n:05}.png", "CamVid/{split}_labels/0016E5_{n:05}_L.png"),
    ("seg/images/{split}/{name}.jpg", "seg/labels/{split}/{name}_train_id.png"),
    ("training/images/{name}.jpg", "training/v1.2/labels/{name}.png"),
    ("{video}/img/{name}.jpg", "{video}/masks_machine/{name}.png"),
    (
        "leftImg8bit/{split}/{video}/{n}_leftImg8bit.png",
        "gtFine/{split}/{video}/{n}_gtFine_labellevel3Ids.png",
    ),
    (
        "rgb_anon/fog/{split}/{video}/{video}_frame_{n:06}_rgb_anon.png",
        "gt/fog/{split}/{video}/{video}_frame_{n:06}_gt_labelTrainIds.png",
    ),
)
"""Where an image and its mask lie."""

COMES_ALONG = {
    "imagesTr": {"dataset.json": '{"file_ending": ".png"}'},
    "JPEGImages": {"ImageSets/Segmentation/default.txt": ""},
}
"""Other files, by the folder of images that they belong to."""

NAMES: tuple[Callable[[int], str], ...] = (
    lambda n: f"{n}",
    lambda n: f"{n:06}",
    lambda n: f"Seq0{n % 2}_{n:05}",
    lambda n: f"img_{n}",
    lambda n: f"a{n}-b{n + 1}",
    lambda n: f"caf\u00e9 {n}",
    lambda n: f"mask {n}",
    lambda n: f"{n}_{n + 1}",
    lambda n: f"x{n}_label",
    lambda n: f"{chr(97 + n % 26)}{chr(97 + n // 26)}",
)
SPLITS = (
    ("train", "val"),
    ("train", "val", "test"),
    ("Training", "Validation"),
    ("train", "valid"),
)
BESIDE = (
    *("classes.txt", "labels.txt", "_classes.csv", "train.txt", "README.md", "Thumbs.db"),
    *(".DS_Store", "data.yaml", "overlay/1.png", "masks/color/1.png", "depth/1.png", "x.zip"),
)


def run_case(rng: np.random.Generator, directory: Path) -> str:
    """Lay out a tree, change it, and read it: each joined pair is of one scene."""
    root, project = directory / "data", directory / "project"
    for path, content in _tree(rng).items():
        file = root / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # a file in a folder's place
    root.mkdir(exist_ok=True)
    project.mkdir()
    with writing_only_below(project):
        try:
            find_label_file(root)
            source = open_source(recognise_format(root), root, CITYSCAPES, SyntheticCounts())
            source = with_splits(project, source)
        except InputError:
            return "refused"
    if source.faults:
        return "refused"
    for sample in (sample for samples in source.splits.values() for sample in samples):
        assert sample.image is not None and sample.mask is not None
        image, mask = sample.image.read_text("utf-8"), sample.mask.read_text("utf-8")
        assert image.replace("image", "mask") == mask, f"{sample.image} with {sample.mask}"
    return "accepted"


def _tree(rng: np.random.Generator) -> dict[str, str]:
    """Return the content of each file by its path, after a few changes."""
    scenes = count()
    tree = (_listed_tree if rng.random() < 0.05 else _plain_tree)(rng, scenes)
    if rng.random() < 0.15:
        tree |= {f"more/{path}": content for path, content in _plain_tree(rng, scenes).items()}
    elif rng.random() < 0.1:
        tree = _plain_tree(rng, scenes) | tree
    for change in rng.permutation(len(CHANGES))[: int(rng.integers(0, 4))]:
        tree = CHANGES[int(change)](rng, tree) if tree else tree
    return tree


def _plain_tree(rng: np.random.Generator, scenes: Iterator[int]) -> dict[str, str]:
    images, masks = pick(rng, FORMS)
    name_of, splits = pick(rng, NAMES), pick(rng, SPLITS)
    tree = {}
    for split in splits:
        for n in range(int(rng.integers(1, 8))):
            scene = next(scenes)
            place = {"split": split, "name": name_of(scene), "n": scene, "video": f"video{n % 2}"}
            tree[images.format(**place)] = f"image {scene}"
            tree[masks.format(**place)] = f"mask {scene}"
    return tree | COMES_ALONG.get(images.split("/")[0], {})


def _listed_tree(rng: np.random.Generator, scenes: Iterator[int]) -> dict[str, str]:
    """Images and masks that lists join, whose names say nothing."""
    tree: dict[str, str] = {}
    for split in pick(rng, SPLITS):
        lines = []
        for _ in range(int(rng.integers(1, 8))):
            scene = next(scenes)
            image, mask = f"images/{scene}.jpg", f"masks/{100 - scene}.png"
            tree |= {image: f"image {scene}", mask: f"mask {scene}"}
            lines.append(f"{image} {mask}")
        tree[f"{split}.txt"] = "\n".join(lines)
    return tree


Tree = dict[str, str]


def _rename(rng: np.random.Generator, tree: Tree) -> Tree:
    path = Path(pick(rng, sorted(tree)))
    new = path.with_name(f"{pick(rng, ('new', 'Unbenannt', 'x y', 'copy of'))}{path.suffix}")
    return _moved(tree, str(path), str(new))


def _lose(rng: np.random.Generator, tree: Tree) -> Tree:
    gone = pick(rng, sorted(tree))
    return {path: content for path, content in tree.items() if path != gone}


def _lose_a_folder(rng: np.random.Generator, tree: Tree) -> Tree:
    gone = Path(pick(rng, sorted(tree))).parent
    return {path: content for path, content in tree.items() if Path(path).parent != gone}


def _double(rng: np.random.Generator, tree: Tree) -> Tree:
    path = pick(rng, sorted(tree))
    twin = Path(path).with_suffix(pick(rng, (".png", ".jpg", ".tif", ".bmp", ".JPG")))
    return {str(twin): tree[path]} | tree


def _set_aside(rng: np.random.Generator, tree: Tree) -> Tree:
    path = Path(pick(rng, sorted(tree)))
    return _moved(tree, str(path), str(path.parent / pick(rng, ("old", "test", "1")) / path.name))


def _decompose(rng: np.random.Generator, tree: Tree) -> Tree:
    return {
        unicodedata.normalize("NFD", path) if content.startswith("mask") else path: content
        for path, content in tree.items()
    }


def _capitals(rng: np.random.Generator, tree: Tree) -> Tree:
    return {
        "/".join([part.capitalize() for part in path.split("/")[:-1]] + [path.split("/")[-1]]): c
        for path, c in tree.items()
    }


def _extend_names(rng: np.random.Generator, tree: Tree) -> Tree:
    side = pick(rng, ("image", "mask"))
    before, after = pick(
        rng, (("", "_final"), ("new_", ""), ("", "-1"), ("7_", ""), ("", f"_{side}"))
    )
    return {
        str(Path(path).with_name(f"{before}{Path(path).stem}{after}{Path(path).suffix}"))
        if content.startswith(side)
        else path: content
        for path, content in tree.items()
    }


def _put_beside(rng: np.random.Generator, tree: Tree) -> Tree:
    names = ["background", "cat", str(rng.integers(9)), "0, 0", "a;b", "\u0000"]
    text = "\n".join(pick(rng, names) for _ in range(int(rng.integers(0, 9))))
    folder = pick(rng, ("", "train/", "masks/"))
    return tree | {folder + pick(rng, BESIDE): text}


def _moved(tree: Tree, old: str, new: str) -> Tree:
    """Move a file; one that is there already stays."""
    if new in tree:
        return tree
    return {new if path == old else path: content for path, content in tree.items()}


CHANGES: tuple[Callable[[np.random.Generator, Tree], Tree], ...] = (
    _rename,
    _lose,
    _lose_a_folder,
    _double,
    _set_aside,
    _decompose,
    _capitals,
    _extend_names,
    _put_beside,
)
