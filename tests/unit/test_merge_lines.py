"""The line diff and the three-way merge: laws, bounds, and agreement with ``git merge-file``."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitsync.domain.merge import diff as diff_module
from gitsync.domain.merge.diff import Hunk, Match, diff, hunks
from gitsync.domain.merge.lines import (
    Conflict,
    merge_chunks,
    merge_lines,
    split_lines,
)
from gitsync.domain.merge.markers import Labels, render_conflicts

# Few different lines make repeats, moved blocks and ambiguous insertions likely.
LINES = st.sampled_from(
    [b"\n", b"- a\n", b"- b\n", b"- c\r\n", b"## h\n", b"text\n", b"lone\rcr\n"]
)
FILES = st.tuples(st.lists(LINES, max_size=14), st.sampled_from([b"", b"end", b"\r"])).map(
    lambda parts: b"".join(parts[0]) + parts[1]
)


@st.composite
def edited(draw, lines, most=4):
    """The lines after a few insertions, deletions, replacements and moves."""
    lines = list(lines)
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(lines)))
        match draw(st.sampled_from("idrm")):
            case "i":
                lines[at:at] = draw(st.lists(LINES, min_size=1, max_size=3))
            case "d":
                del lines[at : at + draw(st.integers(1, 3))]
            case "r":
                lines[at : at + 1] = [draw(LINES)]
            case "m":
                block = lines[at : at + 2]
                del lines[at : at + 2]
                to = draw(st.integers(0, len(lines)))
                lines[to:to] = block
    return lines


@st.composite
def three(draw):
    base = draw(st.lists(LINES, max_size=25))
    return tuple(b"".join(side) for side in (base, draw(edited(base)), draw(edited(base))))


def swapped(merged):
    if isinstance(merged, bytes):
        return merged
    return tuple(Conflict(c.base_start, c.base_lines, c.theirs_lines, c.ours_lines) for c in merged)


def apply(a, b, parts):
    """Rebuild b from a and the parts, checking that the parts cover both sides without gaps."""
    out, at_a, at_b = [], 0, 0
    for part in parts:
        if isinstance(part, Match):
            assert (part.a, part.b) == (at_a, at_b)
            assert part.length > 0
            assert a[at_a : at_a + part.length] == b[at_b : at_b + part.length]
            out += a[at_a : at_a + part.length]
            at_a, at_b = at_a + part.length, at_b + part.length
        else:
            assert (part.a_start, part.b_start) == (at_a, at_b)
            assert part.a_end > at_a or part.b_end > at_b
            out += b[part.b_start : part.b_end]
            at_a, at_b = part.a_end, part.b_end
    assert (at_a, at_b) == (len(a), len(b))
    return out


def merged_by_marks(base, ours, theirs):
    """The lines of diff3's result found in another way, or None where it is a conflict.

    Even marks are the seams between base lines, odd ones the lines; what a hunk touches is marked,
    and each unbroken run of marks is a chunk.
    """
    marks = [False] * (2 * len(base) + 1)
    edits = [{}, {}]
    for side, lines in enumerate((ours, theirs)):
        for h in hunks(base, lines):
            edits[side][h.a_start] = (h.a_end, lines[h.b_start : h.b_end])
            marks[2 * h.a_start : 2 * h.a_end + 1] = [True] * (2 * (h.a_end - h.a_start) + 1)
    out, mark = [], 0
    while mark < len(marks):
        if not marks[mark]:
            out += base[mark // 2 : mark // 2 + 1] if mark % 2 else []
            mark += 1
            continue
        start = mark // 2
        while mark < len(marks) and marks[mark]:
            mark += 1
        end = (mark - 1) // 2
        texts = []
        for side in edits:
            text, at = [], start
            while at <= end:
                if at in side:
                    at_end, added = side[at]
                    text += added
                    if at_end > at:
                        at = at_end
                        continue
                text += base[at:end][:1]
                at += 1
            texts.append(text)
        one_sided = [text for text in texts if text != base[start:end]]
        if len(one_sided) == 2 and texts[0] != texts[1]:
            return None
        out += one_sided[0] if one_sided else base[start:end]
    return out


def mirrored(parts):
    return [
        Match(p.b, p.a, p.length)
        if isinstance(p, Match)
        else Hunk(p.b_start, p.b_end, p.a_start, p.a_end)
        for p in parts
    ]


class TestDiff:
    @given(st.lists(LINES, max_size=30), st.lists(LINES, max_size=30))
    @settings(max_examples=300)
    def test_parts_cover_both_sides_and_rebuild_the_second(self, a, b):
        parts = diff(a, b)
        assert apply(a, b, parts) == b
        assert all(type(x) is not type(y) for x, y in pairwise(parts))

    @given(st.lists(LINES, max_size=30), st.lists(LINES, max_size=30))
    @settings(max_examples=300)
    def test_the_other_direction_is_the_mirror_image(self, a, b):
        assert diff(b, a) == mirrored(diff(a, b))

    def test_equal_and_empty_sides(self):
        assert diff([], []) == []
        assert diff([b"a\n"], [b"a\n"]) == [Match(0, 0, 1)]
        assert diff([], [b"a\n"]) == [Hunk(0, 0, 0, 1)]
        assert diff([b"a\n"], []) == [Hunk(0, 1, 0, 0)]

    def test_an_ambiguous_insertion_stands_as_low_as_it_can(self):
        a, b = [b"item\n", b"\n"], [b"new\n", b"item\n", b"\n", b"\n"]
        assert hunks(a, b) == [Hunk(0, 0, 0, 1), Hunk(2, 2, 3, 4)]
        assert hunks(b, a) == [Hunk(0, 1, 0, 0), Hunk(3, 4, 2, 2)]

    def test_unique_lines_anchor_before_common_ones(self):
        a = [b"}\n", b"one()\n", b"}\n", b"\n", b"two()\n", b"}\n"]
        b = [b"}\n", b"\n", b"two()\n", b"}\n", b"\n", b"one()\n", b"}\n"]
        matched = {a[p.a + i] for p in diff(a, b) if isinstance(p, Match) for i in range(p.length)}
        assert matched & {b"one()\n", b"two()\n"}

    @given(st.lists(st.integers(0, 3), max_size=25), st.lists(st.integers(0, 3), max_size=25))
    @settings(max_examples=200)
    def test_between_anchors_the_match_is_as_long_as_it_can_be(self, x, y):
        # Every line twice: nothing is unique, so the whole gap is Myers' and must be minimal.
        x, y = [n for n in x for _ in "12"], [n for n in y for _ in "12"]
        pairs, _ = diff_module._greedy(x, y, diff_module.MAX_WORK)
        assert all(x[i] == y[j] for i, j in pairs)
        assert all(p[0] < q[0] and p[1] < q[1] for p, q in pairwise(pairs))
        row = [0] * (len(y) + 1)
        for i in x:
            last, row = row, [0]
            for j, other in enumerate(y):
                row.append(last[j] + 1 if i == other else max(row[j], last[j + 1]))
        assert len(pairs) == row[-1]


def hostile_pairs():
    """Inputs on which diffs without bounds take minutes."""
    dice = random.Random(7)  # noqa: S311 (test data)
    n = 50_000
    rows = [b"a%d" % i for i in range(n)]
    shuffled = dice.sample(rows, n)
    gaps = [[], []]
    for block in range(50):
        for side in gaps:
            side.append(b"anchor %d" % block)
            side += [b"%d" % dice.randrange(2) for _ in range(800)]
    yield "all different", rows, [b"b%d" % i for i in range(n)]
    yield "shuffled", rows, shuffled
    yield "reversed", rows, rows[::-1]
    for symbols in (2, 100, 10_000):
        yield (
            f"{symbols} symbols",
            *([b"%d" % dice.randrange(symbols) for _ in range(n)] for _ in "ab"),
        )
    yield "many costly gaps", *gaps
    # On every diagonal there is much to walk along between two edits.
    runs = [
        [line for _ in range(800) for line in (*[b"a"] * 60, b"%d" % dice.randrange(2))]
        for _ in "ab"
    ]
    yield "runs on every diagonal", *runs


@pytest.mark.parametrize(
    ("a", "b"), [pytest.param(a, b, id=name) for name, a, b in hostile_pairs()]
)
def test_hostile_inputs_are_bounded(a, b):
    start = time.process_time()
    parts = diff(a, b)
    assert time.process_time() - start < 2
    assert apply(a, b, parts) == b


def test_the_whole_diff_has_one_budget(monkeypatch):
    gaps = next(pair for pair in hostile_pairs() if pair[0] == "many costly gaps")
    spent = []
    search = diff_module._greedy

    def counted(x, y, work):
        pairs, left = search(x, y, work)
        spent.append(work - left)
        return pairs, left

    monkeypatch.setattr(diff_module, "_greedy", counted)
    diff(gaps[1], gaps[2])
    assert sum(spent) < diff_module.MAX_WORK * 1.5
    assert len(spent) < 50  # what was left over became plain hunks


def test_walking_along_matches_counts_as_work():
    _, a, b = next(pair for pair in hostile_pairs() if pair[0] == "runs on every diagonal")
    x, y = ([int(line, 16) for line in side] for side in (a, b))
    pairs, left = diff_module._greedy(x, y, 100_000)
    assert pairs == []
    assert -len(a) < left < 0


def test_a_gap_that_is_too_costly_becomes_one_hunk_and_spares_the_others():
    dice = random.Random(4)  # noqa: S311 (test data)
    noise = [[b"%d\n" % dice.randrange(2) for _ in range(3000)] for _ in "ab"]
    calm = [b"x\n", b"\n", b"y\n", b"\n", b"x\n", b"\n", b"y\n"]
    a = [*calm, b"anchor\n", b"a\n", *noise[0], b"a\n"]
    b = [b"\n", *calm[2:5], b"y\n", b"anchor\n", b"b\n", *noise[1], b"b\n"]
    found = hunks(a, b)
    assert found[-1] == Hunk(8, len(a), 6, len(b))
    assert len(found) > 2


def test_lines_without_counterpart_cost_nothing():
    a = [line for n in range(2000) for line in (b"old %d\n" % n, b"\n")]
    b = [line for n in range(2000) for line in (b"new %d\n" % n, b"\n")]
    assert hunks(a, b) == [Hunk(2 * n, 2 * n + 1, 2 * n, 2 * n + 1) for n in range(2000)]


def corpus_fingerprint():
    """One hash over many diffs and merges, from a generator that no library can change."""
    state = 1

    def dice(below):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % below

    seen = hashlib.sha256()
    for _ in range(300):
        kinds = 2 + dice(30)
        base = [b"line %d\n" % dice(kinds) for _ in range(dice(60))]
        sides = []
        for _ in "ab":
            side = list(base)
            for _ in range(dice(6)):
                at = dice(len(side) + 1)
                side[at : at + dice(3)] = [b"line %d\n" % dice(kinds) for _ in range(dice(3))]
            sides.append(side)
        seen.update(repr([tuple(part) for part in diff(base, sides[0])]).encode())
        merged = merge_lines(*(b"".join(x) for x in (base, *sides)))
        if not isinstance(merged, bytes):
            merged = repr(
                [(c.base_start, c.base_lines, c.ours_lines, c.theirs_lines) for c in merged]
            ).encode()
        seen.update(merged)
    return seen.hexdigest()


# A new value here means that old snapshots no longer replay: make a new merge version instead.
FROZEN = "542c978afb09806b4ee49c90b030a31aa22336d9b45df6979192a04f0183b999"


def test_results_are_frozen():
    assert corpus_fingerprint() == FROZEN


@pytest.mark.parametrize("seed", ["1", "77"])
def test_results_do_not_depend_on_the_hash_seed(seed):
    code = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); "  # noqa: PTH120
    code += "import test_merge_lines as t; print(t.corpus_fingerprint())"
    out = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == FROZEN


class TestLaws:
    @given(FILES)
    def test_lines_join_to_the_file(self, data):
        lines = split_lines(data)
        assert b"".join(lines) == data
        assert all(line.find(b"\n") in (-1, len(line) - 1) for line in lines)
        assert b"" not in lines

    @given(FILES, FILES)
    def test_a_side_that_did_nothing_yields(self, base, side):
        assert merge_lines(base, base, side) == side
        assert merge_lines(base, side, base) == side

    @given(FILES, FILES)
    def test_both_sides_alike_is_that(self, base, side):
        assert merge_lines(base, side, side) == side

    @given(FILES, FILES, FILES)
    @settings(max_examples=200)
    def test_unrelated_files_commute(self, base, ours, theirs):
        assert merge_lines(base, theirs, ours) == swapped(merge_lines(base, ours, theirs))

    @given(three())
    @settings(max_examples=400)
    def test_edits_commute(self, files):
        base, ours, theirs = files
        assert merge_lines(base, theirs, ours) == swapped(merge_lines(base, ours, theirs))

    @given(three())
    @settings(max_examples=300)
    def test_merging_the_result_again_changes_nothing(self, files):
        base, ours, theirs = files
        merged = merge_lines(base, ours, theirs)
        if isinstance(merged, bytes):
            assert merge_lines(merged, merged, merged) == merged
            assert merge_lines(base, merged, merged) == merged
            assert merge_lines(ours, merged, ours) == merged

    @given(three())
    @settings(max_examples=400)
    def test_every_one_sided_change_survives(self, files):
        """Each hunk of either side is in the result, a common one once, and nothing else is."""
        base, ours, theirs = map(split_lines, files)
        expected = merged_by_marks(base, ours, theirs)
        merged = merge_lines(*files)
        if expected is None:
            assert isinstance(merged, tuple)
        else:
            assert merged == b"".join(expected)

    @given(st.integers(5, 40), st.data())
    @settings(max_examples=150)
    def test_disjoint_edits_of_unlike_lines_merge_as_constructed(self, size, data):
        """The expected result is built without the code under test."""
        base = [b"line %d\n" % i for i in range(size)]
        edits = data.draw(
            st.dictionaries(
                st.integers(0, size - 1).filter(lambda i: i % 2 == 0),
                st.tuples(st.sampled_from("ot"), st.sampled_from(["drop", "change", "double"])),
            )
        )
        sides = {who: list(map(lambda line: [line], base)) for who in "otr"}  # noqa: C417
        for at, (who, what) in edits.items():
            new = {
                "drop": [],
                "change": [b"%s %d\n" % (who.encode(), at)],
                "double": [base[at], b"more %d\n" % at],
            }[what]
            # A doubled line changes the seam after it; the odd line between keeps edits apart.
            sides[who][at] = sides["r"][at] = new
        flat = {who: b"".join(b"".join(cell) for cell in cells) for who, cells in sides.items()}
        assert merge_lines(b"".join(base), flat["o"], flat["t"]) == flat["r"]

    @given(three())
    @settings(max_examples=200)
    def test_conflicts_name_their_place_and_chunks_cover_everything(self, files):
        base, ours, theirs = files
        chunks = merge_chunks(*files)
        lines = split_lines(base)
        for chunk in chunks:
            if isinstance(chunk, Conflict):
                start = chunk.base_start - 1
                assert tuple(lines[start : start + len(chunk.base_lines)]) == chunk.base_lines
                assert len({chunk.base_lines, chunk.ours_lines, chunk.theirs_lines}) == 3
        conflicts = tuple(c for c in chunks if isinstance(c, Conflict))
        merged = merge_lines(*files)
        if base not in (ours, theirs) and ours != theirs:
            assert merged == (conflicts or b"".join(chunks))


class TestCases:
    BASE = b"".join(b"line %d\n" % i for i in range(1, 10))

    def replaced(self, *pairs):
        out = self.BASE
        for old, new in pairs:
            assert old in out
            out = out.replace(old, new)
        return out

    def test_touching_changes_conflict(self):
        ours = self.replaced((b"line 4\n", b"ours\n"))
        theirs = self.replaced((b"line 5\n", b"theirs\n"))
        assert merge_lines(self.BASE, ours, theirs) == (
            Conflict(
                4, (b"line 4\n", b"line 5\n"), (b"ours\n", b"line 5\n"), (b"line 4\n", b"theirs\n")
            ),
        )

    def test_one_line_between_is_enough(self):
        ours = self.replaced((b"line 4\n", b"ours\n"))
        theirs = self.replaced((b"line 6\n", b"theirs\n"))
        assert merge_lines(self.BASE, ours, theirs) == self.replaced(
            (b"line 4\n", b"ours\n"), (b"line 6\n", b"theirs\n")
        )

    def test_two_insertions_in_one_place_conflict_unless_alike(self):
        ours = self.replaced((b"line 4\n", b"line 4\nours\n"))
        theirs = self.replaced((b"line 4\n", b"line 4\ntheirs\n"))
        assert merge_lines(self.BASE, ours, theirs) == (
            Conflict(5, (), (b"ours\n",), (b"theirs\n",)),
        )
        assert merge_lines(self.BASE, ours, ours) == ours

    def test_an_insertion_beside_a_deletion_conflicts(self):
        ours = self.replaced((b"line 4\n", b"line 4\nours\n"))
        theirs = self.replaced((b"line 5\n", b""))
        assert isinstance(merge_lines(self.BASE, ours, theirs), tuple)

    def test_a_change_both_made_is_taken_once_beside_others(self):
        common = (b"line 5\n", b"both\n")
        ours = self.replaced(common, (b"line 1\n", b"ours\n"))
        theirs = self.replaced(common, (b"line 9\n", b""))
        assert merge_lines(self.BASE, ours, theirs) == self.replaced(
            common, (b"line 1\n", b"ours\n"), (b"line 9\n", b"")
        )

    def test_deletion_against_edit_conflicts(self):
        ours = self.replaced((b"line 4\nline 5\nline 6\n", b""))
        theirs = self.replaced((b"line 5\n", b"theirs\n"))
        (conflict,) = merge_lines(self.BASE, ours, theirs)
        assert conflict.ours_lines == ()
        assert conflict.theirs_lines == (b"line 4\n", b"theirs\n", b"line 6\n")

    def test_all_conflicts_are_reported(self):
        ours = self.replaced((b"line 2\n", b"o2\n"), (b"line 8\n", b"o8\n"))
        theirs = self.replaced((b"line 2\n", b"t2\n"), (b"line 8\n", b"t8\n"))
        assert [c.base_start for c in merge_lines(self.BASE, ours, theirs)] == [2, 8]

    def test_appending_to_a_file_without_final_newline_changes_its_last_line(self):
        base = b"one\ntwo\nthree\nlast"
        ours = base + b"\nnew\n"
        assert (
            merge_lines(base, ours, base.replace(b"one", b"ONE")) == b"ONE\ntwo\nthree\nlast\nnew\n"
        )
        assert isinstance(merge_lines(base, ours, base.replace(b"last", b"LAST")), tuple)
        assert isinstance(merge_lines(base, ours, base.replace(b"three", b"3")), tuple)

    def test_adding_only_the_final_newline(self):
        base = b"one\ntwo\nlast"
        assert merge_lines(base, base + b"\n", b"ONE\ntwo\nlast") == b"ONE\ntwo\nlast\n"

    def test_line_ends_are_content(self):
        base = b"one\r\ntwo\r\nthree\r\n"
        assert (
            merge_lines(base, b"ONE\r\ntwo\r\nthree\r\n", b"one\r\ntwo\r\nTHREE\n")
            == b"ONE\r\ntwo\r\nTHREE\n"
        )
        # A lone carriage return ends no line: the whole of this is one line.
        assert isinstance(merge_lines(b"a\rb\rc", b"A\rb\rc", b"a\rb\rC"), tuple)

    def test_two_new_files_conflict_as_one_chunk(self):
        assert merge_lines(b"", b"a\n", b"b\n") == (Conflict(1, (), (b"a\n",), (b"b\n",)),)

    def test_markers_look_like_gits(self, tmp_path):
        base, ours, theirs = self.BASE, self.replaced((b"line 5", b"O")), self.BASE[:-1]
        theirs = theirs.replace(b"line 5", b"T")
        ours += b"tail"
        chunks = merge_chunks(base, ours, theirs)
        text = render_conflicts(chunks, Labels("common@7", "common@6", "plan é"))
        assert text.count(b"<<<<<<< common@7\n") == text.count(b">>>>>>> plan \xc3\xa9\n") == 2
        assert b"=======\nline 9\n>>>>>>> plan" in text
        for name, data in (("b", base), ("o", ours), ("t", theirs.rstrip() + b"\n")):
            (tmp_path / name).write_bytes(data)
        labels = ["-L", "x", "-L", "y", "-L", "z"]
        shown = subprocess.run(
            ["git", "merge-file", "-p", "--diff3", *labels, "o", "b", "t"],
            cwd=tmp_path,
            capture_output=True,
        ).stdout
        mine = render_conflicts(
            merge_chunks(base, ours, theirs.rstrip() + b"\n"), Labels("x", "y", "z")
        )
        assert mine == shown


def test_a_small_merge_is_fast():
    base = b"".join(b"line %d of a plan that somebody wrote\n" % i for i in range(200))
    ours = base.replace(b"line 40 ", b"ours 40 ")
    theirs = base.replace(b"line 150 ", b"theirs 150 ")
    best = min(timed(lambda: merge_lines(base, ours, theirs)) for _ in range(200))
    assert best < 0.001  # measured: 0.05 ms


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
