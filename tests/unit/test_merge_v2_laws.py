"""The laws of merge version 2, on generated artifacts with messy front matter."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitsync.codec.frontmatter_parts import read_head
from gitsync.domain.errors import GitsyncError
from gitsync.domain.merge.blocks import split_blocks
from gitsync.domain.merge.lines import Conflict, split_lines
from gitsync.domain.merge.values import FileConflict
from gitsync.domain.merge.version1 import merge_v1, split_front_matter
from tests.unit.mergekit import LINES, head_problem, merge, swapped, triples

calm = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(calm, max_examples=300)
@given(triples())
def test_the_sides_can_be_exchanged(three):
    base, ours, theirs = three
    assert merge(base, theirs, ours) == swapped(merge(base, ours, theirs))


@settings(calm, max_examples=200)
@given(triples())
def test_identity_and_idempotence(three):
    base, ours, theirs = three
    assert merge(base, ours, base) == merge(base, base, ours) == ours
    assert merge(base, ours, ours) == ours
    found = merge(base, ours, theirs)
    if isinstance(found, bytes):
        assert merge(base, found, found) == found
        assert merge(found, found, theirs) == theirs


def parts(raw: bytes):
    """(fields by name, body) of a file; None where its front matter cannot be read."""
    head, body = split_front_matter(raw) or (b"", raw)
    try:
        fields = read_head(head).fields if head else ()
    except GitsyncError:
        return None
    return {one.name: one for one in fields}, body


@settings(calm, max_examples=300)
@given(triples())
def test_every_one_sided_change_survives(three):
    merged = merge(*three)
    if isinstance(merged, FileConflict):
        return
    found = [parts(raw) for raw in (*three, merged)]
    if None in found:
        return
    (base, was), (ours, mine), (theirs, other), (after, body) = found
    for side, beside in ((ours, theirs), (theirs, ours)):
        for name in {**base, **side}:
            before, now, there = base.get(name), side.get(name), beside.get(name)
            if before is not None and there is not None and there.raw == before.raw:
                assert after.get(name) == now or after[name].raw == now.raw, name
            elif before is None and there is None and now is not None:
                assert after[name].raw == now.raw, name
    for side in (mine, other):
        added = Counter(split_lines(side)) - Counter(split_lines(was))
        assert not added - Counter(split_lines(body))
    # Nothing comes from nowhere, and nothing that both kept is lost.
    known = Counter(split_lines(mine)) | Counter(split_lines(other)) | Counter(split_lines(was))
    assert not set(split_lines(body)) - set(known)


def bare(raw: bytes):
    return [line.rstrip(b"\r\n") for line in split_lines(raw)]


@settings(calm, max_examples=300)
@given(triples())
def test_a_conflict_shows_all_of_both_sides(three):
    """Whoever takes one side of each conflict gets everything that this side alone changed."""
    found = merge(*three)
    if isinstance(found, bytes) or not found.chunks:
        return
    _, ours, theirs = three
    for side, lines in ((ours, "ours_lines"), (theirs, "theirs_lines")):
        taken = b"\n".join(
            b"".join(getattr(one, lines)) if isinstance(one, Conflict) else one
            for one in found.chunks
        )
        lost = set(bare(side)) - set(bare(three[0])) - set(bare(taken))
        # A value that was merged with the other side's comment or quotes stands on another line.
        assert all(b":" in line or b"- " in line for line in lost), lost


@settings(calm, max_examples=200)
@given(triples())
def test_what_is_merged_can_be_merged_by_version_1_or_says_why(three):
    """Both clean and yet different happens only in front matter, where a strategy explains it."""
    new = merge(*three)
    old = merge_v1(*three, head_problem)
    if isinstance(new, bytes) and isinstance(old, bytes) and new != old:
        if None in map(split_front_matter, three):
            return  # version 1 merges head and body as one text there
        heads = [split_front_matter(raw) for raw in (new, old)]
        assert None not in heads
        assert heads[0][1] == heads[1][1]


@settings(calm, max_examples=300)
@given(st.lists(st.sampled_from(LINES), max_size=30).map("".join))
def test_blocks_are_the_text_and_nothing_is_cut_inside_a_fence(text):
    raw = text.encode()
    blocks = split_blocks(raw)
    assert b"".join(one.data for one in blocks) == raw
    assert all(one.data for one in blocks)
    assert all(one.data.endswith(b"\n") for one in blocks[:-1])
    again = split_blocks(b"".join(one.data for one in blocks))
    assert again == blocks
