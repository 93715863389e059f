"""Merging front matter field by field."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.merge.fields import FieldPlan, Settled, merge_field, three
from gitsync.domain.merge.heads import Head, HeadField
from gitsync.domain.merge.lines import Conflict, merge_chunks, split_lines
from gitsync.domain.merge.order import merge_order
from gitsync.domain.merge.values import FieldConflict

if TYPE_CHECKING:
    from gitsync.domain.merge.heads import ReadHead
    from gitsync.domain.merge.values import MergeContext

MAX_SAID = 60


@dataclass(slots=True)
class MergedHead:
    """Front matter as merged so far: settled bytes and conflicts in order, and the fields that
    conflict. ``expected`` is what each field has to say, None where it was not merged by fields;
    ``why`` is set where that was not possible."""

    chunks: list[bytes | Conflict] = field(default_factory=list)
    fields: list[FieldConflict] = field(default_factory=list)
    expected: dict[str, Settled] | None = None
    why: str | None = None

    @property
    def line(self) -> int | None:
        """The first line, in the base, that conflicts."""
        return next((one.base_start for one in self.chunks if isinstance(one, Conflict)), None)

    def settled(self) -> bytes:
        """The front matter where nothing conflicts."""
        return b"".join(one for one in self.chunks if isinstance(one, bytes))

    def problem(self, read: ReadHead) -> str | None:
        """Why the settled front matter does not say what the fields were merged to, or None.

        Bytes that are right each for itself can be wrong together, so all is read once more.
        """
        if self.expected is None:
            return None
        try:
            found = read(self.settled()).fields
        except GitsyncError as error:
            return f"the fields of both sides together do not parse: {error}"
        if [one.name for one in found] != list(self.expected) or not all(
            self.expected[one.name].is_said_by(one) for one in found
        ):
            return "the fields of both sides together do not read as either meant them"
        return None


def merge_heads(base: bytes, ours: bytes, theirs: bytes, context: MergeContext) -> MergedHead:
    """Merge three heads, each from fence to fence; empty where a file has none."""
    simple = three(base, ours, theirs)
    if simple is not None:
        return MergedHead([simple])
    whole = Conflict(1, *(tuple(split_lines(side)) for side in (base, ours, theirs)))
    if not ours or not theirs:
        return MergedHead([whole], why="one side removed the front matter, the other changed it")
    try:
        heads = [_read(raw, context.read_head) for raw in (base, ours, theirs)]
    except GitsyncError:
        problems = (context.head_problem(raw) for raw in (base, ours, theirs))
        said = min(filter(None, problems), default="it is not closed as it was opened")
        return MergedHead(
            [whole], why=f"front matter that both sides changed cannot be read: {said}"
        )
    merged = _Fields(heads[0], heads[1], heads[2], context).merge()
    if merged is None:
        return MergedHead([whole], why="both sides put the fields in another order")
    return merged


def _read(raw: bytes, read: ReadHead) -> Head:
    return read(raw) if raw else Head(b"", (), b"")


class _Fields:
    def __init__(self, base: Head, ours: Head, theirs: Head, context: MergeContext) -> None:
        self.heads = (base, ours, theirs)
        self.sides = [{one.name: one for one in head.fields} for head in self.heads]
        self.rules = context.rules
        self.read = context.read_head
        named = {self._type(side) for side in self.sides[1:]}
        self.moves = (
            self.rules.moves_of(next(iter(named)), context.path) if len(named) == 1 else frozenset()
        )
        self.said: dict[str, Settled] = {}
        self.out = MergedHead(expected=self.said)

    def _type(self, side: dict[str, HeadField]) -> str | None:
        found = side.get(self.rules.type_field or "")
        return found.meaning[1] if found is not None and found.meaning[0] == "text" else None

    def merge(self) -> MergedHead | None:
        """None where the order of the fields cannot be told."""
        keep = [name for name in {**self.sides[1], **self.sides[2]} if not self._gone(name)]
        was, mine, other = self.heads
        order = merge_order(was.names, mine.names, other.names, keep)
        if order is None:
            return None
        self._lines(was.opening, mine.opening, other.opening, 1)
        for name in order:
            self._field(name, *(side.get(name) for side in self.sides))
        last = self.heads[0].opening.count(b"\n") + sum(one.raw.count(b"\n") for one in was.fields)
        self._lines(was.closing, mine.closing, other.closing, last + 1)
        return self.out

    def _gone(self, name: str) -> bool:
        """Whether one side removed the field, which the other left as it was."""
        was, mine, other = (side.get(name) for side in self.sides)
        if was is None or (mine is not None and other is not None):
            return False
        left = mine or other
        return left is None or left.raw == was.raw

    def _field(
        self, name: str, was: HeadField | None, mine: HeadField | None, other: HeadField | None
    ) -> None:
        if mine is None or other is None:
            left = mine or other
            if left is not None and was is None:
                self.out.chunks.append(left.raw)
                self.said[name] = Settled(left.field, left.meaning)
            else:
                self._conflict(name, was, mine, other, lead=True)
            return
        self._lines(
            was.lead if was else b"", mine.lead, other.lead,
            was.line - was.lead.count(b"\n") if was else 1,
        )  # fmt: skip
        plan = FieldPlan(self.rules.strategies.get(name), self.moves, self.read)
        merged = merge_field(was, mine, other, plan)
        if merged is None:
            self._conflict(name, was, mine, other)
        else:
            self.out.chunks.append(merged.raw)
            self.said[name] = merged

    def _conflict(
        self, name: str, was: HeadField | None, mine: HeadField | None, other: HeadField | None,
        *, lead: bool = False,
    ) -> None:  # fmt: skip
        sides = (was, mine, other)
        raws = (b"" if one is None else one.raw if lead else one.field for one in sides)
        # Where the base has no such field, the earlier of its places: the same for either side.
        line = min(one.line for one in ((was,) if was else (mine, other)) if one is not None)
        self.out.chunks.append(Conflict(line, *(tuple(split_lines(raw)) for raw in raws)))
        self.out.fields.append(FieldConflict(name, *(said(one) for one in sides)))

    def _lines(self, was: bytes, mine: bytes, other: bytes, line: int) -> None:
        """What stands between fields: three-way, then by lines."""
        found = three(was, mine, other)
        if found is not None:
            self.out.chunks.append(found)
            return
        for chunk in merge_chunks(was, mine, other):
            if isinstance(chunk, Conflict):
                place = chunk.base_start + line - 1
                self.out.chunks.append(replace(chunk, base_start=place))
            else:
                self.out.chunks.append(chunk)


def said(field: HeadField | None) -> str | None:
    """A field's value on one line, for people; None where there is no field."""
    if field is None:
        return None
    kind, *rest = field.meaning
    if kind in ("text", "number") and not field.several:
        text = str(rest[0])
    else:
        text = " ".join(field.value.decode("utf-8", "replace").split())
    return text if len(text) <= MAX_SAID else text[: MAX_SAID - 3] + "..."
