"""Which format a file has: by its name's ending, then by what is in it."""

import re
from pathlib import Path
from typing import Any

from segexp.core.errors import InputError
from segexp.core.yaml import parse_yaml
from segexp.labels.importers._nested import is_listing, reads_as_names, sections_with
from segexp.labels.importers._tables import read_table
from segexp.labels.importers.label_list import label_list_in
from segexp.labels.importers.mmseg import parse_json
from segexp.labels.importers.mseg import UNIVERSAL

FORMATS = ("mapping-dict", "cityscapes-labels", "mmseg", "label-list", "mseg", "csv")


def recognise_format(path: Path, text: str) -> str:
    """Tell which of FORMATS a file has.

    Raises:
        InputError: When it is none of them, saying what was looked for.
    """
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml", ".json"):
        found = _of_content(parse_content(text, str(path), suffix), path)
    elif suffix == ".py":
        found = _of_source(text)
    elif suffix in (".csv", ".tsv", ".txt"):
        header = read_table(text, str(path))[0].cells
        found = _of_header(header)
    else:
        found = None
    if found is None:
        raise InputError(
            f"{path}: no format that is known; looked for `mapping_dict`, for `classes` with "
            "`palette` and for a list of labels with `name`, `id` and `color` in .yaml and .json, "
            "for Label(...) or METAINFO in .py, and for tables in .csv, .tsv and .txt; name it "
            f"with --format {'|'.join(FORMATS)}"
        )
    return found


def parse_content(text: str, where: str, suffix: str) -> Any:
    """Parse JSON where the ending says so, else YAML.

    Raises:
        InputError: With the line of the fault.
    """
    return parse_json(text, where) if suffix == ".json" else parse_yaml(text, where)


def _of_content(content: Any, path: Path) -> str | None:
    if not isinstance(content, dict):
        return "label-list" if label_list_in(content) else None
    if "taxonomy" in content and "classes" in content:
        raise InputError(f"{path}: is a mapping of segexp already; copy it into mappings/")
    if {"name", "labels", "void"} <= content.keys():
        raise InputError(
            f"{path}: is a taxonomy of segexp already; copy it into mappings/taxonomies/"
        )
    if sections_with(content, "mapping_dict"):
        return "mapping-dict"
    if any(sections_with(content, key, reads_as_names) for key in ("classes", "CLASSES")):
        return "mmseg"
    if label_list_in(content):
        return "label-list"
    if {"classes", "CLASSES", "METAINFO", "metainfo"} & content.keys():
        return "mmseg"
    return "mmseg" if sections_with(content, "classes", is_listing) else None


def _of_source(text: str) -> str | None:
    if re.search(r"\bLabel\s*\(", text):
        return "cityscapes-labels"
    return "mmseg" if re.search(r"\b(METAINFO|CLASSES)\b", text) else None


def _of_header(header: tuple[str, ...]) -> str | None:
    if UNIVERSAL in header and len(header) > 2:
        return "mseg"
    if "trainId" in header:
        return "cityscapes-labels"
    return "csv" if len(header) == 2 else None
