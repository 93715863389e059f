"""Fork evidence: two tags with one name and number on different commits, signed by one key.

The file is self-contained, so anybody can check it offline: the two tag objects, byte for byte.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from gitsync.codec.gitobjects import encode_tag, parse_tag, tag_payload
from gitsync.domain.errors import FormatError, GitsyncError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.snapshot import witness_name
from gitsync.domain.names import parse_position
from gitsync.services.replay import tag_ledger
from gitsync.storage.durable import make_folder, write_atomic
from gitsync.storage.signing import verify

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.objects import Oid, Tag
    from gitsync.domain.ports import Settings
    from gitsync.domain.roster import PublicKey

SCHEMA = "gitsync/evidence/1"
MAX_BYTES = 1 << 20


@frozen
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
    make_folder(folder)
    path = folder / f"fork-{position}-{pair[0].target[:8]}-{pair[1].target[:8]}.json"
    write_atomic(path, (json.dumps(content, indent=1) + "\n").encode())
    return path


def contradicts(first: Tag, second: Tag) -> bool:
    """Whether two tags give one number of one ledger to two commits.

    Not the first number: two of those are two ledgers, each with a snapshot to begin with.
    """
    position = parse_position(first.name.decode("utf-8", "replace"))
    return (
        position is not None
        and position[1] > 1
        and first.name == second.name
        and first.target != second.target
        and tag_ledger(first) == tag_ledger(second) is not None
    )


def confirm(data: bytes, settings: Settings | None) -> ForkEvidence:
    """Check an evidence file without network.

    Both tags are signed by one key or, where ``settings`` know better, each by a witness. Raises
    FormatError ``evidence.malformed`` when it is none, VerificationError ``evidence.unproven``
    when it proves nothing.
    """
    tags = [parse_tag(raw) for raw in _raw_tags(data)]
    if len(tags) != 2:
        raise FormatError("evidence.malformed", "evidence of a fork holds two tags")
    first, second = tags
    if not contradicts(first, second):
        raise VerificationError(
            "evidence.unproven", "the two tags do not contradict each other: no fork"
        )
    keys: list[PublicKey] = []
    for tag in tags:
        try:
            keys.append(verify(tag.signature or b"", tag_payload(tag)))
        except GitsyncError as error:
            raise VerificationError(
                "evidence.unproven", f"a tag's signature fails: {error}"
            ) from error
    signers = [_signer(key, settings) for key in keys]
    if settings is None and keys[0] != keys[1]:
        raise VerificationError(
            "evidence.unproven",
            "the two tags are by two keys, and without the ledger nobody can tell whose they are",
            hint="check it in a clone of the ledger",
        )
    return ForkEvidence(
        first.name.decode("utf-8", "replace"),
        (first.target, second.target),
        (signers[0], signers[1]),
    )


def _signer(key: PublicKey, settings: Settings | None) -> str:
    """The key with its name. Whoever is no witness may sign what they like: it proves nothing."""
    if settings is None:
        return key.fingerprint
    name = witness_name(settings.policy, settings.roster, key)
    if name is None:
        raise VerificationError(
            "evidence.unproven",
            f"{key.fingerprint}, which signed one of the tags, is no witness of this ledger",
            hint="if it was one earlier, check it in a clone that stands at that position",
        )
    return f"{name} {key.fingerprint}"


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
