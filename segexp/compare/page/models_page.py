"""The page of compared models: their scores, differences and classes, above the gallery."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from markupsafe import Markup

from segexp.compare.page.numbers import interval_text, plain, signed
from segexp.core.wording import confidence
from segexp.evaluation.statistics.level import LEVEL
from segexp.report.gallery import Compared, Files, gallery_page
from segexp.report.page import note, paragraph, table

Model: TypeAlias = Mapping[str, Any]
"""A model as `comparison_to_dict` describes it."""

LUCK = (
    "Each model is one training: the intervals are over the images alone, and two trainings of the "
    "same settings with other seeds may differ by more."
)
"""The first limit of every difference between saved models: it stands directly below them."""


def models_page(content: Mapping[str, Any], shown: Compared) -> Files:
    """Draw what `segexp.compare.model_comparison.comparison_to_dict` says, and the images."""
    names = [model["name"] for model in content["models"]]
    opening = [
        paragraph(
            f"{content['data']}. {content['images']:,} images of the split {content['split']}, at "
            f"{content['size']}; mIoU in the common space of the mappings, "
            f"{len(content['common_space'])} classes."
        ),
        _table(score_rows(content["models"]), texts=3),
        paragraph(LUCK),
        *map(note, [*content["warnings"], *further_caveats(content)]),
        _table(class_rows(content["models"])),
    ]
    return gallery_page(f"{' and '.join(names)}, compared", opening, shown)


def further_caveats(content: Mapping[str, Any]) -> list[str]:
    """Return the limits of a comparison that are not said below the differences."""
    return [caveat for caveat in content["caveats"] if caveat != LUCK]


def score_rows(models: Sequence[Model]) -> tuple[list[str], list[list[str]]]:
    """Return a table's header, and a row for each model: its score and its difference."""
    rows = [
        [
            model["name"],
            model["mapping"],
            f"{model['arch']}, {model['encoder']}",
            plain(model["miou_common"]),
            interval_text(model["interval"], signs=False),
            *_difference(model),
        ]
        for model in models
    ]
    header = ["model", "mapping", "network", "mIoU", "95% interval", "minus the first", "interval"]
    return header, rows


def _difference(model: Model) -> tuple[str, str]:
    """Write a model's difference to the first, and its interval; empty for the first."""
    if "delta" not in model:
        return "", ""
    text = interval_text(model["delta_interval"])
    level = "" if model["level"] >= LEVEL else f" ({confidence(model['level'])})"
    return signed(model["delta"]), f"{text}{level}"


def class_rows(models: Sequence[Model]) -> tuple[list[str], list[list[str]]]:
    """Return a table's header, and a row for each common class: IoUs, differences, intervals."""
    first, *others = models
    header = ["IoU", first["name"]]
    for model in others:
        header += [model["name"], "difference", "95% interval"]
    rows = []
    for of_class in zip(*(model["per_class"] for model in others), strict=True):
        row = [of_class[0]["class"], plain(of_class[0]["a"])]
        for each in of_class:
            row += [plain(each["b"]), signed(each["delta"]), interval_text(each["interval"])]
        rows.append(row)
    return header, rows


def _table(header_and_rows: tuple[list[str], list[list[str]]], texts: int = 1) -> Markup:
    header, rows = header_and_rows
    return table(header, rows, numeric=range(texts, len(header)))
