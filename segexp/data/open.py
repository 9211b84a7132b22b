"""The data set and the taxonomy that a configuration names.

Without torch: bad data is refused before torch is loaded.
"""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import replace
from pathlib import Path

from segexp.core.config import WORK_DIRECTORY, Config
from segexp.core.data_config import DataConfig
from segexp.core.errors import InputError, WorkError
from segexp.core.overrides import DATA_VARIABLE, host_data
from segexp.core.yaml import find_yaml
from segexp.data.cache import Dataset, open_dataset
from segexp.data.configured import format_of, open_configured
from segexp.data.content_hash import source_hash
from segexp.data.division import division_of, with_splits
from segexp.data.heldout import with_heldout
from segexp.data.layout import implied_taxonomy, is_drawn
from segexp.data.relabel import relabelled
from segexp.data.resize import describe_stretch
from segexp.data.source import SampleFault, Source
from segexp.data.taxonomy_choice import list_files, unknown_taxonomy
from segexp.labels.files import read_mappings
from segexp.labels.mapping import Mapping
from segexp.labels.relabelling import find_relabelling, names_of_relabellings
from segexp.labels.taxonomy import Taxonomy, load_taxonomy


def find_source(
    project: Path,
    config: Config,
    mappings: Sequence[Mapping],
    *,
    named_by: str | None = "with --mapping",
) -> Source:
    """Find the configured data set, and refuse mappings that do not fit its taxonomy.

    Args:
        project: The project directory.
        config: Its ``data`` section says where and in which format.
        mappings: The mappings that the data is to be used with.
        named_by: How this command names a mapping, for the message; None where the mapping is
            fixed, as with a saved model.

    Raises:
        InputError: When the data is missing, its format is ambiguous, its taxonomy is unknown, or a
            mapping is over another taxonomy.
    """
    source = with_splits(
        project, _labelled(project, config, mappings, named_by), division_of(config.data)
    )
    heldout = config.data.heldout
    if heldout is None:
        return source
    data = DataConfig.model_validate(heldout.model_dump())
    try:
        other = _labelled(project, config.model_copy(update={"data": data}), [], None)
    except InputError as error:
        raise InputError([f"data.heldout: {fault}" for fault in error.faults]) from None
    return with_heldout(source, other)


def refuse_source(project: Path, config: Config) -> None:
    """Refuse the configured data set as a saved model would be scored on it, before that is read.

    Raises:
        InputError: As `find_source` does; a taxonomy that the project lacks comes with the model.
    """
    layout, root = find_layout(project, config)
    named = config.data.taxonomy or implied_taxonomy(layout, root)
    has_some = (project / "mappings" / "taxonomies").is_dir()
    if has_taxonomy(project, named) if named is not None else has_some:
        find_source(project, config, [])


def _labelled(
    project: Path, config: Config, mappings: Sequence[Mapping], named_by: str | None
) -> Source:
    """Find a data set with its labels, before it is divided; see `find_source`."""
    layout, root = find_layout(project, config)
    implied = implied_taxonomy(layout, root)
    named = config.data.taxonomy or implied
    if named is None:  # never guess what the masks mean
        faults = unknown_taxonomy(project, list_files(layout, root, config.data))
        if named_by is None and mappings:
            faults.append(
                "if they hold the labels that the model was trained on: --set "
                f"data.taxonomy={mappings[0].taxonomy.name}"
            )
        raise InputError(faults)
    # Where there are no mapping files, a saved model has brought its taxonomy with it.
    brought = [m.taxonomy for m in mappings if m.taxonomy.name == named]
    own = (
        brought[0]
        if brought and not has_taxonomy(project, named)
        else _own_taxonomy(project, named, layout, is_implied=config.data.taxonomy is None)
    )
    relabel = config.data.relabel
    relabelling = None if relabel is None else find_relabelling(project, relabel)
    taxonomy = own if relabelling is None else relabelling.after
    misfits = [m for m in mappings if m.taxonomy.hash != taxonomy.hash]
    if misfits:
        fitting = [m.name for m in mappings_over(project, taxonomy)]
        raise InputError(
            [
                f"mapping {m.name!r} is over the taxonomy {m.taxonomy.name}, but the data "
                f"({layout}{f', {root}' if root else ''}) is labelled in {taxonomy.name}; "
                f"{_way_out(project, m, root, fitting, named_by)}{_relabelling(project, own, m)}"
                for m in misfits
            ]
        )
    source = open_configured(layout, root, own, config.data)
    if implied not in (None, named):  # --data may name another folder than config.yaml does
        warning = (
            f"the folders of {root} tell {implied}, but data.taxonomy says {named}, in which masks "
            "are read"
        )
        source = replace(source, warnings=(*source.warnings, warning))
    return source if relabelling is None else relabelled(source, relabelling)


def _own_taxonomy(project: Path, name: str, layout: str, *, is_implied: bool) -> Taxonomy:
    """Load the taxonomy of the data; an earlier project may lack one that is implied."""
    file = f"mappings/taxonomies/{name}.yaml"
    try:
        return find_taxonomy(project, name)
    except InputError as error:
        if (project / file).exists():  # it has faults
            raise
        advice = (
            f"the layout {layout} implies it; a new project has it: `segexp init DIR`, and copy "
            f"{file} from there"
            if is_implied
            else f"copy {file} from a project that has it: one that `segexp init DIR` makes has "
            "those that segexp knows"
        )
        raise InputError([*error.faults, advice]) from None


def _relabelling(project: Path, own: Taxonomy, mapping: Mapping) -> str:
    """Name the mappings by which the data can be read in the labels of a mapping."""
    names = [
        name
        for name in names_of_relabellings(project, own)
        if find_relabelling(project, name).after.hash == mapping.taxonomy.hash
    ]
    if not names:
        return ""
    return (
        f"; or read its labels as those of {mapping.taxonomy.name}: --set data.relabel={names[0]}"
    )


def _way_out(
    project: Path, mapping: Mapping, root: Path | None, fitting: list[str], named_by: str | None
) -> str:
    """Say what to do with a mapping that does not fit the data."""
    other_data = f"name data labelled in {mapping.taxonomy.name} with --data DIR"
    if root is not None:
        way_out = "or set data.taxonomy, if the masks are labelled in another one"
    else:
        way_out = f"or {other_data}"
    if named_by is None:
        return other_data if root is None else f"{other_data}, {way_out}"
    if not fitting:
        return f"no mapping in {project / 'mappings'} fits it; {way_out}"
    return f"take one that fits it {named_by}: {', '.join(fitting)}; {way_out}"


def find_layout(project: Path, config: Config) -> tuple[str, Path | None]:
    """Return the format of the configured data, and its folder; drawn data has none.

    Raises:
        InputError: When the folder is missing, or looks like no format or like several.
    """
    data = config.data
    root = project / Path(data.root).expanduser() if data.root is not None else None
    if is_drawn(data.format):
        faults = [  # or scenes would be drawn in its place
            f"data.{key}: {what}, but data.format is {data.format}; set data.format to auto, or "
            f"data.{key} to null"
            for key, what, value in (
                ("layout", "describes a folder", data.layout),
                ("masks", "says how the masks of a folder are read", data.masks),
            )
            if value is not None
        ]
        if faults:
            raise InputError(faults)
        return data.format, root
    if root is None:
        raise InputError(f"data.root: null; format {data.format!r} needs a folder: --data DIR")
    if not root.is_dir():
        by = f" ({DATA_VARIABLE} of this host's environment)" if host_data() == data.root else ""
        raise InputError(f"data.root: {root}{by}: no such folder")
    return format_of(root, data), root


def open_data(
    project: Path, config: Config, source: Source, progress: Callable[[int, int], None]
) -> Dataset:
    """Open a data set at the configured size through the project's cache.

    Raises:
        InputError: With every fault of the data; see `segexp data check`.
    """
    cache = project / WORK_DIRECTORY / "cache"
    data = config.data
    return open_dataset(source, data.image_size, cache, progress, data.heldout_by, data.resize)


def digest_of(project: Path, source: Source) -> str:
    """Return the digest of a data set, by which it is told; see `Dataset.hash`.

    Raises:
        InputError: When a file cannot be read.
        WorkError: When the project's cache cannot be written.
    """
    cache = project / WORK_DIRECTORY / "cache"
    try:
        return source_hash(source, cache)[0]
    except SampleFault as fault:
        raise InputError(str(fault)) from None
    except OSError as error:
        raise WorkError(f"{cache}: the cache cannot be written: {error}") from None


def describe_data(dataset: Dataset) -> str:
    """Describe the data in one line; drawn data always says ``synthetic``."""
    own, resized = dataset.report.sizes, dataset.sizes
    size = _listed(own)
    if [*own] != [*resized]:
        stretch = describe_stretch(own, dataset.resize, dataset.image_size)
        size += f" resized to {_listed(resized)}{f' ({stretch})' if stretch else ''}"
    height, width = dataset.image_size
    if any(h > height or w > width for h, w in resized):
        size += f", seen {height}x{width} at once"
    where = "" if dataset.root is None else f" in {dataset.root}"
    return (
        f"data: {dataset.format}{where}: {len(dataset.train)} train, {len(dataset.val)} val, "
        f"{len(dataset.heldout)} held-out ({dataset.report.heldout}) images, {size}"
    )


def _listed(sizes: Dict[tuple[int, int], int]) -> str:
    """Name the most common size, and say how many others there are."""
    (height, width), *others = sizes
    more = f" and {len(others)} other size{'s'[: len(others) > 1]}" if others else ""
    return f"{height}x{width}{more}"


def has_taxonomy(project: Path, name: str) -> bool:
    """Whether a project has the file of a taxonomy."""
    # In this way: a file system may refuse to look for the name of a file that is not there.
    return name in {path.stem for path in (project / "mappings" / "taxonomies").glob("*.yaml")}


def find_taxonomy(project: Path, name: str) -> Taxonomy:
    """Load a taxonomy of the project by its name.

    Raises:
        InputError: When no taxonomy has that name, or it has faults.
    """
    directory = project / "mappings" / "taxonomies"
    return load_taxonomy(find_yaml(directory, name, f"taxonomy {name!r} is not in {directory}"))


def mappings_over(project: Path, taxonomy: Taxonomy) -> list[Mapping]:
    """Return the project's mappings over a taxonomy, sorted by name, without broken files."""
    mappings = read_mappings(project).mappings
    return [m for m in mappings if m.taxonomy.hash == taxonomy.hash]
