"""What is read of a bundle while git looks at it: the same answers, and no part in any of them."""

from __future__ import annotations

import threading

import pytest

from gitsync.codec.sshwire import string
from gitsync.domain.errors import GitsyncError, VerificationError
from gitsync.domain.roster import ED25519, PublicKey
from gitsync.services.carrying import taking
from gitsync.services.sources import known_view
from gitsync.storage import ahead
from gitsync.storage.ahead import reading_ahead
from gitsync.storage.bundlefile import open_bundle
from gitsync.storage.facts import StoreFacts
from gitsync.storage.quarantine import Quarantine


@pytest.fixture
def bundle(meeting):
    for number in range(4):
        meeting.land(f"notes/{number}.md", f"Note {number}\n")
    return meeting.bundle("alice")


def read_all(path):
    """What is known if nothing stops the reading."""
    known = ahead.Known()
    ahead._Reader(open_bundle(path), known).run()
    return known


def test_it_says_of_each_object_what_the_store_says(meeting, bundle):
    known = read_all(bundle)
    ws = meeting.ws("alice")
    plain = StoreFacts(ws.repo.store)
    view = known_view(ws)
    asked = {*view.tags.values(), view.common}
    assert asked <= known.signers.keys()
    for oid in known.parents:
        if oid == open_manifest(bundle):
            continue
        assert known.parents[oid] == plain.commit(oid).parents
        assert known.signers[oid] == plain.signer(oid)
    for tag in view.tags.values():
        assert known.signers[tag] == plain.tag_signer(tag)


def open_manifest(path):
    return open_bundle(path).header.refs["refs/gitsync/manifest"]


def test_an_import_asks_for_no_signature_that_was_checked_ahead(meeting, bundle, monkeypatch):
    asked = []
    plain = StoreFacts._verify
    monkeypatch.setattr(
        StoreFacts,
        "_verify",
        lambda self, commit, oid: asked.append(oid) or plain(self, commit, oid),
    )
    began = threading.Event()
    run = ahead._Reader.run

    def whole(self):
        run(self)
        began.set()

    monkeypatch.setattr(ahead._Reader, "run", whole)
    monkeypatch.setattr(ahead._Reader, "stop", lambda self: (began.wait(30), self.join()))
    (found,) = meeting.take("carol", bundle)
    assert found.after == 5
    known = read_all(bundle)
    view = known_view(meeting.ws("carol"))
    assert view.common not in asked
    assert not known.signers.keys() & set(asked)


def test_what_nobody_read_ahead_is_read_when_it_is_asked_for(meeting, bundle, monkeypatch):
    monkeypatch.setattr(ahead, "MAX_OBJECTS", -1)
    (found,) = meeting.take("carol", bundle)
    assert (found.outcome, found.after) == ("imported", 5)


def test_a_signature_that_does_not_fit_is_not_known(meeting, bundle):
    """Ahead of the proof nothing is refused; without it, nothing is taken."""
    ws = meeting.ws("alice")
    view = known_view(ws)
    evil = ws.repo.facts.commit(view.common)
    from gitsync.codec.gitobjects import commit_payload, encode_commit
    from gitsync.domain.objects import Commit

    forged = Commit(evil.tree, evil.parents, evil.author, evil.committer, evil.message + b"\n",
                    evil.signature)  # fmt: skip
    assert commit_payload(forged) != commit_payload(evil)
    known = ahead.Known()
    reader = ahead._Reader(open_bundle(bundle), known)
    reader._note("commit", encode_commit(forged))
    reader._note("commit", b"tree of nothing")
    reader._note("tag", b"no tag")
    assert len(known.parents) == 1
    assert not known.signers


def test_a_flaw_of_ours_is_not_kept_quiet(bundle, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(ahead, "parse_commit", broken)
    with pytest.raises(ZeroDivisionError), reading_ahead(open_bundle(bundle)):
        threading.Event().wait(0.2)


def test_the_end_of_the_body_ends_it(bundle, monkeypatch):
    began, go_on = threading.Event(), threading.Event()

    def slow(self, kind, data):
        began.set()
        go_on.wait(30)

    monkeypatch.setattr(ahead._Reader, "_note", slow)
    before = threading.active_count()
    with reading_ahead(open_bundle(bundle)):
        assert began.wait(30)
        go_on.set()
    assert threading.active_count() == before


def test_a_stick_that_vanishes_meanwhile_is_for_git_to_tell(meeting, bundle):
    file = open_bundle(bundle)
    bundle.unlink()
    with reading_ahead(file) as known:
        pass
    assert not known.parents
    with pytest.raises(GitsyncError):
        meeting.take("carol", bundle)


def test_the_proof_goes_by_the_keys_that_were_read_ahead(meeting, bundle, monkeypatch):
    """Were they a stranger's, nothing would be taken."""
    stranger = PublicKey(ED25519, string(ED25519.encode()) + string(bytes(32)))
    plain = taking.reading_ahead

    from contextlib import contextmanager

    @contextmanager
    def lying(file):
        with plain(file) as known:
            yield known
        known.signers = dict.fromkeys(read_all(bundle).signers, stranger)

    monkeypatch.setattr(taking, "reading_ahead", lying)
    with pytest.raises(VerificationError) as caught:
        meeting.take("carol", bundle)
    assert caught.value.code in ("witness.unknown-key", "tag.unknown-key", "anchor.signer")


def test_what_was_read_ahead_need_not_be_there(meeting, bundle, monkeypatch):
    """The file on the stick changes between the two readings: git gets an older bundle's pack."""
    meeting.land("notes/later.md", "Later\n")
    newer = meeting.bundle("alice", full=True)
    run, take = ahead._Reader.run, Quarantine.take
    read = threading.Event()
    monkeypatch.setattr(ahead._Reader, "run", lambda self: (run(self), read.set()))

    def of_the_older(self, _file):
        assert read.wait(30)
        take(self, open_bundle(bundle))

    monkeypatch.setattr(Quarantine, "take", of_the_older)
    before = meeting.refs("carol")
    with pytest.raises(VerificationError) as caught:
        meeting.take("carol", newer)
    assert caught.value.code == "bundle.incomplete"
    assert meeting.refs("carol") == before
