"""Receipts as JSON files on the receipts ref (docs/reference/receipts.md)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gitsync.domain.errors import FormatError
from gitsync.domain.lateregex import late_regex
from gitsync.domain.objects import Oid
from gitsync.domain.records import Receipt

if TYPE_CHECKING:
    from gitsync.domain.names import ProposalName

SCHEMA = "gitsync/receipt/1"
OUTCOMES = ("received", "accepted", "refused", "waiting", "subsumed")
MAX_BYTES = 64 * 1024

_OID = late_regex(r"[0-9a-f]{40}")


def latest_path(name: ProposalName) -> str:
    """Where the newest receipt of a proposal lies, so that ``git show REF:PATH`` reads it."""
    return f"proposals/{name.domain}/{name.slug}.json"


def commit_path(oid: Oid) -> str:
    """Where the receipt of one commit lies; two hex digits spread the folder."""
    return f"commits/{oid[:2]}/{oid[2:]}.json"


def taken_back_path(person: str, oid: Oid) -> str:
    """Where it lies that ``person`` withdrew or replaced a commit."""
    return f"taken-back/{person}/{oid[:2]}/{oid[2:]}.json"


def moment(seconds: int) -> str:
    """Seconds since the epoch as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_dict(receipt: Receipt) -> dict[str, Any]:
    """The JSON object of a receipt, also what ``gitsync receipt --json`` prints."""
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "outcome": receipt.outcome,
        "space": receipt.space,
        "ledger": receipt.ledger,
        "ref": receipt.ref,
        "proposal": receipt.proposal,
        "decided-on": f"{receipt.space}@{receipt.position}",
        "rule": receipt.rule,
        "why": receipt.why,
        "at": moment(receipt.at),
    }
    if receipt.number is not None:
        found["snapshot"] = f"{receipt.space}@{receipt.number}"
    if receipt.snapshot is not None:
        found["snapshot-commit"] = receipt.snapshot
    if receipt.mend:
        found["mend"] = list(receipt.mend)
    return found


def encode(receipt: Receipt) -> bytes:
    """The file of a receipt: indented, for people who read it with ``git show``."""
    return (json.dumps(to_dict(receipt), indent=2, ensure_ascii=True) + "\n").encode()


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise FormatError("receipt.malformed", f"a receipt's {key!r} is not text")
    return value


def _oid(found: dict[str, Any], key: str) -> Oid:
    value = _text(found, key)
    if not _OID.fullmatch(value):
        raise FormatError("receipt.malformed", f"a receipt's {key!r} is not a commit id")
    return Oid(value)


def _number(text: str) -> int:
    _, _, number = text.rpartition("@")
    if not (number.isascii() and number.isdigit() and len(number) <= 12):
        raise FormatError("receipt.malformed", "a receipt names no position")
    return int(number)


def decode(data: bytes) -> Receipt:
    """The inverse of :func:`encode`; unknown fields are left aside.

    Raises FormatError ``receipt.malformed``.
    """
    if len(data) > MAX_BYTES:
        raise FormatError("receipt.malformed", f"a receipt is larger than {MAX_BYTES} bytes")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError("receipt.malformed", "a receipt is not JSON") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise FormatError("receipt.malformed", f"a receipt is not of the kind {SCHEMA}")
    outcome = _text(found, "outcome")
    if outcome not in OUTCOMES:
        raise FormatError("receipt.malformed", "a receipt has an outcome that does not exist")
    try:
        at = int(
            datetime.strptime(_text(found, "at"), "%Y-%m-%dT%H:%M:%SZ")
            .replace(tzinfo=UTC)
            .timestamp()
        )
    except ValueError as error:
        raise FormatError("receipt.malformed", "a receipt has an unreadable date") from error
    mend = found.get("mend", [])
    if not isinstance(mend, list) or not all(isinstance(line, str) for line in mend):
        raise FormatError("receipt.malformed", "a receipt's 'mend' is not a list of commands")
    return Receipt(
        outcome=outcome,
        space=_text(found, "space"),
        ledger=_oid(found, "ledger"),
        proposal=_oid(found, "proposal"),
        ref=_text(found, "ref"),
        position=_number(_text(found, "decided-on")),
        rule=_text(found, "rule"),
        why=_text(found, "why"),
        at=at,
        number=_number(_text(found, "snapshot")) if "snapshot" in found else None,
        snapshot=_oid(found, "snapshot-commit") if "snapshot-commit" in found else None,
        mend=tuple(mend),
    )
