"""The tag of a position: what makes a number final."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.gitobjects import encode_tag, tag_payload
from gitsync.domain.ledger.snapshot import machine_identity
from gitsync.domain.objects import Oid, Tag

if TYPE_CHECKING:
    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.signing import Signer


def make_tag(
    facts: StoreFacts,
    signer: Signer,
    name: str,
    *,
    space: str,
    number: int,
    target: Oid,
    ledger: Oid,
    now: int,
) -> Oid:
    """Sign and store the tag of a position, with the notary's clock (``now``, seconds) in it."""
    tag = Tag(
        target=target,
        target_kind="commit",
        name=f"{space}@{number}".encode(),
        tagger=machine_identity(name, now),
        message=trailers.compose(
            f"{space}@{number}", [("Gitsync-Ledger", ledger)] if number > 1 else []
        ),
    )
    signed = replace(tag, signature=signer.sign(tag_payload(tag)))
    return facts.store.write("tag", encode_tag(signed))
