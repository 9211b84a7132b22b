"""The study that was begun on the same data, where its folder has another name.

A folder's name is in the names of studies, for people. Another host may have the same data in a
folder of another name: it is the same study.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import BaseStorage

from segexp.core.errors import InputError
from segexp.data.open import digest_of
from segexp.data.source import Source
from segexp.study.attributes import DEFINITION, PARTS
from segexp.study.definition import data_of
from segexp.study.naming import Naming
from segexp.study.plan import SearchPlan
from segexp.study.revision import with_name
from segexp.study.storage.open import revisions
from segexp.study.storage.study_lock import begin_of, study_lock


def on_same_data(
    plan: SearchPlan, naming: Naming | None, storage: BaseStorage, say: Callable[[str], None]
) -> SearchPlan:
    """Return the plan under the name of the study that is meant; see `name_on_same_data`.

    Args:
        naming: How it is named; None where a person has named it.
    """
    if naming is None:
        return plan
    base = plan.base
    return with_name(plan, name_on_same_data(naming, storage, base.project, base.source, say))


def name_on_same_data(
    naming: Naming,
    storage: BaseStorage,
    project: Path,
    source: Source,
    say: Callable[[str], None],
    *,
    has_parts: bool = False,
) -> str:
    """Return the name of the study that is meant: its own, unless only another has the same data.

    That is one which is called as this one would be if its data's folder were called as there. The
    data is read only if there is such a study.

    Args:
        naming: How it would be named. What a person has named is not looked for.
        say: Shows the line that says which study it is.
        has_parts: Whether it is an A/B study.

    Raises:
        InputError: When several studies have the same data.
    """
    candidates = dict(_candidates(naming, storage, has_parts=has_parts))
    return _chosen(naming, candidates, project, source, say)


def _chosen(
    naming: Naming,
    candidates: Mapping[str, set[str]],
    project: Path,
    source: Source,
    say: Callable[[str], None],
) -> str:
    """Do what `name_on_same_data` does, once the studies that may be meant have been read."""
    if not candidates.keys() - {naming.name}:
        return naming.name
    digest = digest_of(project, source)
    found = [name for name, digests in candidates.items() if digest in digests]
    if not found or naming.name in found:
        return naming.name
    where = source.root or source.name
    if len(found) > 1:
        raise InputError(
            f"{where} has the data ({digest}) of the studies {', '.join(found)}: name one of them, "
            "or another one, with --study-name"
        )
    say(
        f"study {found[0]}: was begun on the data in {where} ({digest}), wherever it was then; "
        "--study-name begins another study"
    )
    return found[0]


@contextmanager
def beginning(
    naming: Naming,
    storage: BaseStorage,
    project: Path,
    source: Source,
    say: Callable[[str], None],
    *,
    has_parts: bool = False,
) -> Iterator[str]:
    """Hold the lock under which a study is begun that is named after its data's folder.

    Hosts that begin at once then find each other's study. It is said where others of the same file
    have other data.

    Args:
        naming: As for `name_on_same_data`, which has found none.

    Yields:
        The study's name, now that nobody else begins one.
    """
    with study_lock(storage, project, begin_of(Naming(naming.before).name)):
        others = dict(_candidates(naming, storage, has_parts=has_parts))
        name = _chosen(naming, others, project, source, say)
        if others and name == naming.name and name not in others:
            where = source.root or source.name
            say(f"study {name} is new: {', '.join(others)} has other data than {where}")
        yield name


def _candidates(
    naming: Naming, storage: BaseStorage, *, has_parts: bool
) -> Iterator[tuple[str, set[str]]]:
    """Yield studies that are named in the same way, with the digests of their revisions' data."""
    own, before = {naming.name, naming.with_folder(None)}, Naming(naming.before).name
    for name in sorted(optuna.get_all_study_names(storage)):
        if not name.startswith(before):  # a storage may have thousands of studies
            continue
        of_all = [_definition(storage, revision) for revision in revisions(storage, name)]
        folder, _ = data_of(of_all[0])
        if (PARTS in of_all[0]) == has_parts and name in own | {naming.with_folder(folder)}:
            yield name, {data_of(of_one)[1] for of_one in of_all}


def _definition(storage: BaseStorage, name: str) -> dict[str, object]:
    study = optuna.load_study(study_name=name, storage=storage)
    return dict(study.user_attrs.get(DEFINITION, {}))
