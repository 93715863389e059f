"""The tree merge: what one side alone changed survives, or a conflict says that it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitsync.domain.errors import RefusedError
from gitsync.domain.merge.trees import (
    MAX_NESTING,
    diff_from_all,
    diff_trees,
    entry_at,
    merge_trees,
)
from gitsync.domain.merge.version1 import merge_v1
from gitsync.domain.objects import MODE_FILE, MODE_TREE, Oid
from gitsync.domain.treeedit import edit_tree
from gitsync.storage.facts import StoreFacts
from gitsync.storage.objects import MemoryObjects

if TYPE_CHECKING:
    from gitsync.domain.merge.values import FileConflict

PATHS = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/f", "g/h", "g"])
#: An artifact carries its id in its first line; other contents have none.
CONTENTS = st.sampled_from(
    ["1\n2\n3\n", "1\n2\n3\n4\n", "0\n1\n2\n3\n", "x\n", "id X\nq\n", "id X\nr\n", "id Y\nq\n"]
)
FILES = st.dictionaries(PATHS, CONTENTS, max_size=5).filter(
    lambda files: not ("g" in files and "g/h" in files)
)


class Trees:
    def __init__(self) -> None:
        self.facts = StoreFacts(MemoryObjects())

    def make(self, files: dict[str, str]) -> Oid:
        edits = {
            path.encode(): (MODE_FILE, bytes.fromhex(self.facts.put_blob(text.encode())))
            for path, text in files.items()
        }
        return edit_tree(self.facts, None, edits)

    def read(self, tree: Oid) -> dict[str, str]:
        return {
            change.path.decode(): self.facts.blob(Oid(change.after[1].hex())).decode()
            for change in diff_trees(self.facts, None, tree)
        }

    def id_of(self, blob: Oid) -> str | None:
        first = self.facts.blob(blob).split(b"\n")[0].decode()
        return first[3:] if first.startswith("id ") else None

    def content(
        self, _path: bytes, base: bytes, ours: bytes, theirs: bytes
    ) -> bytes | FileConflict:
        return merge_v1(base, ours, theirs, lambda _raw: None)

    def merge(self, base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]):
        sides = [self.make(files) for files in (base, ours, theirs)]
        found = merge_trees(self.facts, *sides, content=self.content, id_of=self.id_of)
        return (self.read(found.tree) if found.tree else None), found.conflicts


@settings(max_examples=300)
@given(FILES, FILES, FILES)
def test_the_merge_does_not_depend_on_the_side(base, ours, theirs):
    one, conflicts = Trees().merge(base, ours, theirs)
    other, mirrored = Trees().merge(base, theirs, ours)
    assert one == other
    assert {c.path for c in conflicts} == {c.path for c in mirrored}


@settings(max_examples=300)
@given(FILES, FILES, FILES)
def test_every_one_sided_change_survives_or_a_conflict_is_reported(base, ours, theirs):
    merged, conflicts = Trees().merge(base, ours, theirs)
    assert (merged is None) == bool(conflicts)
    if merged is None:
        return
    plain = {text for files in (base, ours, theirs) for text in files.values() if "id " in text}
    for mine, other in ((ours, theirs), (theirs, ours)):
        for path in base.keys() | mine.keys():
            if base.get(path) == mine.get(path) or other.get(path) != base.get(path):
                continue
            text = mine.get(path)
            if text is None and base[path] in plain:
                continue  # an artifact that left this path; others may have moved here
            if text != merged.get(path):
                # Its own path can only have changed through a rename that met this edit.
                assert "id " in (text or base.get(path, "")), (path, merged)


@settings(max_examples=200)
@given(FILES, FILES)
def test_an_unchanged_side_gives_the_other(base, theirs):
    merged, conflicts = Trees().merge(base, base, theirs)
    assert merged == theirs
    assert conflicts == ()


@settings(max_examples=200)
@given(st.lists(FILES, min_size=1, max_size=3), FILES)
def test_unlike_all_is_what_the_single_differences_have_in_common(befores, after):
    trees = Trees()
    ids, tip = [trees.make(files) for files in befores], trees.make(after)
    found = list(diff_from_all(trees.facts, ids, tip))
    first = {change.path: change for change in diff_trees(trees.facts, ids[0], tip)}
    for other in ids[1:]:
        paths = {change.path for change in diff_trees(trees.facts, other, tip)}
        first = {path: change for path, change in first.items() if path in paths}
    assert {change.path: change for change in found} == first
    assert len(found) == len(first)


X, X2, X3 = "id X\n1\n2\n3\n4\n", "id X\none\n2\n3\n4\n", "id X\n1\n2\n3\nfour\n"


def test_an_edit_follows_a_rename():
    merged, _ = Trees().merge({"a": X, "z": "z\n"}, {"b": X, "z": "z\n"}, {"a": X2, "z": "z\n"})
    assert merged == {"b": X2, "z": "z\n"}


def test_an_edit_follows_an_edited_rename():
    merged, _ = Trees().merge({"a": X}, {"d/b": X3}, {"a": X2})
    assert merged == {"d/b": "id X\none\n2\n3\nfour\n"}


def test_an_edit_follows_out_of_a_folder_that_was_removed():
    merged, _ = Trees().merge({"d/a": X, "d/b": "b\n"}, {"e/a": X}, {"d/a": X2, "d/b": "b\n"})
    assert merged == {"e/a": X2}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "words"),
    [
        ({"a": X}, {"b": X}, {"c": X}, "different places"),
        ({"a": X, "z": ""}, {"z": ""}, {"c": X, "z": ""}, "removed the artifact"),
        ({"a": X, "z": ""}, {"z": ""}, {"a": X2, "z": ""}, "removed this file"),
        ({"a": "1\n", "z": ""}, {"z": ""}, {"a": "2\n", "z": ""}, "removed this file"),
        ({"a": "1\n"}, {"a": "2\n"}, {"a": "3\n"}, "same lines"),
        ({"z": ""}, {"a": "2\n", "z": ""}, {"a": "3\n", "z": ""}, "both sides added"),
        ({"a": "1\n"}, {"a/b": "2\n"}, {"a": "3\n"}, "folder"),
        ({"a/b": "1\n"}, {"a": "2\n"}, {"a/b": "3\n"}, "folder"),
        ({"a": "1\0\n"}, {"a": "2\0\n"}, {"a": "1\0\n3\n"}, "binary"),
        ({"a": X}, {"b": X, "c": X}, {"a": X2}, "removed this file"),
        ({"a": X, "b": X2}, {"c": X}, {"a": X3, "b": "id X\n9\n"}, "removed this file"),
    ],
    ids=["moved apart", "moved and removed", "removed and edited", "plain removed and edited",
         "same line", "both added", "file to folder", "folder to file", "binary", "two targets",
         "two edits, one target"],
)  # fmt: skip
def test_conflicts_are_reported_whichever_side_does_what(base, ours, theirs, words):
    for one, other in ((ours, theirs), (theirs, ours)):
        merged, conflicts = Trees().merge(base, one, other)
        assert merged is None
        assert any(words in conflict.why for conflict in conflicts), conflicts


def test_both_moving_an_artifact_to_one_place_agree():
    merged, _ = Trees().merge({"a": X}, {"b": X}, {"b": X})
    assert merged == {"b": X}


def test_both_removing_an_artifact_agree():
    merged, _ = Trees().merge({"a": X, "z": ""}, {"z": ""}, {"z": "", "y": "y\n"})
    assert merged == {"z": "", "y": "y\n"}


def test_what_both_emptied_is_empty():
    merged, conflicts = Trees().merge({"a": "1\n", "b": "2\n"}, {"a": "1\n"}, {"b": "2\n"})
    assert merged == {}
    assert conflicts == ()


def test_modes_are_not_merged():
    trees = Trees()
    base = trees.make({"a": "1\n"})
    blob = trees.facts.put_blob(b"2\n")
    ours = edit_tree(trees.facts, base, {b"a": (b"100755", bytes.fromhex(blob))})
    theirs = trees.make({"a": "1\n2\n"})
    found = merge_trees(trees.facts, base, ours, theirs, content=trees.content, id_of=trees.id_of)
    assert found.tree is None


def _deep(trees: Trees, text: bytes, levels: int) -> Oid:
    tree = trees.facts.put_tree({b"f": (MODE_FILE, bytes.fromhex(trees.facts.put_blob(text)))})
    for _ in range(levels):
        tree = trees.facts.put_tree({b"d": (MODE_TREE, bytes.fromhex(tree))})
    return tree


def test_nesting_is_bounded_everywhere():
    trees = Trees()
    deep = [_deep(trees, text, 2000) for text in (b"1\n", b"2\n", b"3\n")]
    for work in (
        lambda: list(diff_trees(trees.facts, None, deep[0])),
        lambda: list(diff_trees(trees.facts, deep[0], deep[1])),
        lambda: list(diff_from_all(trees.facts, deep[:2], deep[2])),
        lambda: merge_trees(trees.facts, *deep, content=trees.content, id_of=trees.id_of),
    ):
        with pytest.raises(RefusedError) as error:
            work()
        assert error.value.code == "path.too-deep"
    shallow = _deep(trees, b"1\n", MAX_NESTING - 2)
    assert len(list(diff_trees(trees.facts, None, shallow))) == 1
    assert entry_at(trees.facts, shallow, b"/".join([b"d"] * (MAX_NESTING - 2) + [b"f"]))


def test_a_folder_with_nothing_in_it_is_told():
    trees = Trees()
    empty = trees.facts.put_tree({})
    tree = trees.facts.put_tree({b"d": (MODE_TREE, bytes.fromhex(empty))})
    base = trees.make({"a": "1\n"})
    for found in (
        list(diff_trees(trees.facts, None, tree)),
        list(diff_from_all(trees.facts, [None, base], tree)),
    ):
        assert [(c.path, c.after[0]) for c in found] == [(b"d", MODE_TREE)]
