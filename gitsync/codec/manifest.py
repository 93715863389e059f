"""The text of a bundle's manifest: one value has one spelling (docs/reference/bundles.md).

Lines of words with one space between them, in a fixed order; the lists among them sorted and
without repeats. Whatever does not encode to the same bytes again is refused.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, NoReturn

from gitsync.domain.carrying import ANYBODY, Ack, Change, Manifest
from gitsync.domain.errors import FormatError, UsageError
from gitsync.domain.lateregex import late_regex
from gitsync.domain.names import check_domain
from gitsync.domain.objects import Oid

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_LINE: Final = "gitsync-bundle 1"
MAX_BYTES: Final = 64 << 20
MAX_REFS: Final = 250_000
MAX_REF_BYTES: Final = 400
MAX_NEEDS: Final = 10_000
MAX_PEERS: Final = 10_000

_OID = late_regex(r"[0-9a-f]{40}")
_NUMBER = late_regex(r"0|[1-9][0-9]{0,11}")
# What git allows in a ref's name, and of that only what any disk and terminal can take.
_REF = late_regex(r"refs/[A-Za-z0-9][A-Za-z0-9._@+/-]*")


def encode(manifest: Manifest) -> bytes:
    """The manifest as the content of its blob. Raises FormatError for what may not be in one."""
    one = manifest
    lines = [
        FIRST_LINE,
        f"ledger {one.ledger}",
        f"space {one.space}",
        f"from {one.sender}",
        f"to {one.recipient}",
        f"sequence {one.sequence}",
        f"after {one.basis}",
        f"position {one.number} {one.common}",
        f"made {one.at}",
        *(f"need {oid}" for oid in sorted(one.needs)),
        *(f"seen {domain} {number}" for domain, number in sorted(one.vector)),
    ]
    for ack in sorted(one.acks, key=lambda each: each.domain):
        lines.append(f"ack {ack.domain} {ack.sequence} {ack.manifest}")
        lines += [f"lack {ack.domain} {ref}" for ref in sorted(ack.lacks)]
    lines += [_change(change) for change in sorted(one.changes, key=lambda each: each.ref)]
    return ("\n".join(lines) + "\n").encode()


def _change(change: Change) -> str:
    if change.new is None:
        return f"gone {change.old} {change.ref}"
    if change.old is None:
        return f"new {change.new} {change.ref}"
    return f"move {change.new} {change.old} {change.ref}"


def parse(data: bytes) -> Manifest:
    """The inverse of :func:`encode`.

    Raises FormatError ``manifest.malformed``, ``manifest.too-large`` or ``manifest.version``.
    """
    if len(data) > MAX_BYTES:
        raise FormatError("manifest.too-large", f"the manifest is larger than {MAX_BYTES} bytes")
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        _malformed("it is not plain text")
    if lines[0] != FIRST_LINE:
        if lines[0].startswith("gitsync-bundle "):
            raise FormatError(
                "manifest.version", "the bundle was written by a newer gitsync",
                hint="install a newer version and read it with that",
            )  # fmt: skip
        _malformed("it does not begin like one")
    if lines.pop() or len(lines) < 9:
        _malformed("it is cut")
    reader = _Lines(lines)
    found = reader.manifest()
    if encode(found) != data:
        _malformed("it is not in the form that it is written in")
    return found


class _Lines:
    """The lines of a manifest, taken from the first on."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 1

    def manifest(self) -> Manifest:
        ledger = _oid(self._one("ledger"))
        space = _domain(self._one("space"))
        sender = _domain(self._one("from"))
        to = self._one("to")
        recipient = to if to == ANYBODY else _domain(to)
        sequence, basis = _int(self._one("sequence")), _int(self._one("after"))
        number, common = self._words(self._one("position"), 2)
        found = Manifest(
            ledger, space, sender, recipient, sequence, basis, _int(number), _oid(common),
            _int(self._one("made")),
            needs=tuple(_oid(rest) for rest in self._many("need", MAX_NEEDS)),
            vector=tuple(
                (_domain(domain), _int(seen))
                for domain, seen in (self._words(r, 2) for r in self._many("seen", MAX_PEERS))
            ),
            acks=tuple(self._acks()),
            changes=tuple(self._changes()),
        )  # fmt: skip
        if found.sequence < 1 or found.number < 1:
            _malformed("numbers begin at 1")
        if found.basis >= found.sequence:
            _malformed("a bundle comes after an earlier one")
        if (found.basis or found.needs) and found.recipient == ANYBODY:
            _malformed("what is for anybody builds on nothing")
        for listed in (found.needs, found.vector, found.acks, found.changes):
            _distinct(listed)
        return found

    def _one(self, key: str) -> str:
        line = self._lines[self._at] if self._at < len(self._lines) else ""
        word, space, rest = line.partition(" ")
        if word != key or not space:
            _malformed(f"line {self._at + 1} should be its {key!r}")
        self._at += 1
        return rest

    def _many(self, key: str, limit: int) -> Iterable[str]:
        count = 0
        while self._at < len(self._lines) and self._lines[self._at].startswith(f"{key} "):
            count += 1
            if count > limit:
                raise FormatError("manifest.too-large", f"the manifest has over {limit} {key!r}")
            yield self._one(key)

    def _acks(self) -> Iterable[Ack]:
        for rest in self._many("ack", MAX_PEERS):
            domain, sequence, manifest = self._words(rest, 3)
            lacks = []
            for lack in self._many("lack", MAX_REFS):
                whose, ref = self._words(lack, 2)
                if whose != domain:
                    _malformed("a 'lack' belongs to the 'ack' above it")
                lacks.append(_ref(ref))
            _distinct(lacks)
            yield Ack(_domain(domain), _int(sequence), _oid(manifest), tuple(lacks))

    def _changes(self) -> Iterable[Change]:
        if len(self._lines) - self._at > MAX_REFS:
            raise FormatError("manifest.too-large", f"the manifest has over {MAX_REFS} refs")
        while self._at < len(self._lines):
            key, _, rest = self._lines[self._at].partition(" ")
            self._at += 1
            if key == "move":
                new, old, ref = self._words(rest, 3)
                yield Change(_ref(ref), _oid(new), _oid(old))
                continue
            oid, ref = self._words(rest, 2)
            if key == "new":
                yield Change(_ref(ref), _oid(oid), None)
            elif key == "gone":
                yield Change(_ref(ref), None, _oid(oid))
            else:
                _malformed(f"line {self._at} is none of a manifest's")

    @staticmethod
    def _words(text: str, count: int) -> list[str]:
        words = text.split(" ")
        if len(words) != count:
            _malformed("a line has words too many or too few")
        return words


def _oid(text: str) -> Oid:
    if not _OID.fullmatch(text):
        _malformed("an object id is not one")
    return Oid(text)


def _int(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        _malformed("a number is not one")
    return int(text)


def _domain(text: str) -> str:
    try:
        return check_domain(text)
    except UsageError:
        _malformed("a name cannot name a domain")


def _ref(text: str) -> str:
    if len(text) > MAX_REF_BYTES or not _REF.fullmatch(text):
        _malformed("a ref has a name that no ref of a ledger has")
    return text


def _distinct(listed: Iterable[object]) -> None:
    keys = [_key(one) for one in listed]
    if any(before >= after for before, after in itertools.pairwise(keys)):
        _malformed("a list in it is not sorted, or says something twice")


def _key(one: object) -> str:
    if isinstance(one, Change):
        return one.ref
    if isinstance(one, Ack):
        return one.domain
    return one[0] if isinstance(one, tuple) else str(one)


def _malformed(why: str) -> NoReturn:
    raise FormatError("manifest.malformed", f"the bundle's manifest cannot be read: {why}")
