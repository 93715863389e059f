"""Encrypted bundles that are carried by somebody who cannot read them."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from gitsync.codec import ageheader, volumes
from gitsync.services.carrying import sealed
from gitsync.services.carrying.shelf import Shelf

HEADER = (
    b"age-encryption.org/v1\n-> ssh-ed25519 rflYrg x+W6FTy8W6SE87sl+kCXvDhPH2VsinYg4hOQZbz4PCg\n"
    b"Dspzm1lvzDcXzMIEKO0Q6ZiQbx+kwQmUhnpY3+7G6+I\n-> ssh-rsa frOBeA\niM8D/EP\n"
    b"-> X25519 abcdef\nAAAA\n--- v3NuOllVXTl9B+RE1dX3tijAaBYT9uAwXJXKl1KJkfo\n"
    b"-> ssh-ed25519 AAAAAA x\n"
)


@pytest.fixture
def met(meeting):
    """Everybody has exchanged bundles with the witness, and the stick is empty."""
    meeting.meet()
    (meeting.root / "other").mkdir()
    meeting.land("notes/secret.md", "A secret\n")
    return meeting


def sent(met, recipient="james"):
    """An encrypted bundle of alice's on the stick."""
    return met.bundle("alice", recipient, encrypt=True)


def kept(met, who="carol"):
    return Shelf.of(met.ws(who)).sealed()


def test_a_carrier_who_cannot_read_it_brings_it(met):
    path, other = sent(met), met.root / "other"
    synced = met.sync("carol")
    (one,) = synced.sealed
    assert (one.path, one.recipients) == (path, ("james",))
    assert met.sync("carol").sealed == ()
    assert met.sync("carol", other).passed_on[-1] == other / path.name
    assert (other / path.name).read_bytes() == path.read_bytes()
    found = met.sync("james", other)
    assert "alice" in {one.manifest.sender for one in found.haul.taken}
    assert met.number("james") == 2
    # The answer comes by: it need not be carried any more, on either stick.
    assert len(kept(met)) == 1
    met.sync("carol", other)
    assert kept(met) == []
    assert not (other / path.name).exists()


def test_what_is_kept_is_bounded(met, monkeypatch):
    monkeypatch.setattr(sealed, "MOST_FILES", 1)
    first, second = sent(met), sent(met)
    assert {first, second} - {one.path for one in met.sync("carol").sealed} != set()
    assert len(kept(met)) == 1
    monkeypatch.setattr(sealed, "MOST_FILES", 100)
    monkeypatch.setattr(sealed, "MOST_BYTES", 2 * first.stat().st_size - 100)
    assert met.sync("carol").sealed == ()
    monkeypatch.setattr(sealed, "room", lambda _: 0)
    monkeypatch.setattr(sealed, "MOST_BYTES", 1 << 30)
    assert met.sync("carol").sealed == ()
    monkeypatch.undo()
    assert len(met.sync("carol").sealed) == 1
    met.clock.tick(sealed.KEPT_SECONDS + 1)
    for path in (first, second):
        path.unlink()
    met.sync("carol")
    assert kept(met) == []


def test_only_what_is_for_somebody_on_the_roster(met):
    data = sent(met).read_bytes()
    (here,) = met.stick.glob("*.age")
    here.unlink()
    names = ("0123456789abcdef.age", "holiday.age", "0123456789abcde.age", "1123456789abcdef.age")
    for name in names:
        (met.stick / name).write_bytes(data)
    stranger = data.replace(data.split(b" ")[2], b"AAAAAA", 1)
    (met.stick / names[3]).write_bytes(stranger)
    (met.stick / "2123456789abcdef.age").write_bytes(ageheader.MAGIC + b"\n" * 100_000)
    (met.stick / "3123456789abcdef.age").symlink_to(met.stick / names[0])
    assert [one.name for one in met.sync("carol").sealed] == [names[0]]


def test_no_file_takes_another_s_place(met):
    path, other = sent(met), met.root / "other"
    data = path.read_bytes()
    met.sync("carol")
    path.write_bytes(data[:-1] + b"x")
    assert met.sync("carol").sealed == ()
    assert [one.read_bytes() for one in kept(met)] == [data]
    (other / path.name).write_bytes(b"mine")
    met.sync("carol", other)
    assert (other / path.name).read_bytes() == b"mine"


def test_a_stick_without_room_stops_nobody(met, monkeypatch):
    path, other = sent(met), met.root / "other"
    met.sync("carol")
    monkeypatch.setattr(sealed, "room", lambda _: path.stat().st_size)
    synced = met.sync("carol", other)
    assert synced.written
    assert not (other / path.name).exists()
    monkeypatch.undo()
    assert met.sync("carol", other).passed_on == (other / path.name,)


def test_one_that_was_altered_is_told_to_its_recipient_alone(met):
    path = sent(met)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert [error.code for _, error in met.sync("james").haul.refused] == ["bundle.sealed"]
    assert met.sync("carol").haul.refused == ()


def test_a_sender_knows_its_own_again(met):
    met.sync("alice", encrypt=True)
    first = {one.name for one in met.stick.glob("*.age")}
    assert len(first) == 2
    assert met.sync("alice", encrypt=True).written == ()
    met.land("notes/more.md", "More\n")
    met.sync("alice", encrypt=True)
    second = {one.name for one in met.stick.glob("*.age")}
    assert len(second) == 2
    assert not first & second
    assert kept(met, "alice") == []


# -- in volumes -----------------------------------------------------------------------------


def in_volumes(met, size=1000):
    """The list of an encrypted bundle that came in volumes."""
    path = met.bundle("alice", "james", encrypt=True, split=size)
    assert path.name.endswith(".age.volumes")
    return path


def files(folder):
    return {one.name: one.read_bytes() for one in folder.iterdir() if ".age" in one.name}


def test_volumes_are_carried_as_the_file_that_they_are(met):
    path, other = in_volumes(met), met.root / "other"
    listed = volumes.parse(path.read_bytes())
    assert len(listed) > 2
    synced = met.sync("carol")
    (one,) = synced.sealed
    assert (one.path, one.recipients, synced.haul.refused) == (path, ("james",), ())
    assert one.size == sum(map(len, files(met.stick).values()))
    assert met.sync("carol").sealed == ()
    whole = b"".join((met.stick / part.name).read_bytes() for part in listed)
    assert [one.read_bytes() for one in kept(met)] == [whole]
    assert met.sync("carol", other).passed_on[-1] == other / path.name.removesuffix(".volumes")
    assert met.sync("james", other).haul.refused == ()
    assert met.number("james") == 2
    # The answer comes by: nothing is left, here, there, or on the first stick.
    met.sync("carol", other)
    assert kept(met) == []
    for answer in other.glob("james-*.bundle"):
        shutil.copy(answer, met.stick)
    met.sync("carol")
    assert files(met.stick) == {}


def test_volumes_lie_there_already(met):
    """Neither the relay nor the sender writes what is there in another form."""
    in_volumes(met)
    met.sync("carol")
    before = files(met.stick)
    assert not any(".age" in one.name for one in met.sync("carol").passed_on)
    assert met.sync("alice", encrypt=True).written[0].manifest.recipient == "carol"
    assert {name: data for name, data in files(met.stick).items() if name in before} == before
    last = max(met.stick.glob("*.age.0*"))
    last.unlink()
    assert [one.manifest.recipient for one in met.sync("alice", encrypt=True).written] == ["james"]


def test_where_a_disk_needs_it_they_are_volumes_again(met, monkeypatch):
    path, other = in_volumes(met), met.root / "other"
    met.sync("carol")
    monkeypatch.setattr(sealed, "split_for", lambda _: 700)
    stray = other / f"{path.name.removesuffix('.volumes')}.001"
    stray.write_bytes(b"mine")
    assert not any(".age" in one.name for one in met.sync("carol", other).passed_on)
    assert stray.read_bytes() == b"mine"
    stray.unlink()
    assert other / path.name in met.sync("carol", other).passed_on
    assert all(path.stat().st_size <= 700 for path in other.glob("*.age.0*"))
    assert met.sync("james", other).haul.refused == ()
    assert met.number("james") == 2


def test_the_bounds_hold_for_list_and_volumes_together(met, monkeypatch):
    in_volumes(met)
    total = sum(map(len, files(met.stick).values()))
    monkeypatch.setattr(sealed, "MOST_BYTES", total - 1)
    assert (met.sync("carol").sealed, kept(met)) == ((), [])
    monkeypatch.setattr(sealed, "MOST_BYTES", total)
    monkeypatch.setattr(sealed, "MOST_FILES", 0)
    assert met.sync("carol").sealed == ()
    monkeypatch.setattr(sealed, "MOST_FILES", 1)
    monkeypatch.setattr(sealed, "room", lambda _: total)
    assert met.sync("carol").sealed == ()
    monkeypatch.setattr(sealed, "room", lambda _: 1 << 40)
    assert len(met.sync("carol").sealed) == 1


def relisted(path, change):
    path.write_bytes(volumes.encode(tuple(change(list(volumes.parse(path.read_bytes()))))))


def renamed(path):
    """The list under the name of another bundle."""
    path.rename(path.with_name("0123456789abcdef.age.volumes"))


def hole(path):
    """A last volume of a terabyte, which takes no room on the stick."""
    last = max(path.parent.glob("*.age.0*"))
    with last.open("r+b") as file:
        file.truncate(1 << 40)
    relisted(path, lambda all_: [*all_[:-1], replace(all_[-1], size=1 << 40)])


def part(path, at=1):
    return sorted(path.parent.glob("*.age.0*"))[at]


WRONG = {
    "missing": (lambda path: part(path).unlink(), "bundle.volume"),
    "first missing": (lambda path: part(path, 0).unlink(), "bundle.volume"),
    "half copied": (lambda path: part(path).write_bytes(part(path).read_bytes()[:500]),
                    "bundle.volume"),
    "empty": (lambda path: part(path).write_bytes(b""), "bundle.volume"),
    "altered": (lambda path: part(path).write_bytes(bytes(1000)), "bundle.volume"),
    "a link": (lambda path: part(path).rename(path.parent / "x") and
               part(path).with_name(f"{path.stem}.002").symlink_to("x"), "bundle.volume"),
    "list cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "volumes.malformed"),
    "list half copied": (lambda path: path.write_bytes(path.read_bytes()[:130]),
                         "volumes.malformed"),
    "hash": (lambda path: relisted(path, lambda all_: [replace(all_[0], sha256="0" * 64),
                                                       *all_[1:]]), "bundle.volume"),
    "size": (lambda path: relisted(path, lambda all_: [replace(all_[0], size=7), *all_[1:]]),
             "bundle.volume"),
    "order": (lambda path: relisted(path, lambda all_: all_[::-1]), "volumes.malformed"),
    "of another bundle": (renamed, "bundle.volume"),
    "a hole": (hole, None),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_volumes_that_are_not_what_they_should_be(met, wrong):
    """Told, or left where they are; nothing of them is kept, and nothing of them is changed."""
    path = in_volumes(met)
    change, code = WRONG[wrong]
    change(path)
    sizes = {one.name: one.stat().st_size for one in met.stick.iterdir()}
    synced = met.sync("carol")
    assert {error.code for _, error in synced.haul.refused} == ({code} if code else set())
    assert (synced.sealed, kept(met)) == ((), [])
    assert not list(Shelf.of(met.ws("carol")).sealed_folder.glob("*"))
    there = {one.name: one.stat().st_size for one in met.stick.iterdir() if one.name in sizes}
    assert there == sizes
    ran = met.cli("carol", "bundle", "sync", str(met.stick))
    assert (ran.code, code is None or f"({code})" in ran.out) == (int(code is not None), True), ran


def test_the_header_tells_whom_a_file_is_for():
    assert ageheader.tags(HEADER) == {"rflYrg", "frOBeA"}
    for cut in range(HEADER.index(b"---") + 4):
        assert ageheader.tags(HEADER[:cut]) == frozenset()
    assert ageheader.tags(HEADER.replace(b"v1", b"v2", 1)) == frozenset()
