"""Digests of a data set's files, remembered between starts."""

import hashlib
import json
import stat
import time
from dataclasses import astuple
from pathlib import Path
from typing import Any

from segexp.core.files import may_write, write_atomic
from segexp.data.source import AS_STORED, SampleFault, Source
from segexp.data.threads import map_in_threads

MEMO_NAME = "content_hashes.json"

SETTLED_S = 2.0
"""A younger file is hashed again next time: it could change once more within one clock tick."""


def stamp_of(path: Path) -> list[int]:
    """Return size, modification and change time (ns): while they stay, so does the content.

    Raises:
        SampleFault: When the file cannot be looked at.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise SampleFault(f"{path}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
        raise SampleFault(f"{path}: is not a file")
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def source_hash(source: Source, cache_dir: Path) -> tuple[str, dict[Path, list[int]]]:
    """Digest what decides a data set's arrays: its files' content, ids, splits and taxonomy.

    Neither the folder's place nor the size of the cache enters. Files that were hashed before
    and look untouched are not read again (2.7 GB for the npy Cityscapes).

    Args:
        source: The data set.
        cache_dir: Where the digests are remembered, if it may be written.

    Returns:
        The digest (16 hex digits) and each file's stamp from before it was read.

    Raises:
        SampleFault: When a file cannot be read.
        OSError: When the memo cannot be written.
    """
    memo_path = cache_dir / MEMO_NAME
    memo = _read_memo(memo_path)
    paths = [path for samples in source.splits.values() for s in samples for path in s.files]
    now_ns = time.time_ns()

    def digest_of(path: Path) -> tuple[list[int], str]:
        stamp = stamp_of(path)
        known = memo.get(str(path.absolute()))
        if known is not None and known[:3] == stamp:
            return stamp, str(known[3])
        return stamp, _file_digest(path)

    digests = dict(zip(paths, map_in_threads(digest_of, paths), strict=True))
    fresh = {
        str(path.absolute()): [*stamp, digest]
        for path, (stamp, digest) in digests.items()
        if now_ns - max(stamp[1:]) > SETTLED_S * 1e9
    }
    is_news = any(memo.get(path) != entry for path, entry in fresh.items())
    if is_news and may_write(memo_path) and may_write(cache_dir):
        # Read again: another process may have remembered other files meanwhile.
        write_atomic(memo_path, json.dumps(_read_memo(memo_path) | fresh))
    listing = [
        [split, sample.id, sample.seed, [digests[path][1] for path in sample.files]]
        for split, samples in source.splits.items()
        for sample in samples
    ]
    taxonomy = [source.taxonomy.hash, list(source.taxonomy.void_color)]
    rules = [] if source.rules == AS_STORED else [astuple(source.rules)]
    other = []
    if source.other is not None:
        other = [[source.other.format, source.other.reading, astuple(source.other.rules)]]
    content = json.dumps([source.format, source.reading, taxonomy, listing, *rules, *other])
    stamps = {path: stamp for path, (stamp, _) in digests.items()}
    return hashlib.sha256(content.encode()).hexdigest()[:16], stamps


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SampleFault(f"{path}: cannot be read: {error.strerror}") from None


def _read_memo(path: Path) -> dict[str, list[Any]]:
    """Read the memo; an invalid one is dropped, since it only saves time."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        key: entry
        for key, entry in content.items()
        if isinstance(entry, list) and len(entry) == 4 and isinstance(entry[3], str)
    }
