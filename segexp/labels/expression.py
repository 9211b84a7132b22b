"""Mapping expressions: `A+B` predicts the classes of A, and its loss is taken in B, too.

Wherever a mapping is named, `cityscapes19+merged10` is a third way beside training fine and
training coarse: the network learns the fine classes, and errors that stay within a coarse class
cost less (Bertinetto et al. 2020, Making Better Mistakes).
"""

from dataclasses import replace

from segexp.core.errors import InputError
from segexp.labels.mapping import Mapping, coarsens, collapse_lookup
from segexp.labels.taxonomy import VOID


def with_coarser(fine: Mapping, *coarser: Mapping) -> Mapping:
    """Return the mapping ``fine+coarser+...``.

    Raises:
        InputError: With every one of ``coarser`` whose classes are not whole classes of ``fine``
            put together, and why.
    """
    name = "+".join(m.name for m in (fine, *coarser))
    faults = [fault for m in coarser if (fault := _fault(name, fine, m))]
    if faults:
        raise InputError(faults)
    return replace(fine, name=name, also=coarser)


def _fault(name: str, fine: Mapping, coarse: Mapping) -> str | None:
    way_out = (
        f"after the + stands a mapping that merges classes of {fine.name}: `segexp mapping list` "
        "shows which coarsen it"
    )
    if not coarsens(coarse, fine):
        try:
            collapse_lookup(fine, coarse)
        except InputError as error:
            return f"mapping {name}: {error}; {way_out}"
    if split := _void_in_part(fine, coarse):
        return (
            f"mapping {name}: {', '.join(split)} of {fine.name} has labels that {coarse.name} "
            f"scores and labels that it leaves void, so its pixels have no class there; {way_out}"
        )
    return None


def _void_in_part(fine: Mapping, coarse: Mapping) -> list[str]:
    """Name the classes of which a coarser space scores some labels and leaves others void."""
    own, other = fine.lookup(), coarse.lookup()
    return [
        mapped.name
        for index, mapped in enumerate(fine.classes)
        if len(set((other[own == index] == VOID).tolist())) > 1
    ]
