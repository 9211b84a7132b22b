"""``segexp ab --predictions``: arms that are folders of masks."""

import re
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segexp.cli.console import say
from segexp.cli.init import template
from segexp.cli.live import LiveDisplay
from segexp.cli.options import open_project, read_config
from segexp.compare.version import PAGE_FILE, write_files
from segexp.core.errors import InputError, collected, shown
from segexp.core.overrides import data_overrides

if TYPE_CHECKING:
    from segexp.compare.mask_counts import Truth
    from segexp.core.config import Config
    from segexp.labels.mapping import Mapping


@dataclass(frozen=True)
class MaskOptions:
    """The options for masks.

    Attributes:
        predictions: Items ``NAME=DIR``.
        mapping_of: Items ``NAME=MAPPING``.
        truth: The folder of the ground truth; None for the project's held-out images.
        out: Where result and page go; None for the project, or the current folder.
    """

    predictions: Sequence[str]
    mapping_of: Sequence[str]
    truth: Path | None
    out: Path | None


def compare_folders(
    options: MaskOptions,
    *,
    name: str | None,
    margin: float,
    cluster: str,
    data: Path | None,
    format_name: str | None,
    set_: list[str] | None,
    project: Path | None,
) -> tuple[dict[str, Any], Path]:
    """Compare folders of masks, and write and record the answer.

    Returns:
        The content of ``ab_result.json``, and the page beside it.
    """
    if not options.predictions:
        given = [
            n for n, v in (("--truth", options.truth), ("--out", options.out)) if v is not None
        ]
        given += ["--mapping-of"] if options.mapping_of else []
        raise InputError(
            f"{' and '.join(given)}: only with --predictions; name the folders of masks with "
            "--predictions A=DIR"
        )
    root, config = _project(project, data, format_name, set_)
    faults: list[str] = []
    folders = _named("--predictions", options.predictions, "DIR", faults)
    named = _named("--mapping-of", options.mapping_of, "MAPPING", faults)
    faults += [
        f"--mapping-of {arm}={value}: --predictions has no arm of this name"
        for arm, value in named.items()
        if arm not in folders
    ]
    if faults:
        raise InputError(faults)
    from segexp.compare.page.ab_page import ab_page
    from segexp.compare.predictions import compare_masks, plan_masks
    from segexp.core.disk import full_disk_explained

    # With --truth the masks need not be of the project's data.
    default = config.mapping if config is not None and options.truth is None else None
    mappings = _mappings(root, default, folders, named)
    name = name or re.sub(r"[^A-Za-z0-9_.+-]+", "_", "-".join(["ab", *folders]))
    with LiveDisplay() as display:
        truth = _truth(options.truth, root, config, mappings, format_name, display)
        paths = {arm: Path(folder).expanduser() for arm, folder in folders.items()}
        study = plan_masks(name, paths, mappings, truth)
        runs = len(study.run_names)
        display.say(
            f"comparison {name}: {len(study.arms)} arms, {runs} {'run' if runs == 1 else 'runs'} "
            f"of masks of {len(truth.ids)} images each; truth: {truth.where}"
        )
        for arm in study.arms:
            display.say(f"{arm.name}: {arm.runs.directory}, classes of {arm.mapping.name}")
        answer = compare_masks(study, cluster, margin, display.caching)
    directory = options.out or (root / ".segexp" / "masks" if root else Path()) / name
    with full_disk_explained(root or directory):
        page = ab_page(answer.result, answer.scenes)
        files = write_files(directory, answer.result, page, answer.galleries)
        if root is not None and config is not None:
            from segexp.compare.record_masks import record_masks

            record_masks(root, config.tracking, study, answer.result, files, say)
    return answer.result, directory / PAGE_FILE


def _project(
    project: Path | None, data: Path | None, format_name: str | None, set_: list[str] | None
) -> tuple[Path | None, "Config | None"]:
    """Return the project and its configuration; None if there is none and no option needs one."""
    try:
        root = open_project(project)
    except InputError:
        if project is not None or data is not None or set_:
            raise
        return None, None
    return root, read_config(root, data_overrides(data, format_name, None), set_)


def _named(option: str, items: Sequence[str], what: str, faults: list[str]) -> dict[str, str]:
    """Read items ``NAME=VALUE``; append faults to ``faults``."""
    found: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not name.strip() or not equals or not value or not name.isprintable():
            faults.append(f"{option} {shown(item)}: expected NAME={what}")
        elif name in found:
            faults.append(f"{option} {item}: {name} is named twice")
        else:
            found[name] = value
    return found


def _mappings(
    root: Path | None,
    default: str | None,
    arms: Dict[str, str],
    named: Dict[str, str],
) -> dict[str, "Mapping"]:
    """Find the mapping of each arm's masks.

    It is what ``--mapping-of`` names, by name or path; else the mapping with the arm's name; else
    ``default``.
    """
    from segexp.labels.files import find_mapping, load_mapping

    directory = root or template()
    known = {path.stem for path in (directory / "mappings").glob("*.yaml")}
    found: dict[str, Mapping] = {}
    faults: list[str] = []
    for arm in arms:
        wanted = named.get(arm) or (arm if arm in known else default)
        if wanted is None:
            faults.append(
                f"--predictions {arm}={arms[arm]}: the mapping of its masks is not known; name it "
                f"with --mapping-of {arm}=NAME (there are {', '.join(sorted(known))}) or "
                f"{arm}=FILE.yaml"
            )
            continue
        with collected(faults):
            is_path = wanted.endswith((".yaml", ".yml"))
            found[arm] = load_mapping(Path(wanted)) if is_path else find_mapping(directory, wanted)
    if faults:
        raise InputError(faults)
    return found


def _truth(
    folder: Path | None,
    root: Path | None,
    config: "Config | None",
    mappings: Dict[str, "Mapping"],
    format_name: str | None,
    display: LiveDisplay,
) -> "Truth":
    from segexp.compare.folder_truth import folder_truth
    from segexp.labels.mapping import refuse_different_taxonomies
    from segexp.labels.relabelling import find_relabelling

    refuse_different_taxonomies(list(mappings.values()))
    first = next(iter(mappings.values()))
    data = config.data if config is not None else None
    if folder is not None:
        relabel = data.relabel if data is not None else None
        relabelling = find_relabelling(root, relabel) if root and relabel else None
        return folder_truth(
            folder.expanduser(), first.taxonomy, format_name or "folder", data, relabelling
        )
    if root is None or config is None:
        raise InputError("--truth DIR: a folder of masks of the same images is needed")

    from segexp.compare.heldout_truth import heldout_truth

    return heldout_truth(root, config, list(mappings.values()), display.caching)
