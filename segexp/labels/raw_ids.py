"""The raw ids of a numeric mapping against those in the data: is the mapping off by one?

The npy Cityscapes numbers road 0 and bicycle 18. A mapping that takes 0 for background and begins
with road at 1 runs without an error: it trains road as background and sidewalk as road, and lists
an id 19 that no mask holds. Nothing but a count of the data shows it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from segexp.labels.taxonomy import VOID, VOID_NAME
from segexp.labels.warning import MappingWarning


def raw_id_warnings(
    class_of: Mapping[int, int],
    names_of_classes: Sequence[str],
    counts: Mapping[int, int],
    label_names: Mapping[int, str],
    background: Collection[int],
    shift: int = 0,
) -> list[MappingWarning]:
    """Compare the raw ids that a mapping lists with those in the data.

    Args:
        class_of: Raw id -> class id, as the mapping lists it.
        names_of_classes: The class names, by class id; others are shown as void or as numbers.
        counts: Raw id -> its pixels in the data; ids that do not occur may be left out.
        label_names: Raw id -> what the taxonomy calls it, ``void`` for its void ids. Empty when
            only the mapping itself says what an id means: then negative ids and 255 count as
            void.
        background: The class ids that stand for void, background, unlabelled or ignored.
        shift: What is added to the listed ids, by `shifted_ids`, before they are compared.

    Returns:
        Those that apply, in this order: ``absent-id``, a listed id that never occurs;
        ``unlisted-id``, a label in the data that is not listed; ``void-in-class``, a void id
        that goes to a class; ``background-label``, the most frequent label in a background class;
        and ``shifted-ids``, where there is an `explaining_shift`. Listed void ids that do not
        occur are not reported: a mapping may list both -1 and 255. Without counts the list is
        empty.
    """
    listed = _listing(class_of, names_of_classes, counts, label_names, background, shift)
    if not listed.counts:
        return []
    held = f"the data holds {id_ranges(listed.counts)}"
    messages = {}
    if listed.absent:
        ids = ", ".join(f"{listed.called(i)} -> {listed.goes_to(i)}" for i in listed.absent)
        messages["absent-id"] = f"raw id {ids} is listed but never occurs; {held}: check the ids"
    if listed.unlisted:
        ids = ", ".join(f"{listed.called(i)}, {listed.share(i)}" for i in listed.unlisted)
        messages["unlisted-id"] = (
            f"raw id {ids} of the pixels, occurs but is not listed; listed are "
            f"{id_ranges(listed.class_of)}: give it a class or make it void"
        )
    if listed.void_in_class:
        ids = ", ".join(f"{listed.called(i)} -> {listed.goes_to(i)}" for i in listed.void_in_class)
        messages["void-in-class"] = f"raw id {ids} is void but would be learned: make it void"
    top = listed.most_frequent
    if top is not None and listed.hides(top):
        messages["background-label"] = (
            f"raw id {listed.called(top)} is the most frequent label, {listed.share(top)} of the "
            f"pixels, and goes to {listed.goes_to(top)}: give it a class, unless that is meant"
        )
    by = _explaining(listed)
    if by is not None:
        messages["shifted-ids"] = _shift_message(listed, by)
    return [MappingWarning(kind, message) for kind, message in messages.items()]


def explaining_shift(
    class_of: Mapping[int, int],
    names_of_classes: Sequence[str],
    counts: Mapping[int, int],
    label_names: Mapping[int, str],
    background: Collection[int],
    shift: int = 0,
) -> int | None:
    """Return the shift, one less or one more than ``shift``, that makes the ids fit the data.

    After the shift there must be fewer findings, only absent ids (a rare label may be missing), and
    no label may leave a class of its own name. Without label names there must be a reason to doubt
    the ids: an id in the data is unlisted, or the most frequent one is in a background class.
    Otherwise data that merely lacks the last label, in a numbering with void at 0, would look
    shifted.

    Args:
        class_of: As in `raw_id_warnings`, like the others.
        names_of_classes: The class names, by class id.
        counts: Raw id -> its pixels in the data.
        label_names: Raw id -> what the taxonomy calls it; may be empty.
        background: The class ids that stand for void or background.
        shift: What is added to the listed ids now.

    Returns:
        What to add instead, or None when the ids fit as they are or no such shift helps.
    """
    listed = _listing(class_of, names_of_classes, counts, label_names, background, shift)
    by = _explaining(listed)
    return None if by is None else shift + by


def shifted_ids(class_of: Mapping[int, int], shift: int) -> dict[int, int]:
    """Add a number to every listed raw id but negative ones and 255.

    Those mean void in any numbering; a shifted id that reaches one replaces it.
    """
    stays = {i: class_id for i, class_id in class_of.items() if not moves_with_shift(i)}
    moves = {i + shift: class_id for i, class_id in class_of.items() if moves_with_shift(i)}
    return stays | moves


def moves_with_shift(raw_id: int) -> bool:
    """Whether `shifted_ids` moves a raw id."""
    return raw_id >= 0 and raw_id != VOID


def id_ranges(ids: Iterable[int]) -> str:
    """Write -1, 0, 1, 2, 255 as ``-1..2, 255``."""
    runs: list[list[int]] = []
    for raw_id in sorted(ids):
        if runs and raw_id == runs[-1][1] + 1:
            runs[-1][1] = raw_id
        else:
            runs.append([raw_id, raw_id])
    return ", ".join(str(a) if a == b else f"{a}..{b}" for a, b in runs)


@dataclass(frozen=True)
class _Listing:
    """The ids that a mapping lists beside those in the data; fields as in `raw_id_warnings`.

    ``own`` is the mapping's own listing, ``class_of`` that after the shift.
    """

    own: dict[int, int]
    shift: int
    names_of_classes: tuple[str, ...]
    counts: dict[int, int]
    label_names: Mapping[int, str]
    background: frozenset[int]

    @cached_property
    def class_of(self) -> dict[int, int]:
        return shifted_ids(self.own, self.shift)

    @property
    def absent(self) -> list[int]:
        return [
            raw_id
            for raw_id in sorted(self.class_of)
            if raw_id not in self.counts
            and not (self.hides(raw_id) and (_usual_void(raw_id) or self.names_void(raw_id)))
        ]

    @property
    def unlisted(self) -> list[int]:
        return [i for i in sorted(self.counts) if i not in self.class_of and not self.is_void(i)]

    @property
    def void_in_class(self) -> list[int]:
        listed = [i for i in sorted(self.counts) if i in self.class_of]
        return [i for i in listed if self.is_void(i) and not self.hides(i)]

    @property
    def most_frequent(self) -> int | None:
        labels = [raw_id for raw_id in self.counts if not self.is_void(raw_id)]
        return max(labels, key=lambda i: (self.counts[i], -i), default=None)

    @property
    def findings(self) -> int:
        top = self.most_frequent
        hidden = int(top is not None and self.hides(top))
        return len(self.absent) + len(self.unlisted) + len(self.void_in_class) + hidden

    @property
    def namesakes(self) -> int:
        """How many labels go to a class of their own name."""
        return sum(
            1
            for raw_id, name in self.label_names.items()
            if 0 <= self.class_of.get(raw_id, -1) < len(self.names_of_classes)
            and _plain(self.names_of_classes[self.class_of[raw_id]]) == _plain(name)
        )

    def shifted(self, by: int) -> "_Listing":
        return replace(self, shift=self.shift + by)

    def hides(self, raw_id: int) -> bool:
        return self.class_of.get(raw_id) in self.background

    def names_void(self, raw_id: int) -> bool:
        return self.label_names.get(raw_id) == VOID_NAME

    def is_void(self, raw_id: int) -> bool:
        if self.label_names:
            return raw_id not in self.label_names or self.names_void(raw_id)
        return _usual_void(raw_id)

    def called(self, raw_id: int) -> str:
        name = self.label_names.get(raw_id)
        return f"{raw_id} ({name})" if name else str(raw_id)

    def goes_to(self, raw_id: int) -> str:
        class_id = self.class_of[raw_id]
        if 0 <= class_id < len(self.names_of_classes):
            return repr(self.names_of_classes[class_id])
        return "void" if class_id in self.background else f"class {class_id}"

    def share(self, raw_id: int) -> str:
        return f"{self.counts[raw_id] / sum(self.counts.values()):.2%}"


def _listing(
    class_of: Mapping[int, int],
    names_of_classes: Sequence[str],
    counts: Mapping[int, int],
    label_names: Mapping[int, str],
    background: Collection[int],
    shift: int,
) -> _Listing:
    present = {raw_id: pixels for raw_id, pixels in counts.items() if pixels > 0}
    names = tuple(names_of_classes)
    return _Listing(dict(class_of), shift, names, present, label_names, frozenset(background))


def _explaining(listed: _Listing) -> int | None:
    """Return the step, -1 or +1, to the `explaining_shift`."""
    top = listed.most_frequent
    in_doubt = bool(listed.unlisted) or (top is not None and listed.hides(top))
    if not listed.counts or not (listed.label_names or in_doubt):
        return None
    fitting = []
    for by in (-1, 1):
        other = listed.shifted(by)
        only_absent = other.findings == len(other.absent)
        if only_absent and other.findings < listed.findings and other.namesakes >= listed.namesakes:
            fitting.append((other.findings, -other.namesakes, by))
    return min(fitting)[2] if fitting else None


def _shift_message(listed: _Listing, by: int) -> str:
    other = listed.shifted(by)
    gains = ["every listed id occurs"]
    if other.absent:
        do = "does" if len(other.absent) == 1 else "do"
        gains = [f"only {', '.join(other.called(i) for i in other.absent)} {do} not occur"]
    top = other.most_frequent
    if top in other.class_of and other.class_of[top] != listed.class_of.get(top):
        gains.append(f"{other.called(top)} goes to {other.goes_to(top)}")
    if other.namesakes > listed.namesakes:
        go = "label (0 now) goes to the class of its name"
        if other.namesakes > 1:
            go = f"labels ({listed.namesakes} now) go to the classes of their names"
        gains.append(f"{other.namesakes} {go}")
    moved = [i + listed.shift for i in listed.own if moves_with_shift(i)]
    example = f"{min(moved)} -> {min(moved) + by}, ..., {max(moved)} -> {max(moved) + by}"
    return (
        f"the listed ids look off by one: {'lowered' if by < 0 else 'raised'} by 1 ({example}), "
        f"{', '.join(gains)}; renumber them"
    )


def _usual_void(raw_id: int) -> bool:
    return raw_id < 0 or raw_id >= VOID


def _plain(name: str) -> str:
    return name.lower().replace("_", " ").replace("-", " ").strip()
