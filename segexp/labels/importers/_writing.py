"""Writing an imported mapping; nothing is overwritten by accident."""

import re
from pathlib import Path

from segexp.core.errors import InputError
from segexp.core.files import inside, name_fault, write_atomic
from segexp.core.yaml import MAX_BYTES
from segexp.labels.importer import Imported
from segexp.labels.taxonomy import Taxonomy, load_taxonomy
from segexp.labels.writing import mapping_yaml, taxonomy_yaml


def target_of(
    project: Path, file: Path, name: str | None, out: Path | None, force: bool
) -> tuple[str, Path]:
    """Decide the mapping's name and its file.

    Args:
        project: The project directory; the file is ``mappings/<name>.yaml`` in it.
        file: The foreign file; its stem is the name where none is given.
        name: The name that was asked for.
        out: The file that was asked for instead; its stem is the name.
        force: Whether the file may exist.

    Raises:
        InputError: When the name cannot be a file's, differs from that of ``out``, or the file
            exists.
    """
    faults: list[str] = []
    if out is not None and out.suffix != ".yaml":
        faults.append(f"--out {out}: expected a file that ends in .yaml")
    if out is not None and name is not None and out.stem != name:
        faults.append(f"--name {name!r}: a mapping has the name of its file, {out.stem!r}")
    chosen = out.stem if out is not None else as_name(file.stem) if name is None else name
    if fault := name_fault("--name" if out is None else "--out", chosen):
        faults.append(fault)
    if faults:
        raise InputError(faults)
    path = out if out is not None else inside(project, Path("mappings") / f"{chosen}.yaml")
    if path.exists() and not force:
        option = "--name" if out is None else "--out"
        faults.append(f"{path}: exists; choose another {option}, or replace it with --force")
    if faults:
        raise InputError(faults)
    return chosen, path


def write_imported(imported: Imported, path: Path, comment: str) -> list[Path]:
    """Write the mapping's file, and its taxonomy's unless there is one already.

    Args:
        imported: What was imported.
        path: The mapping's file.
        comment: What the file opens with.

    Returns:
        The files that were written, the mapping's last.

    Raises:
        InputError: When a new taxonomy has the name of another, a file would be larger than one
            that is read, or it cannot be written.
    """
    mapping = imported.mapping
    text = _readable(path, mapping_yaml(mapping, comment))
    written = []
    try:
        if imported.new_taxonomy:
            home = inside(path.parent, Path("taxonomies") / f"{mapping.taxonomy.name}.yaml")
            if _must_be_written(home, mapping.taxonomy):
                write_atomic(home, _readable(home, taxonomy_yaml(mapping.taxonomy, comment)))
                written.append(home)
        write_atomic(path, text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    return [*written, path]


def _readable(path: Path, text: str) -> str:
    """Return the text of a YAML file; refuse one that is too large to be read back."""
    size = len(text.encode())
    if size > MAX_BYTES:
        raise InputError(
            f"{path}: would have {size} bytes; at most {MAX_BYTES} are read: use shorter names"
        )
    return text


def as_name(stem: str) -> str:
    """Return a file's stem with what a name cannot have replaced by ``_``."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", stem).lstrip("_.+-")[:100] or "imported"


def _must_be_written(path: Path, taxonomy: Taxonomy) -> bool:
    if not path.exists():
        return True
    if load_taxonomy(path).hash != taxonomy.hash:
        raise InputError(
            f"--new-taxonomy {taxonomy.name!r}: {path} is another taxonomy; choose another name"
        )
    return False
