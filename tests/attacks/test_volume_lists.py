"""The list beside the volumes of a bundle is not signed: what a changed one can do is nothing.

Whoever carries the stick writes what they like into it. What it leads to is checked like any other
bundle, so each lie ends in an error with a code; nothing of the clone changes, nothing is left.
"""

from __future__ import annotations

import hashlib
import os
import tempfile

import pytest

from gitsync.codec import volumes
from gitsync.codec.volumes import Volume
from gitsync.domain.errors import GitsyncError, UsageError
from gitsync.services.carrying import unwrapping
from gitsync.services.carrying.shelf import Shelf
from tests.integration.carrykit import everything


@pytest.fixture
def cut(meeting, tmp_path, monkeypatch):
    """A bundle for james in volumes; returns the path of its list. What is put together goes to a
    folder that can be looked at."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    meeting.land("notes/a.md", "".join(f"{n * 7919 % 1000003}\n" for n in range(3000)))
    path = meeting.bundle("alice", "james", split=4096)
    assert path.suffix == ".volumes"
    return path


def stranger(folder, name: str, data: bytes) -> Volume:
    """A file that is no volume, as it would be listed."""
    (folder / name).write_bytes(data)
    return Volume(name, len(data), hashlib.sha256(data).hexdigest())


def hashed(one: Volume, **changed) -> Volume:
    return Volume(**{"name": one.name, "size": one.size, "sha256": one.sha256, **changed})


def swapped(listed, stick):
    """Two volumes change places, names and all."""
    data = [(stick / one.name).read_bytes() for one in listed[:2]]
    (stick / listed[0].name).write_bytes(data[1])
    (stick / listed[1].name).write_bytes(data[0])
    first, second = listed[:2]
    return [hashed(second, name=first.name), hashed(first, name=second.name), *listed[2:]]


LIES = {
    "hash": (lambda all_, _: [hashed(all_[0], sha256="0" * 64), *all_[1:]], "bundle.volume"),
    "hash-of-another": (
        lambda all_, _: [hashed(all_[0], sha256=all_[1].sha256), *all_[1:]], "bundle.volume",
    ),
    "smaller": (lambda all_, _: [hashed(all_[0], size=4095), *all_[1:]], "bundle.volume"),
    "larger": (lambda all_, _: [hashed(all_[0], size=1 << 62), *all_[1:]], "bundle.volume"),
    "order": (lambda all_, _: [all_[1], all_[0], *all_[2:]], "volumes.malformed"),
    "swapped": (swapped, "bundle.not-one"),
    "twice": (lambda all_, _: [all_[0], *all_], "volumes.malformed"),
    "first-left-out": (lambda all_, _: all_[1:], "volumes.malformed"),
    "middle-left-out": (lambda all_, _: [all_[0], *all_[2:]], "volumes.malformed"),
    "last-left-out": (lambda all_, _: all_[:-1], "bundle.damaged"),
    "none": (lambda _all, _stick: [], "volumes.malformed"),
    "one-more": (
        lambda all_, stick: [
            *all_, stranger(stick, f"{all_[0].name[:-4]}.{len(all_) + 1:03d}", b"more"),
        ],
        "bundle.damaged",
    ),
    "strangers": (lambda _, stick: [stranger(stick, "holiday.001", b"a" * 500)], "bundle.not-one"),
    "missing": (lambda all_, _: [hashed(all_[0], name="none.001")], "bundle.volume"),
    "another-folder": (
        lambda all_, _: [hashed(all_[0], name="../stick/x.001"), *all_[1:]], "volumes.malformed",
    ),
    "a-list-of-lists": (
        lambda _, stick: [stranger(stick, "deep.001", b"gitsync-volumes 1\n" * 30)],
        "bundle.not-one",
    ),
}  # fmt: skip


def test_every_lie_in_a_list_of_volumes(meeting, cut, tmp_path):
    """Hashes, sizes, names and their order, each in turn."""
    listed = list(volumes.parse(cut.read_bytes()))
    clone, good = everything(meeting.folder("james")), everything(meeting.stick)
    for lie, (change, code) in LIES.items():
        cut.write_bytes(volumes.encode(tuple(change(listed, meeting.stick))))
        stick = everything(meeting.stick)
        with pytest.raises(GitsyncError) as caught:
            meeting.take("james", cut)
        assert (lie, caught.value.code) == (lie, code)
        assert everything(meeting.folder("james")) == clone, lie
        assert everything(meeting.stick) == stick, lie
        assert list((tmp_path / "scratch").iterdir()) == [], lie
        for path in meeting.stick.iterdir():
            path.unlink()
        for name, data in good.items():
            (meeting.stick / name).write_bytes(data)
    assert meeting.take("james", cut)[0].outcome == "imported"


def test_a_volume_that_is_no_file(meeting, cut):
    """It would be read for ever, or be a file of whoever reads the stick."""
    volume = meeting.stick / volumes.parse(cut.read_bytes())[1].name
    elsewhere = volume.rename(meeting.root / "elsewhere")
    for make in (
        volume.mkdir, lambda: os.mkfifo(volume), lambda: volume.symlink_to("/dev/zero"),
        lambda: volume.symlink_to(elsewhere),
    ):  # fmt: skip
        make()
        with pytest.raises(GitsyncError) as caught:
            meeting.take("james", cut)
        assert caught.value.code == "bundle.volume"
        volume.rmdir() if volume.is_dir() else volume.unlink()


def test_volumes_that_no_disk_here_holds(meeting, cut, tmp_path, monkeypatch):
    """A hole of a terabyte takes no room on a stick, and would where it is put together."""
    read = []
    monkeypatch.setattr(unwrapping, "room", lambda _: 5000)
    monkeypatch.setattr(unwrapping, "digest_of", lambda *args: read.append(args))
    with pytest.raises(GitsyncError) as caught:
        meeting.take("james", cut)
    assert (caught.value.code, read) == ("bundle.no-room", [])
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_list_under_another_name_takes_nobody_s_files_with_it(meeting, cut):
    """What is done is cleared away; files that are only called like it are not part of it."""
    mine = meeting.stick / "holiday.001"
    mine.write_bytes(b"a picture")
    listed = volumes.parse(cut.read_bytes())
    cut = cut.rename(meeting.stick / "holiday.volumes")
    meeting.sync("james")
    meeting.sync("alice")
    found = meeting.sync("james")
    left = {one.name for one in meeting.stick.iterdir()}
    assert cut.name not in left, found
    assert not {one.name for one in listed} & left
    assert mine.read_bytes() == b"a picture"


def test_a_relay_believes_no_list_of_volumes(meeting):
    """It cannot read what it carries. It takes what is whole by its list, whose volumes have its
    name; and a list that has the name of what was answered takes no other with it."""
    meeting.meet()
    meeting.land("notes/a.md", "A\n")
    first = meeting.bundle("alice", "james", encrypt=True)
    meeting.sync("james")
    assert not first.exists()
    meeting.land("notes/b.md", "B\n")
    path = meeting.bundle("alice", "james", encrypt=True, split=1000)
    parts = [path.with_name(one.name) for one in volumes.parse(path.read_bytes())]
    answered = path.with_name(f"{first.name}.volumes")
    answered.write_bytes(path.read_bytes())
    data = path.read_bytes(), [one.read_bytes() for one in parts]
    path.unlink()
    assert [error.code for _, error in meeting.sync("carol").haul.refused] == ["bundle.volume"]
    assert Shelf.of(meeting.ws("carol")).sealed() == []
    assert [one.read_bytes() for one in parts] == data[1]
    answered.unlink()
    path.write_bytes(data[0])
    parts[1].write_bytes(bytes(1000))
    assert [error.code for _, error in meeting.sync("carol").haul.refused] == ["bundle.volume"]
    assert Shelf.of(meeting.ws("carol")).sealed() == []
    parts[1].write_bytes(data[1][1])
    meeting.sync("carol")
    (kept,) = Shelf.of(meeting.ws("carol")).sealed()
    assert kept.read_bytes() == b"".join(data[1])


def test_more_volumes_than_a_list_may_name(meeting):
    meeting.land("notes/a.md", "".join(f"{n * 7919 % 1000003}\n" for n in range(3000)))
    with pytest.raises(UsageError) as caught:
        meeting.bundle("alice", "james", split=8)
    assert caught.value.code == "bundle.split"
    assert list(meeting.stick.iterdir()) == []
