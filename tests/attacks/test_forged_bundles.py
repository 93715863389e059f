"""Attacks by who carries a stick, or finds one."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from gitsync.domain.carrying import Ack
from gitsync.domain.errors import GitsyncError
from gitsync.domain.objects import Oid
from gitsync.services.carrying.shelf import Shelf
from gitsync.storage import quarantine
from tests.integration.carrykit import everything, forge
from tests.integration.test_bundle_damage import with_object


def refused(meeting, path) -> str:
    """The code that an import ends with; nothing of the clone may have changed."""
    before = everything(meeting.folder("james"))
    with pytest.raises(GitsyncError) as caught:
        meeting.take("james", path)
    assert everything(meeting.folder("james")) == before
    return caught.value.code


def test_corrupt_cut_or_renamed_bundle(meeting, tmp_path):
    """A byte in the middle is another one, and the file goes by another name."""
    meeting.land("notes/a.md", "A\n")
    data = bytearray(meeting.bundle("alice", "james").read_bytes())
    data[-30] ^= 1
    path = tmp_path / "carol-james-00009.00000000.bundle"
    path.write_bytes(data)
    assert refused(meeting, path) == "bundle.damaged"


def test_a_bundle_whose_header_lists_more_than_was_signed(meeting, tmp_path):
    """Whoever carries it adds a ref to its header, on a commit that is in it."""
    meeting.land("notes/a.md", "A\n")
    common = Oid(meeting.refs("alice")["refs/heads/common"])
    extra = {"refs/heads/proposals/carol/x": common}
    path = forge(meeting, "alice", tmp_path / "x.bundle", refs=lambda refs: {**refs, **extra})
    assert refused(meeting, path) == "bundle.header-differs"


def test_a_bundle_in_somebody_else_s_name(meeting, tmp_path):
    """A member signs a manifest that says to be the witness's: it would acknowledge for her."""
    path = forge(meeting, "carol", tmp_path / "x.bundle", lambda one: replace(one, sender="alice"))
    assert refused(meeting, path) == "bundle.unknown-key"


def test_a_stick_that_never_arrives(meeting):
    """What was written and lost is in the next one, though nobody says that it was lost."""
    meeting.take("alice", meeting.bundle("james", "alice"))
    meeting.land("notes/a.md", "A\n")
    meeting.bundle("alice", "james").unlink()
    meeting.land("notes/b.md", "B\n")
    (found,) = meeting.take("james", meeting.bundle("alice", "james"))
    assert (found.outcome, found.after) == ("imported", 3)


def test_a_bundle_that_inflates_without_end(meeting, tmp_path):
    """A folder's listing of 300 MiB in a file of some hundred kilobytes."""
    meeting.land("notes/a.md", "A\n")
    size = quarantine.MAX_OBJECT_BYTES + (44 << 20)
    good = meeting.bundle("alice", "james")
    path = with_object(good, tmp_path / "x.bundle", "tree", size, zlib.compress(bytes(size), 9))
    assert refused(meeting, path) == "bundle.too-large"


def test_a_stranger_s_answer_ends_no_errand(meeting):
    """A bundle that looks imported already is in a member's name, by another's key: it says that
    everything has arrived, and a relay would let go of what it carries."""
    for name in ("james", "carol"):
        meeting.take(name, meeting.bundle("alice"))
        meeting.take("alice", meeting.bundle(name, "alice"))
    meeting.take("carol", meeting.bundle("james", "carol"))
    for path in meeting.stick.iterdir():
        path.unlink()
    meeting.land("notes/a.md", "A\n")
    parcel = meeting.bundle("alice", "james")
    hidden = meeting.bundle("alice", "james", encrypt=True)
    meeting.sync("carol")
    there = [Shelf.of(meeting.ws("carol")).relayed(), Shelf.of(meeting.ws("carol")).sealed()]
    assert [len(one) for one in there] == [1, 1]
    last = Shelf.of(meeting.ws("alice")).peer("james").sent[-1]
    acks = (Ack("alice", last.sequence, last.manifest),)

    def lie(one):
        return replace(one, sender="james", recipient="carol", sequence=1, acks=acks)

    forge(meeting, "carol", meeting.stick / "answer.bundle", lie)
    meeting.sync("carol")
    after = [Shelf.of(meeting.ws("carol")).relayed(), Shelf.of(meeting.ws("carol")).sealed()]
    assert after == there
    assert parcel.exists()
    assert hidden.exists()
