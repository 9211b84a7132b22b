"""Raw ids that a numeric mapping lists against the ids in the data: the mapping that is off by one.

The npy Cityscapes numbers road 0 and bicycle 18. A mapping that takes 0 for background and begins
with road at 1 runs without an error: it trains road as background and sidewalk as road, and lists
an id 19 that no mask holds. Nothing but a count of the data shows it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from segexp.mapping_warning import MappingWarning
from segexp.taxonomy import VOID, VOID_NAME


def raw_id_warnings(
    class_of: Mapping[int, int],
    names_of_classes: Sequence[str],
    counts: Mapping[int, int],
    label_names: Mapping[int, str],
    background: Collection[int],
) -> list[MappingWarning]:
    """Compare the raw ids that a mapping lists with those in the data.

    Args:
        class_of: Raw id -> class id, as the mapping lists it.
        names_of_classes: The class names, by class id; others are shown as void or as numbers.
        counts: Raw id -> its pixels in the data; ids that do not occur may be left out.
        label_names: Raw id -> what the taxonomy calls it, ``void`` for its void ids. Empty when
            nothing but the mapping itself says what an id means: then negative ids and 255 are
            taken for void.
        background: The class ids that stand for void, background, unlabelled or ignored.

    Returns:
        Where there is cause, in this order: ``absent-id``, a listed id that never occurs;
        ``unlisted-id``, a label in the data that is not listed; ``void-in-class``, a void id
        that goes to a class; ``background-label``, the most frequent label in a background class;
        and ``shifted-ids``, when the ids lowered or raised by one leave fewer of these. Listed
        void ids that do not occur are no cause: a mapping may list both -1 and 255. Without
        counts there is nothing to say.
    """
    present = {raw_id: pixels for raw_id, pixels in counts.items() if pixels > 0}
    if not present:
        return []
    listed = _Listing(
        dict(class_of), tuple(names_of_classes), present, label_names, frozenset(background)
    )
    held = f"the data holds {id_ranges(present)}"
    messages = {}
    if listed.absent:
        ids = ", ".join(f"{listed.called(i)} -> {listed.goes_to(i)}" for i in listed.absent)
        messages["absent-id"] = f"raw id {ids} is listed but never occurs; {held}: check the ids"
    if listed.unlisted:
        ids = ", ".join(f"{listed.called(i)}, {listed.share(i)}" for i in listed.unlisted)
        messages["unlisted-id"] = (
            f"raw id {ids} of the pixels, occurs but is not listed; listed are "
            f"{id_ranges(class_of)}: give it a class or make it void"
        )
    if listed.void_in_class:
        ids = ", ".join(f"{listed.called(i)} -> {listed.goes_to(i)}" for i in listed.void_in_class)
        messages["void-in-class"] = f"raw id {ids} is void, but would be learned: make it void"
    top = listed.most_frequent
    if top is not None and listed.hides(top):
        messages["background-label"] = (
            f"raw id {listed.called(top)} is the most frequent label, {listed.share(top)} of the "
            f"pixels, and goes to {listed.goes_to(top)}: give it a class, unless that is meant"
        )
    if by := _explaining_shift(listed):
        messages["shifted-ids"] = _shift_message(listed, by)
    return [MappingWarning(kind, message) for kind, message in messages.items()]


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
    """The ids that a mapping lists beside those in the data; fields as in `raw_id_warnings`."""

    class_of: dict[int, int]
    names_of_classes: tuple[str, ...]
    counts: dict[int, int]
    label_names: Mapping[int, str]
    background: frozenset[int]

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
        # 255 means void in any numbering; -1 becomes -2, as free a number.
        moved = {(i if i == VOID else i + by): class_id for i, class_id in self.class_of.items()}
        return replace(self, class_of=moved)

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


def _explaining_shift(listed: _Listing) -> int | None:
    """Return -1 or +1 when the listed ids, so shifted, fit the data where they do not now.

    They must leave fewer findings, none but absent ids (a rare label may be missing besides), and
    part no label from a class of its own name. Without label names the most frequent id must be
    unlisted or in a background class now: else data that merely lacks the last label, in a
    numbering with void at 0, would look shifted.
    """
    top = listed.most_frequent
    if not listed.label_names and top in listed.class_of and not listed.hides(top):
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
        gains = [f"only {', '.join(other.called(i) for i in other.absent)} does not occur"]
    top = other.most_frequent
    if top in other.class_of and other.class_of[top] != listed.class_of.get(top):
        gains.append(f"{other.called(top)} goes to {other.goes_to(top)}")
    if other.namesakes > listed.namesakes:
        gains.append(f"{other.namesakes} labels ({listed.namesakes} now) go to their namesakes")
    moved = [i for i in listed.class_of if not _usual_void(i)] or list(listed.class_of)
    example = f"{min(moved)} -> {min(moved) + by}, ..., {max(moved)} -> {max(moved) + by}"
    return (
        f"the listed ids look off by one: {'lowered' if by < 0 else 'raised'} by 1 ({example}), "
        f"{', '.join(gains)}; renumber them"
    )


def _usual_void(raw_id: int) -> bool:
    return raw_id < 0 or raw_id >= VOID


def _plain(name: str) -> str:
    return name.lower().replace("_", " ").replace("-", " ").strip()
