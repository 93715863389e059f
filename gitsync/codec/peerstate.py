"""What is known of a peer, as the JSON of a file in this clone. It is this clone's own memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn

from gitsync.domain.carrying import Ack, Holding, Peer, Sent
from gitsync.domain.errors import FormatError
from gitsync.domain.lateregex import late_regex
from gitsync.domain.objects import Oid

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Final = "gitsync/peer/1"
_OID = late_regex(r"[0-9a-f]{40}")


def encode(peer: Peer) -> bytes:
    """The file of a peer."""
    document = {
        "schema": SCHEMA,
        "domain": peer.domain,
        "sequence": peer.sequence,
        "acked": None if peer.acked is None else _sent(peer.acked),
        "sent": [_sent(one) for one in peer.sent],
        "received": None if peer.received is None else _ack(peer.received),
        "told": None if peer.told is None else _ack(peer.told),
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def _sent(sent: Sent) -> dict[str, object]:
    return {
        "sequence": sent.sequence, "manifest": sent.manifest, "number": sent.holding.number,
        "refs": dict(sorted(sent.holding.refs.items())),
    }  # fmt: skip


def _ack(ack: Ack) -> dict[str, object]:
    return {
        "domain": ack.domain, "sequence": ack.sequence, "manifest": ack.manifest,
        "lacks": list(ack.lacks),
    }  # fmt: skip


def decode(data: bytes) -> Peer:
    """The inverse of :func:`encode`. Raises FormatError ``peer.malformed``."""
    try:
        found: Any = json.loads(data)
        if found["schema"] != SCHEMA:
            _malformed()
        peer = Peer(
            _text(found["domain"]), _number(found["sequence"]),
            None if found["acked"] is None else _read_sent(found["acked"]),
            tuple(_read_sent(one) for one in found["sent"]),
            None if found["received"] is None else _read_ack(found["received"]),
            None if found["told"] is None else _read_ack(found["told"]),
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        _malformed()
    return peer


def _read_sent(found: Mapping[str, Any]) -> Sent:
    refs = {_text(ref): _oid(oid) for ref, oid in found["refs"].items()}
    holding = Holding(_number(found["number"]), refs)
    return Sent(_number(found["sequence"]), _oid(found["manifest"]), holding)


def _read_ack(found: Mapping[str, Any]) -> Ack:
    lacks = tuple(_text(one) for one in found["lacks"])
    return Ack(_text(found["domain"]), _number(found["sequence"]), _oid(found["manifest"]), lacks)


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        _malformed()
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        _malformed()
    return value


def _oid(value: object) -> Oid:
    text = _text(value)
    if not _OID.fullmatch(text):
        _malformed()
    return Oid(text)


def _malformed() -> NoReturn:
    raise FormatError("peer.malformed", "the file about a peer cannot be read")
