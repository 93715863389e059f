"""Encrypted bundles that are carried by somebody who cannot read them."""

from __future__ import annotations

import pytest

from gitsync.codec import ageheader
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


def test_the_header_tells_whom_a_file_is_for():
    assert ageheader.tags(HEADER) == {"rflYrg", "frOBeA"}
    for cut in range(HEADER.index(b"---") + 4):
        assert ageheader.tags(HEADER[:cut]) == frozenset()
    assert ageheader.tags(HEADER.replace(b"v1", b"v2", 1)) == frozenset()
