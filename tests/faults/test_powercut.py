"""Power cuts: our own files through a write buffer, anywhere; real commands where strace is.

The small version needs nothing of the machine: an observer of effects writes the log that a disk
sees, and every state that the models allow is looked at. ``make powercut`` does it with everything
that git does too.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from gitsync.codec.pack import PackBuilder
from gitsync.domain.objects import Oid
from gitsync.storage import effects
from gitsync.storage.durable import save_pack, write_atomic, write_new
from gitsync.storage.packedrefs import create_packed
from gitsync.storage.positions import PositionStore, VerifiedPosition
from tests.faults import powercut, recording
from tests.faults.crash import MODELS, Disk, Node, Op, Recording

ONE, TWO = Oid("1" * 40), Oid("2" * 40)


class Buffer:
    """An observer that lets everything happen and keeps the log of what the disk was told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.before = Disk.load(root)
        self.now = self.before.copy()
        self.log: list[Op] = []

    def __call__(self, effect, act):
        done = act()
        getattr(self, "_" + effect.kind.replace("-", "_"))(effect)
        return done

    def _place(self, path):
        folder = 0
        parts = Path(path).relative_to(self.root).parts
        for part in parts[:-1]:
            folder = self.now.nodes[folder].names[part]
        return folder, parts[-1] if parts else ""

    def _node(self, path):
        if Path(path) == self.root:
            return 0
        folder, name = self._place(path)
        return self.now.nodes[folder].names[name]

    def _do(self, op):
        self.log.append(op)
        (self.now.write if op.kind == "write" else self.now.rename)(op)

    def _make(self, path, names=None):
        number = len(self.now.nodes)
        for disk in (self.now, self.before):
            disk.nodes[number] = Node(0o755, names=None if names is None else {})
        folder, name = self._place(path)
        self._do(Op("name", number, folder=folder, name=name))
        return number

    def _create(self, effect):
        self._do(Op("write", self._make(effect.path), 0, effect.data))

    def _folder(self, effect):
        self._make(effect.path, {})

    def _sync(self, effect):
        self.log.append(Op("sync", self._node(effect.path)))

    _sync_folder = _sync

    def _rename(self, effect):
        (old, name), (new, name2) = self._place(effect.source), self._place(effect.path)
        node = self.now.nodes[old].names[name]
        self._do(Op("move", node, folder=old, name=name, folder2=new, name2=name2))

    def _link(self, effect):
        folder, name = self._place(effect.path)
        self._do(Op("name", self._node(effect.source), folder=folder, name=name))

    def _unlink(self, effect):
        folder, name = self._place(effect.path)
        node = self.now.nodes[folder].names.get(name)
        if node is not None:
            self._do(Op("drop", node, folder=folder, name=name))


def position(number):
    return VerifiedPosition(ONE, "common", number, TWO, None, None, None, 1)


def _file(root):
    write_atomic(root / "old", b"new " * 3000)
    return lambda disk: (disk / "old").read_bytes() == b"new " * 3000


def _fresh(root):
    write_new(root / "fresh", b"fresh " * 3000)
    return lambda disk: (disk / "fresh").read_bytes() == b"fresh " * 3000


def _pack(root):
    builder = PackBuilder()
    builder.add("blob", b"content\n" * 5000)
    pack = builder.finish()
    path = save_pack(pack, root / "objects")
    inside = path.relative_to(root)
    return lambda disk: (
        (disk / inside).read_bytes() == pack.pack
        and (disk / inside).with_suffix(".idx").read_bytes() == pack.index
    )


def _refs(root):
    create_packed(root, {f"refs/tags/s@{n}": (ONE, TWO) for n in range(200)})
    return lambda disk: (disk / "packed-refs").read_bytes().count(b"refs/tags/s@") == 200


def _position(root):
    PositionStore(root / "repo", root / "user", "common").save(position(8))
    return lambda disk: all(
        json.loads(file.read_bytes())["number"] == 8
        for file in (disk / "repo/position-common.json", disk / f"user/positions/{ONE}-common.json")
    )


WORK = {"file": _file, "new file": _fresh, "pack": _pack, "packed refs": _refs,
        "position": _position}  # fmt: skip


def recorded(root, work):
    (root / "objects").mkdir(parents=True)
    (root / "repo").mkdir()
    (root / "old").write_bytes(b"old")
    (root / "packed-refs").write_bytes(b"# pack-refs with: peeled fully-peeled sorted \n")
    buffer = Buffer(root)
    with effects.observed(buffer):
        held = work(root)
    assert held(root)
    return Recording(buffer.before, buffer.log), held


def survives(made, held, folder, model, cuts=60):
    """How often what was done is not there after a cut, and old content is neither old nor new."""
    dice = random.Random(1)  # noqa: S311 - the same cuts in every run
    lost = torn = 0
    for number in range(cuts):
        at = len(made.log) if number % 2 else dice.randint(0, len(made.log))
        disk = folder / str(number)
        made.cut(at, dice, model).store(disk)
        try:
            whole = held(disk)
        except (OSError, ValueError, KeyError):
            whole = False
        lost += at == len(made.log) and not whole
        old = (disk / "old").read_bytes()
        torn += old not in (b"old", b"new " * 3000)
        packed = (disk / "packed-refs").read_bytes()
        torn += packed.count(b"refs/tags/") not in (0, 200) or not packed.startswith(b"# pack-refs")
    return lost, torn


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("what", WORK)
def test_what_was_done_survives_and_nothing_is_torn(tmp_path, what, model):
    made, held = recorded(tmp_path / "disk", WORK[what])
    assert survives(made, held, tmp_path, model) == (0, 0)


@pytest.mark.parametrize("what", WORK)
def test_without_syncs_it_would_be_lost(tmp_path, what):
    made, held = recorded(tmp_path / "disk", WORK[what])
    assert survives(made.without_syncs(), held, tmp_path, "loose")[0] > 0


TRACED = pytest.mark.skipif(
    recording.missing() is not None, reason=f"no recording here: {recording.missing()}"
)


@TRACED
@pytest.mark.parametrize(
    "name",
    [
        "witness at home",
        "propose",
        "pull",
        "pull --autostash",
        "hooks, beside",
        "hooks --bare",
        "lock renew",
    ],
)
def test_a_real_command_loses_nothing(name):
    tally = powercut.play(name, 8)
    assert tally.cuts == 8
    assert tally.lost == []
    assert tally.broken == []


@TRACED
def test_a_real_command_without_syncs_loses():
    assert powercut.play("propose", 8, sync=False).lost


@TRACED
def test_a_recording_ends_where_the_disk_did(tmp_path):
    """The log, applied in full, is what lies on the disk afterwards."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "kept").write_bytes(b"kept")
    script = (
        "import os, subprocess; os.chdir('ROOT'); subprocess.run(['git', 'init', '-q', 'r']);"
        "open('r/a b.md', 'w').write('x' * 9000); os.link('kept', 'twin');"
        "who = ['-c', 'user.name=x', '-c', 'user.email=x@x.invalid'];"
        "subprocess.run(['git', 'add', '.'], cwd='r');"
        "subprocess.run(['git', *who, 'commit', '-qm', 'x'], cwd='r');"
        "subprocess.run(['git', 'clone', '-q', '--bare', '--no-local', 'r', 'c'], check=True);"
        "subprocess.run(['git', 'gc', '-q'], cwd='r', check=True); os.rename('twin', 'other')"
    ).replace("ROOT", str(root))
    made = recording.record(["python3", "-c", script], root, tmp_path / "trace")
    state = made.before
    for op in made.log:
        if op.kind in ("write", "cut"):
            state.write(op)
        elif op.kind in ("name", "drop", "move"):
            state.rename(op)
    state.store(tmp_path / "again")
    for path in root.rglob("*"):
        twin = tmp_path / "again" / path.relative_to(root)
        assert twin.exists(), path
        if path.is_file():
            assert twin.read_bytes() == path.read_bytes(), path
    assert len(list(root.rglob("*"))) == len(list((tmp_path / "again").rglob("*")))
