"""Valid files, damaged the way that attackers, disks and transports damage them.

Edits know lines, numbers and brackets, so that what comes out is often nearly valid: random bytes
alone would be refused at the first look, and nothing behind it would ever be tried.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Draw = Callable[..., object]
    Edit = Callable[[Draw, bytes, Sequence[bytes], Sequence[bytes]], bytes]

MAX_BYTES = 256 * 1024

#: What breaks readers of text and of lengths, whatever the format.
TOKENS = (
    b"\0", b"\n", b"\n\n", b"\r\n", b"\r", b" ", b"\t", b":", b": ", b",", b"-", b"#", b'"', b"'",
    b"\\", b"\x7f", b"\x1b[31m", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf",
    "\u202e\u2066\u200b".encode(), "\u0085\u2028\u2029".encode(), "e\u0301\u212b\ufb01".encode(),
    "\U0001f468\u200d\U0001f469\U000e0001".encode(), "\u0661\u0966\uff11".encode(),
    "\u0130I\u0131".encode(),
    b"0", b"-0", b"00", b"-1", b"1e999", b"0x7f", b"1_0", b"2147483648", b"4294967296",
    b"9223372036854775808", b"9" * 40, b"9" * 5000, b"\x00\x00\x00\x00", b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff", b"null", b"true", b"~", b"{}", b"[]", b"\\ud800", b"\\u0000",
)  # fmt: skip
_NUMBER = re.compile(rb"[0-9]+")
_DEEP = (b"[", b"{", b"- ", b'{"a":', b"a: ", b"&a [*a, ", b"(", b"*/", b"**/", b"> ")


def _at(draw: Draw, data: bytes) -> int:
    found = draw(st.integers(0, len(data)))
    assert isinstance(found, int)
    return found


def _span(draw: Draw, data: bytes) -> tuple[int, int]:
    start = _at(draw, data)
    return start, min(len(data), start + draw(st.integers(1, 80)))


def _flip(draw: Draw, data: bytes, *_: object) -> bytes:
    if not data:
        return data
    at = draw(st.integers(0, len(data) - 1))
    return data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]


def _set(draw: Draw, data: bytes, *_: object) -> bytes:
    at = _at(draw, data)
    return data[:at] + draw(st.binary(min_size=1, max_size=8)) + data[at + 1 :]


def _cut_end(draw: Draw, data: bytes, *_: object) -> bytes:
    return data[: _at(draw, data)]


def _cut_out(draw: Draw, data: bytes, *_: object) -> bytes:
    start, end = _span(draw, data)
    return data[:start] + data[end:]


def _put(draw: Draw, data: bytes, _seeds: object, tokens: Sequence[bytes]) -> bytes:
    at = _at(draw, data)
    return data[:at] + draw(st.sampled_from(tokens)) + data[at:]


def _replace(draw: Draw, data: bytes, _seeds: object, tokens: Sequence[bytes]) -> bytes:
    start, end = _span(draw, data)
    return data[:start] + draw(st.sampled_from(tokens)) + data[end:]


def _again(draw: Draw, data: bytes, *_: object) -> bytes:
    start, end = _span(draw, data)
    times = draw(st.sampled_from((1, 2, 3, 70, 1000)))
    return data[:end] + data[start:end] * times + data[end:]


def _lines(draw: Draw, data: bytes, *_: object) -> bytes:
    """A line twice, elsewhere, or gone: headers out of order, repeated, missing."""
    lines = data.split(b"\n")
    at = draw(st.integers(0, len(lines) - 1))
    line = lines[at]
    what = draw(st.sampled_from(("twice", "gone", "moved", "copied", "continued")))
    if what in ("gone", "moved"):
        del lines[at]
    if what in ("twice", "moved", "copied"):
        lines.insert(at if what == "twice" else draw(st.integers(0, len(lines))), line)
    if what == "continued":
        lines[at] = b" " + line
    return b"\n".join(lines)


def _number(draw: Draw, data: bytes, _seeds: object, tokens: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    match = found[draw(st.integers(0, len(found) - 1))]
    new = draw(st.sampled_from([one for one in tokens if _NUMBER.search(one)]))
    return data[: match.start()] + new + data[match.end() :]


def _splice(draw: Draw, data: bytes, seeds: Sequence[bytes], _tokens: object) -> bytes:
    other = draw(st.sampled_from(seeds))
    return data[: _at(draw, data)] + other[_at(draw, other) :]


def _deep(draw: Draw, data: bytes, *_: object) -> bytes:
    at = _at(draw, data)
    times = draw(st.sampled_from((2, 20, 70, 3000, 30000)))
    return data[:at] + draw(st.sampled_from(_DEEP)) * times + data[at:]


EDITS: tuple[Edit, ...] = (
    _flip, _flip, _set, _cut_end, _cut_out, _put, _put, _replace, _again, _lines, _lines, _number,
    _splice, _deep,
)  # fmt: skip


@st.composite
def damaged(draw: Draw, seeds: Sequence[bytes], more: Sequence[bytes] = ()) -> bytes:
    """One of the seeds after none to six edits; ``more`` are words of the format itself."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        data = draw(st.sampled_from(EDITS))(draw, data, seeds, (*TOKENS, *more))
    return data[:MAX_BYTES]
