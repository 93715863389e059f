"""Folder listings that differ from a known one in a single id, without parsing them anew.

Most trees of a ledger are an earlier tree with one entry's id replaced. Where two raw listings have
one length and differ in nothing but the 20 bytes of one id, everything else about the second (its
names, modes, order) is proven to be as in the first.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from gitsync.codec.gitobjects import encode_tree, parse_tree
from gitsync.domain.merge.diff import common_prefix, common_suffix

if TYPE_CHECKING:
    from gitsync.domain.objects import Tree

ID_BYTES = 20


@dataclass(slots=True)
class Listing:
    """A folder listing parsed, its bytes, and (made when first needed) where each id begins.

    ``names`` are in the order of the bytes. ``spliced`` listings share names and most entries with
    the one that they were made from, and so weigh less.
    """

    tree: Tree
    raw: bytes
    names: list[bytes] | None = None
    ids: list[int] | None = None
    spliced: bool = False

    def places(self) -> tuple[list[bytes], list[int]]:
        """Names and the offsets of their ids in ``raw``, in the listing's order."""
        if self.names is None:
            # Not the mapping's order: a copy with an entry added has that one last.
            self.names = list(parse_tree(self.raw))
        if self.ids is None:
            ends = accumulate(
                len(self.tree[name][0]) + len(name) + 2 + ID_BYTES for name in self.names
            )
            self.ids = [end - ID_BYTES for end in ends]
        return self.names, self.ids


def read_listing(raw: bytes, near: Listing | None = None) -> tuple[Listing, bytes | None]:
    """Decode a listing, from the known one that it may differ little from; with the name of the
    one entry whose id differs, if they differ in nothing else.

    Raises FormatError ``tree.malformed``.
    """
    found = _one_id(near, raw) if near is not None else None
    if near is None or found is None:
        tree = parse_tree(raw)
        return Listing(tree, raw, list(tree)), None
    name, place = found
    tree = dict(near.tree)
    tree[name] = (tree[name][0], raw[place : place + ID_BYTES])
    return Listing(tree, raw, near.names, near.ids, spliced=True), name


def one_difference(before: Listing, after: Listing) -> bytes | None:
    """The name of the one entry whose id differs, if two listings differ in nothing else."""
    found = _one_id(before, after.raw)
    return found[0] if found is not None else None


def _one_id(near: Listing, raw: bytes) -> tuple[bytes, int] | None:
    """(name, offset of its id) if ``raw`` is ``near`` with exactly one id replaced."""
    if len(near.raw) != len(raw) or near.raw == raw:
        return None
    start = common_prefix(near.raw, raw)
    end = len(raw) - common_suffix(near.raw, raw, len(raw) - start)
    names, ids = near.places()
    at = bisect_right(ids, start) - 1
    if at < 0 or end > ids[at] + ID_BYTES:
        return None
    return names[at], ids[at]


def write_listing(
    tree: Tree, near: Listing | None = None, altered: tuple[bytes, ...] | None = None
) -> Listing:
    """Encode a listing; ``altered`` names what differs from ``near``, if the caller knows."""
    if near is not None and altered is not None and len(altered) == 1:
        name = altered[0]
        was, now = near.tree.get(name), tree.get(name)
        if was is not None and now is not None and was[0] == now[0]:
            names, ids = near.places()
            place = ids[names.index(name)]
            raw = b"".join((near.raw[:place], now[1], near.raw[place + ID_BYTES :]))
            return Listing(tree, raw, names, ids, spliced=True)
    return Listing(tree, encode_tree(tree))
