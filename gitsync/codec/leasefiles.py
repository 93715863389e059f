"""The tree of the locks ref: ``token``, ``stamp``, ``beats``, ``leases/<token>`` and
``requests/<token>/<proposal>`` (docs/reference/leases.md). People read it with ``git show``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from gitsync.codec.receipts import moment
from gitsync.domain.errors import FormatError
from gitsync.domain.lateregex import late_regex
from gitsync.domain.leases.values import Answer, Beat, Lease, Locks, Request
from gitsync.domain.objects import Oid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item", Lease, Request)

LEASE_SCHEMA = "gitsync/lease/1"
REQUEST_SCHEMA = "gitsync/lease-request/1"
MAX_BYTES = 16 << 20
MAX_REQUEST_BYTES = 16 << 10

_NUMBER = late_regex(r"0|[1-9][0-9]{0,14}")
_OID = late_regex(r"[0-9a-f]{40}")


def _fail(what: str) -> FormatError:
    return FormatError("locks.malformed", f"the locks ref holds {what}")


def _number(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _fail(f"{what} that is no number")
    return int(text)


# -- single files ------------------------------------------------------------------------------


def encode_lease(lease: Lease) -> bytes:
    """A lease's file."""
    found: dict[str, Any] = {
        "schema": LEASE_SCHEMA,
        "token": lease.token,
        "holder": lease.holder,
        "subjects": list(lease.subjects),
        "seconds": lease.seconds,
        "grace": lease.grace,
        "on-request": lease.on_request,
        "seen": lease.seen,
        "nonce": lease.nonce,
        "taken": moment(lease.taken),
    }
    if lease.note:
        found["note"] = lease.note
    if lease.escalate:
        found["escalate-to"] = list(lease.escalate)
    if lease.released:
        found["released"] = True
    found["members"] = list(lease.members)
    return _dump(found)


def decode_lease(data: bytes) -> Lease:
    """The inverse of :func:`encode_lease`; other bytes of the same meaning are refused.

    Raises FormatError ``locks.malformed``.
    """
    found = _load(data, LEASE_SCHEMA, MAX_BYTES)
    lease = Lease(
        token=_int(found, "token"),
        holder=_text(found, "holder"),
        nonce=_text(found, "nonce"),
        subjects=_texts(found, "subjects"),
        members=_texts(found, "members"),
        seen=_int(found, "seen"),
        seconds=_int(found, "seconds"),
        grace=_int(found, "grace"),
        note=_text(found, "note", ""),
        on_request=_text(found, "on-request"),
        escalate=_texts(found, "escalate-to", ()),
        released=found.get("released", False) is True,
        taken=_seconds(_text(found, "taken")),
    )
    if encode_lease(lease) != data:
        raise _fail("a lease in another form than its own")
    return lease


def _seconds(text: str) -> int:
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise _fail("a date that is none") from None


def encode_request(request: Request) -> bytes:
    """A request's file."""
    found: dict[str, Any] = {
        "schema": REQUEST_SCHEMA,
        "token": request.token,
        "proposal": request.proposal,
        "ref": request.ref,
        "asker": request.asker,
        "place": request.place,
        "waited": request.waited,
    }
    answer = request.answer
    if answer is not None:
        found["answer"] = answer.verdict
        found["by"] = answer.by
        if answer.until is not None:
            found["until"] = answer.until
        if answer.message:
            found["message"] = answer.message
    return _dump(found)


def decode_request(data: bytes) -> Request:
    """The inverse of :func:`encode_request`. Raises FormatError ``locks.malformed``."""
    found = _load(data, REQUEST_SCHEMA, MAX_REQUEST_BYTES)
    answer = None
    if "answer" in found:
        until = _int(found, "until") if "until" in found else None
        answer = Answer(
            _text(found, "answer"), _text(found, "by"), until, _text(found, "message", "")
        )
    proposal = _text(found, "proposal")
    if not _OID.fullmatch(proposal):
        raise _fail("a request for no commit")
    request = Request(
        _int(found, "token"), Oid(proposal), _text(found, "ref"), _text(found, "asker"),
        _int(found, "place"), _int(found, "waited"), answer,
    )  # fmt: skip
    if encode_request(request) != data:
        raise _fail("a request in another form than its own")
    return request


def _dump(found: dict[str, Any]) -> bytes:
    return (json.dumps(found, indent=1, ensure_ascii=True) + "\n").encode()


def _load(data: bytes, schema: str, limit: int) -> dict[str, Any]:
    if len(data) > limit:
        raise _fail(f"a file of more than {limit} bytes")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise _fail("a file that is not JSON") from None
    if not isinstance(found, dict) or found.get("schema") != schema:
        raise _fail(f"a file that is not of the kind {schema}")
    return found


_NOTHING: Any = object()


def _text(found: dict[str, Any], key: str, default: str = _NOTHING) -> str:
    value = found.get(key, default)
    if not isinstance(value, str):
        raise _fail(f"a {key!r} that is not text")
    return value


def _int(found: dict[str, Any], key: str) -> int:
    value = found.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise _fail(f"a {key!r} that is no number")
    return value


def _texts(found: dict[str, Any], key: str, default: tuple[str, ...] = _NOTHING) -> tuple[str, ...]:
    value = found.get(key, default)
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise _fail(f"a {key!r} that is no list of texts")
    return tuple(value)


# -- the whole tree ----------------------------------------------------------------------------


def lease_path(token: int) -> bytes:
    """Where a lease's file lies."""
    return b"leases/%d" % token


def request_path(key: tuple[int, Oid]) -> bytes:
    """Where a request's file lies."""
    return f"requests/{key[0]}/{key[1]}".encode()


def _stamp_lines(locks: Locks) -> bytes:
    lines = [str(locks.number)] + ([str(locks.stamped)] if locks.stamped is not None else [])
    return "".join(f"{line}\n" for line in lines).encode()


def _beat_lines(locks: Locks) -> bytes:
    return "".join(
        f"{token} {beat.sequence} {beat.idle}\n" for token, beat in sorted(locks.beats.items())
    ).encode()


def changes(before: Locks | None, after: Locks) -> Iterator[tuple[bytes, bytes | None]]:
    """The files that differ between two states: (path, content), None where it is gone.

    ``before`` None stands for an empty tree.
    """
    old = before or Locks(token=-1, number=-1)
    if old.token != after.token:
        yield b"token", b"%d\n" % after.token
    if (old.number, old.stamped) != (after.number, after.stamped):
        yield b"stamp", _stamp_lines(after)
    lines = _beat_lines(after)
    if _beat_lines(old) != lines:
        yield b"beats", lines or None
    yield from _differing(
        ((lease_path(token), old.leases.get(token), after.leases.get(token))
         for token in old.leases.keys() | after.leases.keys()), encode_lease,
    )  # fmt: skip
    yield from _differing(
        ((request_path(key), old.requests.get(key), after.requests.get(key))
         for key in old.requests.keys() | after.requests.keys()), encode_request,
    )  # fmt: skip


def _differing(
    pairs: Iterable[tuple[bytes, Item | None, Item | None]], encode: Callable[[Item], bytes]
) -> Iterator[tuple[bytes, bytes | None]]:
    for path, old, new in pairs:
        if old is not new and old != new:
            yield path, encode(new) if new is not None else None


def decode(
    token: bytes,
    stamp: bytes,
    beats: bytes,
    leases: Iterable[tuple[str, Lease]],
    requests: Iterable[tuple[str, str, Request]],
) -> Locks:
    """The locks that the files of a tree make up, each lease and request with its file's name.

    Raises FormatError ``locks.malformed`` where a name and its content disagree, too.
    """
    number, _, moment = _text_of(stamp).rstrip("\n").partition("\n")
    held: dict[int, Lease] = {}
    for name, lease in leases:
        if name != str(lease.token):
            raise _fail("a lease under another token's name")
        held[lease.token] = lease
    asked: dict[tuple[int, Oid], Request] = {}
    for folder, name, request in requests:
        if (folder, name) != (str(request.token), request.proposal) or request.token not in held:
            raise _fail("a request under another one's name, or for no lease")
        asked[request.token, request.proposal] = request
    last = _number(_text_of(token).rstrip("\n"), "a token")
    locks = Locks(
        last, _number(number, "a stamp"), _number(moment, "a stamp's time") if moment else None,
        held, dict(_beats(beats)), asked,
    )  # fmt: skip
    if any(token > last for token in held) or locks.beats.keys() - held.keys():
        raise _fail("a lease that was never given")
    if b"%d\n" % last != token or _stamp_lines(locks) != stamp or _beat_lines(locks) != beats:
        raise _fail("a counter in another form than its own")
    return locks


def _beats(data: bytes) -> Iterator[tuple[int, Beat]]:
    for line in _text_of(data).splitlines():
        words = line.split(" ")
        if len(words) != 3:
            raise _fail("a line of beats that is none")
        token, sequence, idle = (_number(word, "a beat") for word in words)
        yield token, Beat(sequence, idle)


def _text_of(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise _fail("bytes where numbers are expected") from None
