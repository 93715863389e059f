"""Fork evidence: two tags with one name and number on different commits, signed by one key.

The file is self-contained, so anybody can check it offline: the two tag objects, byte for byte.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitsync.codec.gitobjects import encode_tag, parse_tag
from gitsync.domain.errors import FormatError, GitsyncError, VerificationError
from gitsync.storage.durable import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.objects import Oid, Tag
    from gitsync.domain.roster import Roster
    from gitsync.storage.facts import StoreFacts

SCHEMA = "gitsync/evidence/1"
MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ForkEvidence:
    """A proven fork: the position, the two commits, and the keys (with names, if the roster at
    hand knows them) that signed one tag each."""

    position: str
    commits: tuple[Oid, Oid]
    signers: tuple[str, str]


def fork_file(folder: Path, first: Tag, second: Tag) -> Path:
    """Write the evidence of a fork; returns the file, named by what it proves."""
    pair = sorted((first, second), key=lambda tag: tag.target)
    position = first.name.decode("utf-8", "replace")
    content = {
        "schema": SCHEMA,
        "kind": "fork",
        "position": position,
        "tags": [base64.b64encode(encode_tag(tag)).decode() for tag in pair],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"fork-{position}-{pair[0].target[:8]}-{pair[1].target[:8]}.json"
    write_atomic(path, (json.dumps(content, indent=1) + "\n").encode())
    return path


def confirm(facts: StoreFacts, data: bytes, roster: Roster | None) -> ForkEvidence:
    """Check an evidence file without network.

    Raises FormatError ``evidence.malformed`` when it is none, VerificationError
    ``evidence.unproven`` when it proves nothing.
    """
    tags = [parse_tag(raw) for raw in _raw_tags(data)]
    if len(tags) != 2:
        raise FormatError("evidence.malformed", "evidence of a fork holds two tags")
    first, second = tags
    if first.name != second.name or first.target == second.target:
        raise VerificationError(
            "evidence.unproven", "the two tags do not contradict each other: no fork"
        )
    signers = []
    for tag in tags:
        try:
            key = facts.tag_signer(tag)
        except GitsyncError as error:
            raise VerificationError(
                "evidence.unproven", f"a tag's signature fails: {error}"
            ) from error
        entry = roster.key(key.blob) if roster is not None else None
        signers.append((entry.names[0] + " " if entry else "") + key.fingerprint)
    return ForkEvidence(
        first.name.decode("utf-8", "replace"),
        (first.target, second.target),
        (signers[0], signers[1]),
    )


def _raw_tags(data: bytes) -> list[bytes]:
    malformed = FormatError("evidence.malformed", "the file is not evidence of a fork")
    if len(data) > MAX_BYTES:
        raise malformed
    try:
        found: Any = json.loads(data)
        if found["schema"] != SCHEMA or found["kind"] != "fork":
            raise malformed
        return [base64.b64decode(text, validate=True) for text in found["tags"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise malformed from error
