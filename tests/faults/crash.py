"""What a disk may hold after a power cut: a log of operations, and the states that it allows.

After ALICE (Pillai et al., OSDI '14). Two models:

``ordered``: like ext4 and btrfs as they are usually set. Names change in the order in which they
were changed, as a journal has it: a cut keeps some first part of it, at least up to the last sync
of anything. The content of a file that was not synced is anything, unless it has taken the name of
another file (ext4's ``auto_da_alloc``).

``loose``: what POSIX promises and no more. A change of a name is kept or not, each for itself,
until its own folder is synced; the content of a file until the file is.

In both a rename happens whole or not at all, and each block of an unsynced write is kept, dropped,
zeroed or torn in the middle.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random
    from pathlib import Path

BLOCK = 4096
MODELS = ("ordered", "loose")


class Op(NamedTuple):
    """One operation.

    ``write`` (node, at, data), ``cut`` (node, at = new size), ``sync`` (node, None for everything),
    ``name`` (a file or folder gets a name), ``drop`` (it loses one), ``move`` (from
    ``folder``/``name`` to ``folder2``/``name2``), ``ack`` (something was reported as done).
    """

    kind: str
    node: int | None = None
    at: int = 0
    data: bytes = b""
    folder: int = 0
    name: str = ""
    folder2: int = 0
    name2: str = ""


@dataclass
class Node:
    """A file's content, or a folder's names, with permissions."""

    mode: int
    data: bytearray = field(default_factory=bytearray)
    names: dict[str, int] | None = None

    def copy(self) -> Node:
        """The same, changed apart."""
        names = dict(self.names) if self.names is not None else None
        return Node(self.mode, bytearray(self.data), names)


@dataclass
class Disk:
    """Nodes by number; 0 is the root folder."""

    nodes: dict[int, Node] = field(default_factory=dict)

    @classmethod
    def load(cls, root: Path) -> Disk:
        """What lies below a folder, hard links as such."""
        disk, known = cls(), dict[tuple[int, int], int]()
        disk._load(root, known)
        return disk

    def _load(self, path: Path, known: dict[tuple[int, int], int]) -> int:
        status = path.stat()
        same = known.get((status.st_dev, status.st_ino))
        if same is not None:
            return same
        number = known[status.st_dev, status.st_ino] = len(self.nodes)
        node = self.nodes[number] = Node(status.st_mode & 0o777)
        if path.is_dir():
            node.names = {}
            for entry in sorted(os.scandir(path), key=lambda one: one.name):
                node.names[entry.name] = self._load(path / entry.name, known)
        else:
            node.data = bytearray(path.read_bytes())
        return number

    def copy(self) -> Disk:
        """The same state, changed apart."""
        return Disk({number: node.copy() for number, node in self.nodes.items()})

    def store(self, root: Path) -> None:
        """Write this state below a new folder."""
        self._store(0, root, {})

    def _store(self, number: int, path: Path, done: dict[int, Path]) -> None:
        node = self.nodes[number]
        if node.names is None:
            if number in done:
                path.hardlink_to(done[number])
                return
            path.write_bytes(node.data)
            done[number] = path
        else:
            path.mkdir()
            for name, inner in node.names.items():
                self._store(inner, path / name, done)
        path.chmod(node.mode)

    # -- applying -----------------------------------------------------------------------------

    def write(self, op: Op) -> None:
        data = self.nodes[op.node or 0].data
        if op.kind == "cut":
            del data[op.at :]
            data.extend(bytes(op.at - len(data)))
            return
        data.extend(bytes(max(0, op.at - len(data))))
        data[op.at : op.at + len(op.data)] = op.data

    def rename(self, op: Op) -> None:
        node = op.node or 0
        if op.kind in ("drop", "move"):
            names = self.nodes[op.folder].names or {}
            if names.get(op.name) == node:
                del names[op.name]
        if op.kind == "move":
            self._name(op.folder2, op.name2, node)
        if op.kind == "name":
            self._name(op.folder, op.name, node)

    def _name(self, folder: int, name: str, node: int) -> None:
        names = self.nodes[folder].names
        assert names is not None
        names[name] = node


@dataclass
class Recording:
    """A disk before, and all that happened to it. Nodes made on the way are empty in ``before``."""

    before: Disk
    log: list[Op]

    def acks(self) -> list[int]:
        """Where in the log something was reported as done."""
        return [place for place, op in enumerate(self.log) if op.kind == "ack"]

    def without_syncs(self) -> Recording:
        """The same run on a machine where nobody syncs anything."""
        return Recording(self.before, [op for op in self.log if op.kind != "sync"])

    def cut(self, at: int, dice: random.Random, model: str) -> Disk:
        """A state that the disk may be found in if the power goes after ``at`` operations."""
        disk = self.before.copy()
        log = self.log[:at]
        synced = _last_syncs(log)
        flushed = synced | (self._replaced(log) if model == "ordered" else {})
        for op in _kept_names(log, synced, dice, model):
            disk.rename(op)
        for place, op in enumerate(log):
            if op.kind in ("write", "cut"):
                if place < max(flushed.get(op.node, -1), flushed.get(None, -1)):
                    disk.write(op)
                else:
                    for part in _unsynced(op, dice):
                        disk.write(part)
        return disk

    def _replaced(self, log: list[Op]) -> dict[int | None, int]:
        """Files that took another file's name, and when."""
        names = {
            (folder, name)
            for folder, node in self.before.nodes.items()
            for name in node.names or {}
        }
        found: dict[int | None, int] = {}
        for place, op in enumerate(log):
            if op.kind == "name":
                names.add((op.folder, op.name))
            elif op.kind == "move":
                if (op.folder2, op.name2) in names:
                    found[op.node] = place
                names.add((op.folder2, op.name2))
        return found


def _last_syncs(log: list[Op]) -> dict[int | None, int]:
    return {op.node: place for place, op in enumerate(log) if op.kind == "sync"}


def _kept_names(
    log: list[Op], synced: dict[int | None, int], dice: random.Random, model: str
) -> list[Op]:
    changes = [(place, op) for place, op in enumerate(log) if op.kind in ("name", "drop", "move")]
    if model == "ordered":
        least = max(synced.values(), default=-1)
        # Half of the time the journal got as far as it could: that is when it hurts.
        upto = len(log) if dice.random() < 0.5 else dice.randint(least + 1, len(log))
        return [op for place, op in changes if place < upto]
    kept = []
    chance = dice.choice((0.1, 0.5, 0.9))
    for place, op in changes:
        folder = op.folder2 if op.kind == "move" else op.folder
        safe = place < max(synced.get(folder, -1), synced.get(None, -1))
        if safe or dice.random() < chance:
            kept.append(op)
    return kept


def _unsynced(op: Op, dice: random.Random) -> list[Op]:
    """What may remain of one write."""
    if op.kind == "cut":
        return [op] if dice.random() < 0.5 else []
    fate = dice.choice(("kept", "kept", "dropped", "zeroed", "torn", "mixed"))
    if fate == "kept":
        return [op]
    if fate == "dropped":
        return []
    parts = []
    for start in range(0, len(op.data), BLOCK):
        data = op.data[start : start + BLOCK]
        here = dice.choice(("kept", "dropped", "zeroed", "torn")) if fate == "mixed" else fate
        if here == "zeroed":
            data = bytes(len(data))
        elif here == "torn":
            data = data[: dice.randint(0, len(data))]
        elif here == "dropped":
            continue
        parts.append(op._replace(at=op.at + start, data=data))
    return parts
