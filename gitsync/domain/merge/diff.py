"""A line diff that is frozen for ever.

Merges are replayed by others, years later and on other interpreters, so this module defines the
result completely: no library diff, no iteration over anything unordered, no clock, every tie
broken by a rule written here. Changing a single output means a new merge version.

The method: common head and tail are taken off; lines that occur once on both sides anchor the
rest (patience diff: the longest increasing run of them); what lies between anchors goes to Myers'
greedy algorithm ("An O(ND) Difference Algorithm and Its Variations", 1986) after lines without a
counterpart are set aside. Last, an insertion or deletion that could stand in several places is
moved down as far as it goes, and joined with the next change if it meets it.

Work is bounded. A gap that is too expensive becomes one hunk: a coarser answer, never a wrong one.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Most insertions plus deletions that one gap is searched for.
MAX_EDITS: Final = 512
#: Steps one diff may spend beyond what is linear in its input; roughly half a second of CPython.
MAX_WORK: Final = 1_000_000

_Run = TypeVar("_Run", bytes, list[bytes], list[int])
_Span = tuple[int, int, int, int]


class Match(NamedTuple):
    """``length`` equal lines, from line ``a`` of the one and line ``b`` of the other (from 0)."""

    a: int
    b: int
    length: int


class Hunk(NamedTuple):
    """Lines ``[a_start, a_end)`` of the one stand against ``[b_start, b_end)`` of the other."""

    a_start: int
    a_end: int
    b_start: int
    b_end: int


def common_prefix(a: _Run, b: _Run) -> int:
    """How many leading items two byte strings or two lists share: O(n) in C, no loop over items."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) >> 1
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_suffix(a: _Run, b: _Run, limit: int) -> int:
    """How many trailing items two byte strings or two lists share, at most ``limit``."""
    low, high = 0, limit
    end_a, end_b = len(a), len(b)
    while low < high:
        middle = (low + high + 1) >> 1
        if a[end_a - middle : end_a - low] == b[end_b - middle : end_b - low]:
            low = middle
        else:
            high = middle - 1
    return low


def diff(a: Sequence[bytes], b: Sequence[bytes]) -> list[Match | Hunk]:
    """What turns the lines ``a`` into the lines ``b``, in order and without gaps.

    Matches and hunks alternate and together cover both sides. ``diff(b, a)`` is the mirror image
    of ``diff(a, b)``. Never raises; costs O((N + M) log N) plus at most ``MAX_WORK`` steps.
    """
    parts: list[Match | Hunk] = []
    at_a = at_b = 0
    for hunk in hunks(a, b):
        if hunk.a_start > at_a:
            parts.append(Match(at_a, at_b, hunk.a_start - at_a))
        parts.append(hunk)
        at_a, at_b = hunk.a_end, hunk.b_end
    if at_a < len(a):
        parts.append(Match(at_a, at_b, len(a) - at_a))
    return parts


def hunks(a: Sequence[bytes], b: Sequence[bytes]) -> list[Hunk]:
    """Only the differing parts of :func:`diff`, in order."""
    a, b = list(a), list(b)
    head = common_prefix(a, b)
    if head == len(a) == len(b):
        return []
    tail = common_suffix(a, b, min(len(a), len(b)) - head)
    end_a, end_b = len(a) - tail, len(b) - tail
    if head in {end_a, end_b}:
        # After the head is taken off, a lone insertion or deletion already stands lowest.
        return [Hunk(head, end_a, head, end_b)]
    if set(a[head:end_a]).isdisjoint(b[head:end_b]):
        return [Hunk(head, end_a, head, end_b)]  # nothing to match, and nothing that could move
    ids: dict[bytes, int] = {}
    x = [ids.setdefault(line, len(ids)) for line in a[head:end_a]]
    y = [ids.setdefault(line, len(ids)) for line in b[head:end_b]]
    # Ties are broken in favour of one side; searching in a fixed order makes both directions agree.
    if (len(a), a) > (len(b), b):
        matches = [(at_x, at_y, n) for at_y, at_x, n in _Search(y, x).matches()]
    else:
        matches = _Search(x, y).matches()
    found: list[Hunk] = []
    at_a = at_b = head
    for at_x, at_y, length in [*matches, (end_a - head, end_b - head, 0)]:
        start_a, start_b = at_x + head, at_y + head
        if start_a > at_a or start_b > at_b:
            found.append(Hunk(at_a, start_a, at_b, start_b))
        at_a, at_b = start_a + length, start_b + length
    return _settle(a, b, found)


def _settle(a: list[bytes], b: list[bytes], found: list[Hunk]) -> list[Hunk]:
    """Move lone insertions and deletions down as far as they go; join those that meet the next."""
    settled: list[Hunk] = []
    last = len(found) - 1
    start: tuple[int, int] | None = None
    for i, hunk in enumerate(found):
        a_start, a_end, b_start, b_end = hunk
        if start is not None:
            a_start, b_start = start
            start = None
        limit = found[i + 1].a_start if i < last else len(a)
        down = 0
        if a_start == a_end:
            while a_end + down < limit and b[b_start + down] == b[b_end + down]:
                down += 1
        elif b_start == b_end:
            while a_end + down < limit and a[a_start + down] == a[a_end + down]:
                down += 1
        if i < last and a_end + down == limit:
            start = (a_start + down, b_start + down)
        else:
            settled.append(Hunk(a_start + down, a_end + down, b_start + down, b_end + down))
    return settled


class _Search:
    """Finds matching runs in two lists of line numbers within a budget of steps."""

    def __init__(self, x: list[int], y: list[int]) -> None:
        self._x = x
        self._y = y
        self._work = MAX_WORK + 4 * (len(x) + len(y))
        self._found: list[tuple[int, int, int]] = []

    def matches(self) -> list[tuple[int, int, int]]:
        """Runs (start in x, start in y, length), rising on both sides; runs may touch."""
        gaps: list[_Span] = [(0, len(self._x), 0, len(self._y))]
        while gaps:
            gap = self._trim(gaps.pop())
            if gap[0] == gap[1] or gap[2] == gap[3]:
                continue
            self._work -= gap[1] - gap[0] + gap[3] - gap[2]
            if self._work < 0:
                continue
            anchors = self._anchors(gap)
            if anchors:
                gaps += self._split(gap, anchors)
            else:
                self._myers(gap)
        self._found.sort()
        return self._found

    def _trim(self, gap: _Span) -> _Span:
        """Record what the gap's ends have in common and return what is left of it."""
        x, y = self._x, self._y
        x_start, x_end, y_start, y_end = gap
        at = x_start
        while x_start < x_end and y_start < y_end and x[x_start] == y[y_start]:
            x_start += 1
            y_start += 1
        if x_start > at:
            self._found.append((at, y_start - (x_start - at), x_start - at))
        at = x_end
        while x_start < x_end and y_start < y_end and x[x_end - 1] == y[y_end - 1]:
            x_end -= 1
            y_end -= 1
        if x_end < at:
            self._found.append((x_end, y_end, at - x_end))
        return x_start, x_end, y_start, y_end

    def _anchors(self, gap: _Span) -> list[tuple[int, int]]:
        """Lines that occur once on both sides, as the longest run that rises on both."""
        once_x = _once(self._x, gap[0], gap[1])
        once_y = _once(self._y, gap[2], gap[3])
        pairs = [
            (at_x, once_y[line])
            for line, at_x in once_x.items()
            if at_x >= 0 and once_y.get(line, -1) >= 0
        ]
        return _longest_rise(pairs)

    def _split(self, gap: _Span, anchors: list[tuple[int, int]]) -> list[_Span]:
        between: list[_Span] = []
        x_at, _, y_at, _ = gap
        for at_x, at_y in anchors:
            self._found.append((at_x, at_y, 1))
            if at_x > x_at and at_y > y_at:
                between.append((x_at, at_x, y_at, at_y))
            x_at, y_at = at_x + 1, at_y + 1
        if gap[1] > x_at and gap[3] > y_at:
            between.append((x_at, gap[1], y_at, gap[3]))
        return between

    def _myers(self, gap: _Span) -> None:
        x_start, x_end, y_start, y_end = gap
        in_x = set(self._x[x_start:x_end])
        in_y = set(self._y[y_start:y_end])
        # Lines without a counterpart cannot match, and would only make the search longer.
        at_x = [i for i in range(x_start, x_end) if self._x[i] in in_y]
        at_y = [j for j in range(y_start, y_end) if self._y[j] in in_x]
        pairs, self._work = _greedy(
            [self._x[i] for i in at_x], [self._y[j] for j in at_y], self._work
        )
        self._found += [(at_x[i], at_y[j], 1) for i, j in pairs]


def _once(lines: list[int], start: int, end: int) -> dict[int, int]:
    """Line -> its position if it occurs once, else -1; in order of first occurrence."""
    seen: dict[int, int] = {}
    for i in range(start, end):
        line = lines[i]
        seen[line] = -1 if line in seen else i
    return seen


def _longest_rise(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run rising in both numbers, from pairs that rise in the first.

    Patience sorting, O(n log n). All numbers differ, so the piles are unambiguous; among longest
    runs it is the one that ends on the last pile's latest card and follows the links back.
    """
    tops: list[int] = []
    cards: list[int] = []
    links: list[int] = []
    for index, (_, value) in enumerate(pairs):
        pile = bisect_left(tops, value)
        links.append(cards[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(value)
            cards.append(index)
        else:
            tops[pile] = value
            cards[pile] = index
    run: list[tuple[int, int]] = []
    at = cards[-1] if cards else -1
    while at >= 0:
        run.append(pairs[at])
        at = links[at]
    run.reverse()
    return run


def _greedy(x: list[int], y: list[int], work: int) -> tuple[list[tuple[int, int]], int]:
    """Myers' greedy search: (matching positions, work left); no matches if it gets too long.

    ``reach[k]`` is how far into ``x`` a path on diagonal ``k`` (position in x minus position in
    y) gets. Where a deletion and an insertion reach equally far, the deletion is taken.
    """
    n, m = len(x), len(y)
    reach = [0] * (2 * MAX_EDITS + 3)
    trace: list[list[int]] = []
    for edits in range(min(n + m, MAX_EDITS) + 1):
        # No path can leave the grid: at most n deletions and m insertions.
        low = -edits + 2 * max(0, edits - m)
        high = edits - 2 * max(0, edits - n)
        trace.append(reach[-edits:] + reach[: edits + 1] if edits else reach[:1])
        for k in range(low, high + 1, 2):
            if k == -edits or (k != edits and reach[k - 1] < reach[k + 1]):
                at = reach[k + 1]
            else:
                at = reach[k - 1] + 1
            begin = at
            while at < n and at - k < m and x[at] == y[at - k]:
                at += 1
            reach[k] = at
            work -= 1 + at - begin
            if at >= n and at - k >= m:
                return _walk_back(trace, n, m), work
            if work < 0:
                return [], work
    return [], work


def _walk_back(trace: list[list[int]], n: int, m: int) -> list[tuple[int, int]]:
    """The matched positions of the path that :func:`_greedy` found, rising."""
    pairs: list[tuple[int, int]] = []
    i, j = n, m
    for edits in range(len(trace) - 1, -1, -1):
        reach = trace[edits]  # as it was before this round; reach[k + edits] is diagonal k
        k = i - j
        if edits == 0:
            from_i = from_j = 0
        elif k == -edits or (k != edits and reach[k - 1 + edits] < reach[k + 1 + edits]):
            from_i = reach[k + 1 + edits]
            from_j = from_i - (k + 1)
        else:
            from_i = reach[k - 1 + edits]
            from_j = from_i - (k - 1)
        while i > from_i and j > from_j:
            i -= 1
            j -= 1
            pairs.append((i, j))
        i, j = from_i, from_j
    pairs.reverse()
    return pairs
