"""The README.md of a bundle: what a model predicts, from what, how well, and how to load it."""

import math
from collections.abc import Iterable, Mapping, Sequence

from segexp.labels import mapping as labels
from segexp.training.bundle_files import JSON_FILE, WEIGHTS_FILE
from segexp.training.preprocess import Preprocessing

CARD_FILE = "README.md"

SPLITS = {"val": "tuning images", "heldout": "held-out images"}
"""How scores name the splits, and what the card calls them."""

ENDS = ("_low", "_high")
"""What a score's name ends in where it is an end of that score's interval."""

COMMON_SPACE = (
    "In names with `common`, the common space: the finest label space in which each class of "
    "several mappings falls whole into one class."
)
"""The words of docs/glossary.md."""

DRAWN = "synthetic"
"""The name of the data that segexp draws itself."""

_LOAD = f"""\
With segexp, which resizes and normalises an image as training did:

    import segexp
    model = segexp.load("FOLDER")         # this folder
    mask = model.predict("image.png").mask

In plain segmentation-models-pytorch, which gives logits (N, C, H, W):

    content = json.load(open("FOLDER/{JSON_FILE}"))
    model = smp.create_model(**content["smp"])
    model.load_state_dict(safetensors.torch.load_file("FOLDER/{WEIGHTS_FILE}"))
"""


def model_card(
    name: str,
    mapping: labels.Mapping,
    preprocessing: Preprocessing,
    scores: Mapping[str, float],
    origin: Mapping[str, str | int | None],
) -> str:
    """Return the card in Markdown.

    Args:
        name: What the model is called: its architecture and encoder.
        scores: Name -> score, such as ``heldout/miou``; NaN where it is undefined.
        origin: Where the model comes from; see `segexp.training.bundle.Bundle`.
    """
    parts = [
        f"# {_plain(name)}, {_plain(mapping.name)}",
        f"Semantic segmentation into {len(mapping.classes)} classes, trained with segexp.",
        "## Classes",
        _table(
            ("index", "class", "labels of " + mapping.taxonomy.name),
            ((str(i), c.name, ", ".join(c.labels)) for i, c in enumerate(mapping.classes)),
        ),
        _void_text(mapping),
        "## Scores",
        _scores_text(scores),
        "## Data",
        _table(("", ""), ((key, str(value)) for key, value in origin.items() if value is not None)),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(mapping, preprocessing, origin)),
        "## Load it",
        _LOAD + _normalisation(preprocessing),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _void_text(mapping: labels.Mapping) -> str:
    void = mapping.void_labels
    if not void:
        return "Every label is in a class."
    return f"Void, neither trained nor scored: {_plain(', '.join(void))}."


def _scores_text(scores: Mapping[str, float]) -> str:
    known = {split: title for split, title in SPLITS.items() if _of(scores, split)}
    if not known:
        return "None were recorded."
    names = dict.fromkeys(metric for split in known for metric in _of(scores, split))
    rows = (
        (name, *(_with_interval(scores, f"{split}/{name}") for split in known))
        for name in names
        if not name.endswith(ENDS)
    )
    has_interval = any(name.endswith(ENDS) for name in names)
    unknown = "another seed" if has_interval else "another seed or other images"
    return _table(("", *known.values()), rows) + (
        "\n\nOne training, by one confusion matrix over each split. The search saw the tuning "
        "images: their scores flatter. "
        + "In brackets: the 95% interval for other images like these. "
        * has_interval
        + f"How far {unknown} would lead is not known of a single model; `segexp ab` gives "
        "intervals." + f"\n\n{COMMON_SPACE}" * any("common" in name for name in names)
    )


def _with_interval(scores: Mapping[str, float], name: str) -> str:
    ends = [scores.get(name + end, math.nan) for end in ENDS]
    shown = _number(scores.get(name, math.nan))
    return shown if any(map(math.isnan, ends)) else f"{shown} ({ends[0]:.3f} to {ends[1]:.3f})"


def _limits(
    mapping: labels.Mapping,
    preprocessing: Preprocessing,
    origin: Mapping[str, str | int | None],
) -> Iterable[str]:
    if origin.get("dataset") == DRAWN:
        yield (
            "Trained on synthetic scenes that segexp draws: its scores say nothing of photographs."
        )
    else:
        yield "Its scores hold for images like those of its data: place, camera, season, light."
    if images := origin.get("train_images"):
        yield f"It was trained on {images} images; what they do not show, it has not seen."
    yield (
        f"Each pixel gets one of the {len(mapping.classes)} classes, also where it shows none of "
        "them."
    )
    height, width = preprocessing.image_size
    yield (
        f"It sees {height}x{width} pixels at once; what is small at that size is lost. Images are "
        f"resized by the rule `{preprocessing.resize}`."
    )


def _normalisation(preprocessing: Preprocessing) -> str:
    mean, std = preprocessing.mean, preprocessing.std
    return (
        f"\nwhere an image is RGB / 255, minus {list(mean)}, divided by {list(std)}"
        f" (`preprocessing` in {JSON_FILE}), with sides that are multiples of 32."
    )


def _of(scores: Mapping[str, float], split: str) -> list[str]:
    return [name.partition("/")[2] for name in scores if name.startswith(f"{split}/")]


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}".removesuffix(".0000")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in lines)


def _plain(text: str) -> str:
    """Return a name from a file as it is shown: no line ends, no table, no markup of its own."""
    shown = " ".join(text.split())
    for sign in "\\|<`[":
        shown = shown.replace(sign, f"\\{sign}")
    return shown
