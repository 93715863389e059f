"""A request to join: a signed commit on a ref of its own that carries a name and a public key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.records import write_commit_record
from gitsync.codec.sshkeys import encode_public, parse_public
from gitsync.domain.errors import RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import person_of
from gitsync.domain.records import JOIN_REQUEST, CommitRecord

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid
    from gitsync.domain.roster import PublicKey, Roster
    from gitsync.storage.facts import StoreFacts

KEY_TRAILER = "Gitsync-Key"
NAME_TRAILER = "Gitsync-Name"


@frozen
class Request:
    """A request to join, checked: the key asks for itself, or a person vouches for it."""

    name: str
    key: PublicKey
    commit: Oid
    vouched_by: str | None


def request_message(name: str, key: PublicKey, ledger: Oid) -> bytes:
    """The message of a signed request to join."""
    return write_commit_record(
        f"{name} asks to join",
        CommitRecord(kind=JOIN_REQUEST, ledger=ledger),
        (NAME_TRAILER, name),
        (KEY_TRAILER, " ".join(encode_public(key).decode().split()[:2])),
    )


def key_in_request(facts: StoreFacts, commit: Oid) -> PublicKey:
    """The key that a request asks for. Raises RefusedError ``request.malformed``."""
    text = trailers.parse(facts.commit(commit).message).one(KEY_TRAILER)
    if text is None:
        raise RefusedError("request.malformed", "the commit is no request to join")
    return parse_public(text.encode())


def read_request(facts: StoreFacts, ledger: Oid, name: str, commit: Oid, roster: Roster) -> Request:
    """Check a request: it names this ledger, and is signed by its own key or, for a further
    clone or agent, by the person's.

    Raises RefusedError ``request.*`` or FormatError.
    """
    found = trailers.parse(facts.commit(commit).message)
    record = facts.record(commit)
    if record.kind != JOIN_REQUEST or found.one(NAME_TRAILER) != name:
        raise RefusedError("request.malformed", f"the commit for {name} is no request to join")
    if record.ledger != ledger:
        raise RefusedError("request.other-ledger", f"{name} asks to join another ledger")
    key = key_in_request(facts, commit)
    signer = facts.signer(commit)
    if signer.blob == key.blob:
        return Request(name, key, commit, None)
    person = roster.counts_for(signer.blob)
    if "." in name and person == person_of(name):
        return Request(name, key, commit, person)
    raise RefusedError("request.signature", f"the request of {name} is not signed by its own key")
