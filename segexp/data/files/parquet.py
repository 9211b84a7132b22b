"""Pictures in the rows of Parquet files, as Hugging Face stores them: a column of bytes and paths.

pyarrow is imported when the first file is opened.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from segexp.data.source import SampleFault

GROUPS_KEPT = 8
"""Row groups that are kept in memory; a group is what is read at once, by default 100 pictures."""


def picture_columns(path: Path) -> list[str]:
    """Return the columns that hold pictures: `bytes` with a `path`.

    Raises:
        SampleFault: When the file is damaged or no Parquet file.
    """
    with _damage_as_fault(path):
        schema = _opened(path).schema_arrow
        return [
            field.name
            for field in schema
            if getattr(field.type, "num_fields", 0) and field.type.get_field_index("bytes") >= 0
        ]


def count_rows(path: Path) -> int:
    """Return how many rows a file has.

    Raises:
        SampleFault: As `picture_columns` does.
    """
    with _damage_as_fault(path):
        return int(_opened(path).metadata.num_rows)


def read_cell(path: Path, column: str, row: int) -> bytes | None:
    """Return the bytes of a picture; None for an empty cell.

    Raises:
        SampleFault: As `picture_columns` does, and where the cell has a path and no bytes.
    """
    with _damage_as_fault(path):
        metadata = _opened(path).metadata
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        ends = list(accumulate(sizes))
        group = next(i for i, end in enumerate(ends) if row < end)
        cells = _cells(path, path.stat().st_mtime_ns, column, group)
        cell = cells[row - ends[group] + sizes[group]]
    if cell is None:
        return None
    if cell.get("bytes") is None:
        raise SampleFault(
            f"{path}: row {row} of {column} has the path {cell.get('path')!r} and no bytes; embed "
            "the pictures when the data set is written"
        )
    return bytes(cell["bytes"])


@lru_cache(maxsize=GROUPS_KEPT)
def _cells(
    path: Path,
    changed_ns: int,
    column: str,
    group: int,
) -> Sequence[dict[str, Any] | None]:
    cells: Sequence[dict[str, Any] | None] = (
        _opened(path).read_row_group(group, [column]).column(0).to_pylist()
    )
    return cells


def _opened(path: Path) -> Any:
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - slow, and few data sets need it

    return ParquetFile(path)


@contextmanager
def _damage_as_fault(path: Path) -> Iterator[None]:
    from pyarrow import ArrowException  # noqa: PLC0415 - as above

    try:
        yield
    except OSError as error:
        raise SampleFault(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ArrowException, ValueError, IndexError) as error:
        raise SampleFault(f"{path}: no Parquet file that can be read: {error}") from None
