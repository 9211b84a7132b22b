"""Write docs/layouts.md: each layout as a tiny tree, and what `segexp init` says of it.

python -m harness.layout_docs           # writes it
python -m harness.layout_docs --check   # exit code 1 where it is out of step
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from harness.project import ROOT

PAGE = ROOT / "docs" / "layouts.md"
SIZE = (32, 64)

HEAD = """\
# Layouts

What segexp makes of a folder, without a flag. Each tree below is tiny and has the real form; what
stands behind `$` was run on it: `python -m harness.layout_docs` writes this page.
`python -m harness.layout_ab` takes each of them to an answer of `segexp ab`,
by the commands that `init` names.
[Any other tree](data.md#any-other-tree) can be described.
"""

Value = int | tuple[int, int, int]


@dataclass(frozen=True)
class Tree:
    """A tiny data set.

    Attributes:
        title: What it is called.
        image: The path of an image, with ``{split}``, ``{name}`` and ``{video}``.
        mask: The path of its mask: a picture, or a ``.txt`` of polygons; that of the image where
            both are one file, a pair or a row.
        values: The raw ids or colours in four bands of each mask.
        splits: The names of the splits' folders, or of their lists.
        name: The name of the n-th image.
        texts: Files beside the pictures: path -> content.
        drawings: Other pictures for each image: their paths.
    """

    title: str
    image: str
    mask: str
    values: Sequence[Value] = (0, 1, 2, 255)
    splits: tuple[str, ...] = ("train", "val")
    name: str = "{n:04}"
    texts: Mapping[str, str] = field(default_factory=dict)
    drawings: tuple[str, ...] = ()


TRAIN, VAL = range(4), range(4, 8)


def _list(line: str, scenes: range) -> str:
    """A list file: a line a scene."""
    return "".join(line.format(n=n) + "\n" for n in scenes)


PETS = {"labels.txt": "background\ncat\ndog\n"}
CLASSES = {"class_dict.csv": "name,r,g,b\nwall,0,0,0\ncat,200,0,0\ndog,0,0,200\n"}
COLORS: tuple[Value, ...] = ((0, 0, 0), (200, 0, 0), (0, 0, 200), (200, 0, 0))

TREES = (
    Tree(
        "images/ and masks/ by split",
        "images/{split}/{name}.jpg",
        "masks/{split}/{name}.png",
        texts=PETS,
    ),
    Tree(
        "Splits with images/ and masks/ in each",
        "{split}/images/{name}.jpg",
        "{split}/masks/{name}.png",
        texts=PETS,
    ),
    Tree(
        "mmsegmentation's img_dir/ and ann_dir/",
        "img_dir/{split}/{name}.jpg",
        "ann_dir/{split}/{name}.png",
        texts=PETS,
    ),
    Tree(
        "Folders beside each other, masks with a suffix",
        "{split}/{name}.png",
        "{split}_labels/{name}_L.png",
        values=COLORS,
        texts=CLASSES,
    ),
    Tree(
        "CamVid of the SegNet tutorial",
        "{split}/{name}.png",
        "{split}annot/{name}.png",
        values=(0, 1, 3, 11),
        name="0016E5_{n:05}",
    ),
    Tree(
        "Another word for each split, in capitals",
        "Images/{split}/{name}.jpg",
        "Labels/{split}/{name}_seg.png",
        splits=("Training", "Validation"),
        texts=PETS,
    ),
    Tree(
        "No splits",
        "pictures/{name}.jpg",
        "annotations/{name}_mask.png",
        texts=PETS,
        name="photo{n}",
    ),
    Tree(
        "No splits, frames of videos",
        "{video}/rgb/{name}.png",
        "{video}/semantic/{name}.png",
        texts=PETS,
    ),
    Tree(
        "Lists of names",
        "images/{name}.jpg",
        "masks/{name}.png",
        texts=PETS | {"train.txt": _list("000{n}", TRAIN), "val.txt": _list("000{n}", VAL)},
    ),
    Tree(
        "Nothing names the labels",
        "images/{split}/{name}.jpg",
        "masks/{split}/{name}.png",
        values=(0, 23, 46, 255),
    ),
    Tree(
        "Keras' examples",
        "images_prepped_{split}/{name}.png",
        "annotations_prepped_{split}/{name}.png",
        texts=PETS,
    ),
    Tree(
        "Roboflow's semantic segmentation masks",
        "{split}/{name}.jpg",
        "{split}/{name}_mask.png",
        splits=("train", "valid"),
        name="street-{n}_jpg.rf.0a1b{n}",
        texts={
            "train/_classes.csv": "Pixel Value, Class\n0, background\n1, cat\n2, dog\n",
            "valid/_classes.csv": "Pixel Value, Class\n0, background\n1, cat\n2, dog\n",
        },
        values=(0, 1, 2, 0),
    ),
    Tree(
        "DeepGlobe's _sat and _mask",
        "{split}/{name}_sat.jpg",
        "{split}/{name}_mask.png",
        values=COLORS,
        texts=CLASSES,
    ),
    Tree(
        "Pascal VOC",
        "JPEGImages/{name}.jpg",
        "SegmentationClass/{name}.png",
        values=(0, 7, 15, 255),
        name="2007_{n:06}",
        drawings=("SegmentationObject/{name}.png",),
        texts={
            "ImageSets/Segmentation/train.txt": _list("2007_00000{n}", TRAIN),
            "ImageSets/Segmentation/val.txt": _list("2007_00000{n}", VAL),
        },
    ),
    Tree(
        "CVAT's segmentation mask 1.1",
        "JPEGImages/{name}.png",
        "SegmentationClass/{name}.png",
        values=COLORS,
        texts={
            "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
            "cat:200,0,0::\ndog:0,0,200::\n",
            "ImageSets/Segmentation/default.txt": _list("000{n}", range(8)),
        },
    ),
    Tree(
        "labelme's labelme2voc",
        "JPEGImages/{name}.jpg",
        "SegmentationClass/{name}.png",
        drawings=("SegmentationClassVisualization/{name}.jpg",),
        texts={"class_names.txt": "_background_\ncat\ndog\n"},
    ),
    Tree(
        "CamVid in 32 colours",
        "CamVid/{split}/{name}.png",
        "CamVid/{split}_labels/{name}_L.png",
        values=((128, 0, 0), (128, 64, 128), (64, 0, 128), (0, 0, 0)),
        name="0016E5_{n:05}",
    ),
    Tree(
        "Cityscapes",
        "leftImg8bit/{split}/ulm/{name}_leftImg8bit.png",
        "gtFine/{split}/ulm/{name}_gtFine_labelIds.png",
        values=(7, 11, 26, 0),
        name="ulm_{n:06}_000019",
        drawings=("gtFine/{split}/ulm/{name}_gtFine_color.png",),
    ),
    Tree(
        "Cityscapes, archives unpacked into a folder each",
        "leftImg8bit_trainvaltest/leftImg8bit/{split}/ulm/{name}_leftImg8bit.png",
        "gtFine_trainvaltest/gtFine/{split}/ulm/{name}_gtFine_labelTrainIds.png",
        values=(0, 2, 13, 255),
        name="ulm_{n:06}_000019",
    ),
    Tree(
        "Cityscapes in colours",
        "leftImg8bit/{split}/ulm/{name}_leftImg8bit.png",
        "gtFine/{split}/ulm/{name}_gtFine_color.png",
        values=((128, 64, 128), (70, 70, 70), (0, 0, 142), (180, 165, 180)),
        name="ulm_{n:06}_000019",
    ),
    Tree(
        "Cityscapes as pairs in one picture",
        "cityscapes_data/{split}/{name}.jpg",
        "cityscapes_data/{split}/{name}.jpg",
        values=((128, 64, 128), (70, 70, 70), (0, 0, 142), (180, 165, 180)),
        name="{n}",
    ),
    Tree(
        "BDD100K",
        "bdd100k/images/10k/{split}/{name}.jpg",
        "bdd100k/labels/sem_seg/masks/{split}/{name}.png",
        values=(0, 2, 13, 255),
        name="0004a4c{n}-d4dff0a{n}",
    ),
    Tree(
        "IDD",
        "leftImg8bit/{split}/{n}/{name}_leftImg8bit.png",
        "gtFine/{split}/{n}/{name}_gtFine_labellevel3Ids.png",
        values=(0, 1, 5, 255),
        name="frame{n:04}",
    ),
    Tree(
        "Mapillary Vistas",
        "{split}/images/{name}.jpg",
        "{split}/v1.2/labels/{name}.png",
        values=(13, 15, 17, 65),
        splits=("training", "validation"),
        name="0035fkbjWljhaftpVM37-{n}",
        drawings=("{split}/v1.2/instances/{name}.png",),
    ),
    Tree(
        "ADE20K",
        "ADEChallengeData2016/images/{split}/ADE_train_0000000{n}.jpg",
        "ADEChallengeData2016/annotations/{split}/ADE_train_0000000{n}.png",
        values=(1, 2, 3, 0),
        splits=("training", "validation"),
    ),
    Tree(
        "ACDC",
        "rgb_anon/fog/{split}/GOPR0475/{name}_rgb_anon.png",
        "gt/fog/{split}/GOPR0475/{name}_gt_labelTrainIds.png",
        values=(0, 2, 13, 255),
        name="GOPR0475_frame_{n:06}",
        drawings=("gt/fog/{split}/GOPR0475/{name}_gt_labelColor.png",),
    ),
    Tree(
        "COCO-Stuff",
        "{split}2017/{name}.jpg",
        "stuffthingmaps/{split}2017/{name}.png",
        values=(0, 2, 156, 255),
        name="{n:012}",
    ),
    Tree(
        "COCO panoptic",
        "{split}2017/{name}.jpg",
        "panoptic_{split}2017/{name}.png",
        values=((76, 61, 49), (5, 1, 0), (6, 1, 0), (0, 0, 0)),
        name="{n:012}",
        texts={
            f"annotations/panoptic_{split}2017.json": json.dumps(
                {
                    "annotations": [
                        {
                            "file_name": f"{n:012}.png",
                            "segments_info": [
                                {"id": 3226956, "category_id": 1},
                                {"id": 261, "category_id": 3},
                                {"id": 262, "category_id": 187},
                            ],
                        }
                        for n in numbers
                    ],
                    "categories": [
                        {"id": 1, "name": "person"},
                        {"id": 3, "name": "car"},
                        {"id": 92, "name": "banner"},
                        {"id": 187, "name": "sky-other-merged"},
                        {"id": 200, "name": "rug-merged"},
                    ],
                }
            )
            for split, numbers in (("train", TRAIN), ("val", VAL))
        },
    ),
    Tree(
        "nnU-Net's raw data",
        "imagesTr/{name}_0000.png",
        "labelsTr/{name}.png",
        values=(0, 1, 1, 0),
        name="road_{n:03}",
        texts={
            "dataset.json": json.dumps(
                {
                    "channel_names": {"0": "R"},
                    "file_ending": ".png",
                    "labels": {"background": 0, "road": 1},
                }
            )
        },
    ),
    Tree(
        "PaddleSeg's lists",
        "JPEGImages/{name}.jpg",
        "Annotations/m{n}.png",
        texts=PETS
        | {
            "train.txt": _list("JPEGImages/000{n}.jpg Annotations/m{n}.png", TRAIN),
            "val.txt": _list("JPEGImages/000{n}.jpg Annotations/m{n}.png", VAL),
        },
    ),
    Tree(
        "Supervisely",
        "ds1/img/{name}.jpg",
        "ds1/masks_machine/{name}.png",
        values=(0, 1, 2, 0),
        drawings=("ds1/masks_human/{name}.png",),
        texts={
            "obj_class_to_machine_color.json": '{"cat": [1, 1, 1], "dog": [2, 2, 2]}',
            "meta.json": json.dumps(
                {
                    "classes": [
                        {"title": "cat", "shape": "bitmap", "color": "#C80000"},
                        {"title": "dog", "shape": "bitmap", "color": "#0000C8"},
                    ]
                }
            ),
        },
    ),
    Tree(
        "Ultralytics' polygons",
        "images/{split}/{name}.jpg",
        "labels/{split}/{name}.txt",
        values=(0, 1),
        texts={
            "data.yaml": "path: .\ntrain: images/train\nval: images/val\nnames: {0: cat, 1: dog}\n"
        },
    ),
    Tree(
        "Hugging Face's Parquet files",
        "data/{split}-00000-of-00001.parquet",
        "data/{split}-00000-of-00001.parquet",
        splits=("train", "validation"),
        texts={"id2label.json": '{"0": "background", "1": "cat", "2": "dog"}'},
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    given = parser.parse_args()
    page = written_page()
    if not given.check:
        PAGE.write_text(page, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page:
        sys.exit(f"{PAGE}: out of step; run `python -m harness.layout_docs`")


def written_page() -> str:
    """The whole page."""
    with tempfile.TemporaryDirectory(prefix="segexp-layouts-") as scratch:
        blocks = [block(tree, Path(scratch) / f"{n}") for n, tree in enumerate(TREES)]
    return HEAD + "".join(blocks)


def block(tree: Tree, directory: Path) -> str:
    """The tree, the command and what it says."""
    root = directory / "data"
    shown = lay_out(tree, root)
    done = subprocess.run(
        [sys.executable, "-m", "segexp", "init", "project", "--data", "data"],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{tree.title}: {done.stderr}"
    said = done.stderr.replace(f"{directory}/", "").replace(str(directory), "")
    lines = ["$ segexp init project --data data", *said.splitlines()]
    return f"\n## {tree.title}\n\n```\n" + "\n".join(shown) + "\n\n" + "\n".join(lines) + "\n```\n"


def lay_out(tree: Tree, root: Path, seed: int = 0) -> list[str]:
    """Write eight scenes, four a split where the paths name it; return the paths of the first."""
    shown: list[str] = []
    for n in range(8):
        split = tree.splits[n // 4]
        place = {"split": split, "n": n, "video": f"Seq{n // 2:02}"}
        place["name"] = tree.name.format(**place)
        rng = np.random.default_rng(seed + n)
        image, mask, *drawings = (
            path.format(**place) for path in (tree.image, tree.mask, *tree.drawings)
        )
        pixels = rng.integers(0, 256, (*SIZE, 3), np.uint8)
        if image.endswith(".parquet"):
            _add_row(root / image, pixels, _mask(tree.values, n))
        elif image == mask:
            _save(root / image, _pair(pixels, _mask(tree.values, n)))
        else:
            _save(root / image, pixels)
            if mask.endswith(".txt"):
                _write_polygons(root / mask, tree.values, n)
            else:
                _save(root / mask, _mask(tree.values, n))
        for path in drawings:
            _save(root / path, pixels)
        shown = shown or [*dict.fromkeys((image, mask)), *drawings]
    for path, text in tree.texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return [f"data/{path}" for path in (*shown, *tree.texts)]


def _add_row(path: Path, image: np.ndarray, mask: np.ndarray) -> None:
    """Add a row to a file of Hugging Face's form."""
    rows = pq.read_table(path).to_pylist() if path.exists() else []
    cells = {}
    for column, pixels in (("pixel_values", image), ("label", mask)):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        cells[column] = {"bytes": file.getvalue(), "path": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([*rows, cells]), path)


def _pair(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A photo beside its mask, 512 by 256."""
    sides = [
        Image.fromarray(side).resize((256, 256), Image.Resampling.NEAREST) for side in (image, mask)
    ]
    return np.concatenate([np.asarray(side) for side in sides], axis=1)


def _write_polygons(path: Path, values: Sequence[Value], n: int) -> None:
    """A triangle for each class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    corners = (f"0.{n + 1} 0.{v}1 0.9 0.{v}2 0.5 0.{v}9" for v in range(len(values)))
    lines = (f"{value} {line}\n" for value, line in zip(values, corners, strict=True))
    path.write_text("".join(lines), encoding="utf-8")


def _mask(values: Sequence[Value], n: int) -> np.ndarray:
    """Four bands, the last of which is narrower in later scenes."""
    borders = [0, 10, 18, 26 + n % 3, SIZE[0]]
    mask = np.zeros((*SIZE, *np.shape(values[0])), np.uint8)
    for value, top, bottom in zip(values, borders, borders[1:], strict=False):
        mask[top:bottom] = value
    return mask


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


if __name__ == "__main__":
    main()
