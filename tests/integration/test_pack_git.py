"""Stock git reads our packs, finds nothing to complain about, and writes the same index."""

from __future__ import annotations

import os
import random
import subprocess

import pytest

from gitsync.codec.pack import IndexEntry, PackBuilder, encode_index
from gitsync.storage.durable import save_pack

PERSON = b"A Tester <tester@example.invalid> 1700000000 +0000"


class Repo:
    def __init__(self, folder):
        self.folder = folder
        self.objects = folder / ".git" / "objects"
        self.git("init", "-q", "-b", "main")

    def git(self, *args, stdin=b""):
        done = subprocess.run(
            ["git", *args],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "GIT_CONFIG_NOSYSTEM": "1",
                "LC_ALL": "C",
            },
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + (done.stderr if args[0] == "fsck" else b"")


@pytest.fixture
def repo(tmp_path):
    return Repo(tmp_path)


def history(count):
    """A builder with ``count`` snapshots, each a blob, a wide tree, a commit and a tag."""
    dice = random.Random(3)  # noqa: S311 (test data)
    builder, contents = PackBuilder(), {}

    def add(kind, data, base=None):
        oid = builder.add(kind, data, base=base)
        contents[oid] = (kind, data)
        return oid

    text = [b"line %d of a plan\n" % i for i in range(80)]
    names = [b"plan-%03d.md" % i for i in range(60)]
    entries = dict.fromkeys(names, add("blob", b"first\n"))
    tree = commit = blob = None
    for number in range(count):
        text[dice.randrange(80)] = b"changed in %d\n" % number
        blob = add("blob", b"".join(text), blob)
        entries[dice.choice(names)] = blob
        listing = b"".join(
            b"100644 %s\0" % name + bytes.fromhex(entries[name]) for name in sorted(entries)
        )
        tree = add("tree", listing, tree)
        parent = b"parent %s\n" % commit.encode() if commit else b""
        head = b"tree %s\n%sauthor %s\ncommitter %s\n\n" % (tree.encode(), parent, PERSON, PERSON)
        commit = add("commit", head + b"Snapshot %d\n" % number)
        add(
            "tag",
            b"object %s\ntype commit\ntag common@%d\ntagger %s\n\nSnapshot %d\n"
            % (commit.encode(), number, PERSON, number),
        )
    big = dice.randbytes(70_000)
    first = add("blob", big)
    add("blob", big[:66_000] + b"seam" + big[66_000:], first)
    add("blob", b"")
    return builder, contents, commit


def test_git_accepts_every_object(repo):
    builder, contents, tip = history(60)
    done = builder.finish()
    path = save_pack(done, repo.objects, sync=False)
    index = path.with_suffix(".idx")

    repo.git("index-pack", "--strict", "--verify", str(path))
    listing = repo.git("verify-pack", "-v", str(index)).decode()
    assert "chain length = 20: " in listing
    assert "chain length = 21" not in listing

    repo.git("update-ref", "refs/heads/main", tip)
    for oid, (kind, data) in contents.items():
        name = data.split(b"\n")[2].removeprefix(b"tag ").decode() if kind == "tag" else ""
        if name.endswith("0"):
            repo.git("update-ref", f"refs/tags/{name}", oid)
    assert b"error" not in repo.git("fsck", "--full", "--strict")

    asked = "\n".join(done.ids).encode() + b"\n"
    answer = repo.git("cat-file", "--batch", stdin=asked)
    expected = b"".join(
        b"%s %s %d\n%s\n" % (oid.encode(), contents[oid][0].encode(), len(data), data)
        for oid in done.ids
        for data in [contents[oid][1]]
    )
    assert answer == expected


@pytest.mark.parametrize("count", [0, 1, 40])
def test_the_index_is_the_one_git_writes(repo, count):
    done = history(count)[0].finish() if count else PackBuilder().finish()
    copy = repo.folder / "copy.pack"
    copy.write_bytes(done.pack)
    said = repo.git("index-pack", "--index-version=2", str(copy)).decode().strip()
    assert done.index == copy.with_suffix(".idx").read_bytes()
    assert done.name == f"pack-{said}"


def test_git_repacks_and_clones_what_it_was_given(repo, tmp_path):
    builder, contents, tip = history(30)
    save_pack(builder.finish(), repo.objects)
    repo.git("update-ref", "refs/heads/main", tip)
    repo.git("clone", "-q", "--no-local", "--bare", ".", str(tmp_path / "clone.git"))
    repo.git("repack", "-adfq")
    assert repo.git("rev-list", "--count", "main").strip() == b"30"
    kind, data = contents[tip]
    assert repo.git("cat-file", kind, tip) == data


def test_git_reads_large_offsets(repo):
    rows = [
        IndexEntry(bytes([n]) * 20, n, offset) for n, offset in enumerate((12, 1 << 31, 1 << 40))
    ]
    shown = repo.git("show-index", stdin=encode_index(rows, b"t" * 20)).decode().splitlines()
    assert [line.split()[0] for line in shown] == ["12", str(1 << 31), str(1 << 40)]
    assert shown[2].endswith(f"{'02' * 20} (00000002)")
