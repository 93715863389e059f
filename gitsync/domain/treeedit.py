"""Changing several files of a tree at once: each folder on the way is rewritten once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.objects import MODE_TREE, Entry, Oid, Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.ports import Objects


def edit_tree(objects: Objects, tree: Oid | None, edits: Mapping[bytes, Entry | None]) -> Oid:
    """The root tree with each path of ``edits`` set to its entry, or removed (None).

    ``tree`` None begins from nothing. Folders that become empty disappear.
    """
    return _edit(objects, tree, dict(edits)) or objects.put_tree({})


def _edit(objects: Objects, tree: Oid | None, edits: dict[bytes, Entry | None]) -> Oid | None:
    listing: Tree = dict(objects.tree(tree)) if tree is not None else {}
    below: dict[bytes, dict[bytes, Entry | None]] = {}
    for path, entry in edits.items():
        name, slash, rest = path.partition(b"/")
        if slash:
            below.setdefault(name, {})[rest] = entry
        elif entry is None:
            listing.pop(name, None)
        else:
            listing[name] = entry
    for name, inner in below.items():
        child = listing.get(name)
        folder = Oid(child[1].hex()) if child is not None and child[0] == MODE_TREE else None
        changed = _edit(objects, folder, inner)
        if changed is None:
            listing.pop(name, None)
        else:
            listing[name] = (MODE_TREE, bytes.fromhex(changed))
    return objects.put_tree(listing, like=tree) if listing else None
