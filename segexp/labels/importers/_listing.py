"""Labels as most files list them: names, with colours and raw ids or without.

Every format that lists labels becomes a `Listing`: each label is a class, and all of them can
become a taxonomy. Where a file gives no raw ids, the order of its labels numbers them; where it
gives no colours, `palette.distinct_colors` does.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from segexp.core.errors import InputError, shown
from segexp.labels.importer import Choices, Read
from segexp.labels.importers._file import MAX_ROWS
from segexp.labels.importers._nested import numbered, whole_number
from segexp.labels.importers._rows import BACKGROUND, Row
from segexp.labels.palette import distinct_colors
from segexp.labels.taxonomy import (
    VOID,
    VOID_NAME,
    Color,
    Taxonomy,
    free_void_color,
    parse_color,
    parse_taxonomy,
)

SHOWN = 3
"""How many labels a note shows with their ids, beside the last."""


@dataclass(frozen=True)
class Listing:
    """The labels of a file, in order.

    Attributes:
        where: The file.
        names: The labels; one called ``void`` is no label, and its id and colour are void's.
        colors: Their colours; empty where the file has none.
        ids: Their raw ids; empty where the file has none.
        first_id: The raw id of the first label where ``ids`` is empty.
        void: Raw ids that are void unless a label has them.
        untrained: Labels that the file itself leaves out of training.
        listing: What the file calls the list, for errors.
        doubt: Why masks may be numbered otherwise than the file says; empty where it is sure.
    """

    where: str
    names: tuple[str, ...]
    colors: tuple[Color, ...] = ()
    ids: tuple[int, ...] = ()
    first_id: int = 0
    void: tuple[int, ...] = (VOID,)
    untrained: frozenset[str] = frozenset()
    listing: str = "classes"
    doubt: str = ""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The raw ids of the labels: the file's, or those of its order."""
        return self.ids or tuple(range(self.first_id, self.first_id + len(self.names)))


def read_listing(listing: Listing, choices: Choices) -> Read:
    """Return the labels as rows, and as a taxonomy where a new one is asked for.

    Raises:
        InputError: When a name or an id appears twice, or there are not as many ids as labels.
    """
    if len(listing.names) > MAX_ROWS:
        raise InputError(
            f"{listing.where}: {len(listing.names)} labels; at most {MAX_ROWS} are read"
        )
    notes = []
    if listing.untrained:
        left_out = ", ".join(name for name in listing.names if name in listing.untrained)
        notes.append(f"the file leaves out of training, so void: {left_out}")
    says = tuple(key for key in ("ids", "colors") if getattr(listing, key))
    name = choices.new_taxonomy
    if name is None:
        return Read(listing_rows(listing), notes, says=says)
    numbering = "by the file" if listing.ids else "by their order in the file"
    if choices.ids:
        numbering = "by --ids"
        listing = _renumbered(listing, choices.ids)
    notes.append(f"raw ids in the masks, numbered {numbering}: {_numbers_shown(listing)}")
    if listing.doubt and not choices.ids:
        notes.append(
            f"{listing.doubt}: look at a mask, and if so import it with {_higher(listing)}"
        )
    if not listing.colors:
        notes.append(
            "the file gives no colours: these were chosen to look different; masks must hold ids, "
            "not colours"
        )
        listing = replace(listing, colors=distinct_colors(len(listing.names)))
    return Read(listing_rows(listing), notes, listing_taxonomy(name, listing), says=says)


def names_and_ids(
    where: str, value: Any, faults: list[str]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names of a list, of ``id: name`` or of ``name: id``, in the order of their ids.

    Args:
        where: The file and the path to the value in it.
        value: What was parsed.
        faults: Takes what is wrong with it.

    Returns:
        The names, and their raw ids; these are empty for a list.

    Raises:
        InputError: When it is none of the three.
    """
    ids: list[int] = []
    names: Any = value
    if isinstance(value, dict):
        by_id: dict[int, Any] = {}
        for key, name in numbered(value):
            raw_id = whole_number(key)
            if raw_id is None or raw_id in by_id:
                faults.append(f"{where}[{shown(key)}]: expected a whole number, once")
            else:
                by_id[raw_id] = name
        ids = sorted(by_id)
        names = [by_id[i] for i in ids]
    if not isinstance(names, list | tuple) or not names:
        raise InputError(faults or f"{where}: {shown(names)}; expected a list of names")
    if len(names) > MAX_ROWS:
        raise InputError(f"{where}: {len(names)} names; at most {MAX_ROWS} are read")
    faults += [
        f"{where}[{i}]: {shown(name)}; expected a word"
        for i, name in enumerate(names)
        if not isinstance(name, str) or not name.strip()
    ]
    return tuple(str(name).strip() for name in names), tuple(ids)


def hex_color(color: Any) -> Any:
    """Return ``#rrggbb`` as three numbers, and anything else as it is."""
    if isinstance(color, str) and (parts := re.fullmatch(r"#([0-9a-fA-F]{6})", color.strip())):
        return list(bytes.fromhex(parts[1]))
    return color


def colored_lines(
    where: str, lines: Iterable[tuple[int, str, Sequence[str]]], form: str
) -> Listing:
    """Return the labels of a file that has one with its colour in each line.

    Args:
        where: The file.
        lines: Of each its number, how it stands in the file, and its parts: the name and three
            channels. Other parts are a fault.
        form: What a line should be, for a refusal.

    Raises:
        InputError: With every line that has another form, and every colour that is none.
    """
    faults: list[str] = []
    names: list[str] = []
    colors: list[Color] = []
    for number, text, parts in lines:
        at = f"{where}:{number}"
        if len(parts) != 4 or not parts[0]:
            faults.append(f"{at}: {shown(text)}; expected {form}")
            continue
        name, *channels = parts
        numbers = [whole_number(channel) for channel in channels]
        names.append(name)
        colors.append(parse_color(at, channels if None in numbers else numbers, faults))
    if faults:
        raise InputError(faults)
    return Listing(where, tuple(names), tuple(colors), listing="lines")


def listing_rows(listing: Listing) -> list[Row]:
    """Return every label as a class of its own; untrained ones as void."""
    colors: Sequence[Color | None] = listing.colors or (None,) * len(listing.names)
    return [
        Row(
            f"{listing.where}: {listing.listing}[{i}]",
            name,
            None if name in listing.untrained else name,
            color,
        )
        for i, (name, color) in enumerate(zip(listing.names, colors, strict=True))
    ]


def listing_taxonomy(name: str, listing: Listing) -> Taxonomy:
    """Return the labels as a taxonomy.

    Args:
        name: The taxonomy's name.
        listing: The labels, with colours.

    Raises:
        InputError: When a name or an id appears twice.
    """
    rows = list(zip(listing.names, listing.numbers, listing.colors, strict=True))
    labels = [{"name": n, "id": i, "color": list(c)} for n, i, c in rows if n != VOID_NAME]
    void_color = next((c for n, _, c in rows if n == VOID_NAME), None)
    colors = [c for n, _, c in rows if n != VOID_NAME]
    if void_color is None or void_color in colors:
        void_color = free_void_color(colors)
    void = [i for n, i, _ in rows if n == VOID_NAME]
    content = {
        "name": name,
        "labels": labels,
        "void": void + [i for i in listing.void if i not in listing.numbers],
        "void_color": list(void_color),
    }
    taxonomy, faults = parse_taxonomy(listing.where, content)
    if faults:
        raise InputError(faults)
    return taxonomy


def _renumbered(listing: Listing, ids: tuple[int, ...]) -> Listing:
    if len(ids) != len(listing.names):
        raise InputError(
            f"--ids: {len(ids)} ids for the {len(listing.names)} classes of {listing.where}"
        )
    return replace(listing, ids=ids)


def _higher(listing: Listing) -> str:
    """Return the option that numbers the labels one higher, and a background 0."""
    pairs = zip(listing.names, listing.numbers, strict=True)
    return f"--ids {','.join('0' if n.lower() in BACKGROUND else str(i + 1) for n, i in pairs)}"


def _numbers_shown(listing: Listing) -> str:
    words = [f"{i} {name}" for i, name in zip(listing.numbers, listing.names, strict=True)]
    if len(words) > SHOWN + 1:
        words = [*words[:SHOWN], "...", words[-1]]
    void = [str(i) for i in listing.void if i not in listing.numbers]
    return ", ".join(words) + (f"; {' and '.join(void)} void" if void else "")
