"""Mapillary Vistas, versions 1.2 (66 labels) and 2.0 (124), and the first release.

    training/images/0035fkbjWljhaftpVM37-g.jpg          validation/ likewise
    training/v1.2/labels/0035fkbjWljhaftpVM37-g.png     palette: the index counts
    training/v2.0/labels/0035fkbjWljhaftpVM37-g.png
    training/v1.2/instances/, panoptic/                 left out
    training/labels/                                    the first release has no version
    testing/images/                                     left out: no masks

The taxonomy decides which version is read, or else the first one that is there.
"""

from pathlib import Path

from segexp.data.layout import Layout
from segexp.data.layouts._named import folder_with, named_source, with_roles
from segexp.data.source import Source
from segexp.labels.taxonomy import Taxonomy

TAXONOMIES = {"v1.2": "vistas_v12", "v2.0": "vistas_v20", "": "vistas_v12"}
"""By version; of those that are there, the first is read."""


def open_mapillary_vistas(root: Path, taxonomy: Taxonomy) -> Source:
    """List the images with the labels of the taxonomy's version, or of the first one there."""
    versions = _versions(root)
    asked = [version for version in versions if TAXONOMIES[version] == taxonomy.name]
    version = (*asked, *versions, "")[0]
    masks = rf"(training|validation)/{f'{version}/' if version else ''}labels/.+\.png"
    files = with_roles(root, r"(training|validation|testing)/images/.+\.jpg", masks)
    notes = [
        f"{root}: the masks of {other} are left out; data.taxonomy: {TAXONOMIES[other]} reads them"
        for other in versions
        if other != version
    ]
    return named_source(root, taxonomy, files, notes=notes)


def _versions(root: Path) -> list[str]:
    return [v for v in TAXONOMIES if folder_with(root, "training/images", _labels(v))]


def _labels(version: str) -> str:
    return "/".join(filter(None, ("training", version, "labels")))


def _taxonomy(root: Path | None) -> str | None:
    versions = _versions(root) if root else []
    return TAXONOMIES[versions[0]] if versions else None


def _recognised(root: Path) -> str | None:
    """Name the labels of each version; a folder without one has a `config.json` of this set."""
    versions = [v for v in _versions(root) if v or folder_with(root, "training/instances")]
    return ", ".join(map(_labels, versions)) or None


LAYOUT = Layout(
    form="training/images/ with training/v1.2/labels/",
    recognised=_recognised,
    open=open_mapillary_vistas,
    taxonomy=_taxonomy,
    rather_than=("folder",),
)
