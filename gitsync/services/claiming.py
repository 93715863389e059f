"""``claim``: say that one works on something, as an ordinary proposal that the witness orders.

A soft claim sets the owner and the state of work in progress. Of two claims the one that lands
first holds: the other one changes the same field, and is refused as a conflict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.links import link_values
from gitsync.domain.names import person_of
from gitsync.services.artifacts import Artifact, fields_of, show
from gitsync.services.authoring import may_become, rewrite
from gitsync.services.proposing import Proposed, ProposeOptions, propose
from gitsync.storage.durable import write_atomic

if TYPE_CHECKING:
    from gitsync.codec.frontmatter_edit import FieldValue
    from gitsync.domain.schema import ArtifactType
    from gitsync.services.workspace import Workspace


@frozen
class Claimed:
    """What a claim did: the artifact as it is now, the status and the owners that it had, and the
    proposal; None for that where ``common`` says all of it already."""

    artifact: Artifact
    before: str | None
    owners: tuple[str, ...]
    proposed: Proposed | None


def claim(ws: Workspace, text: str, *, take_over: bool = False) -> Claimed:
    """Make an artifact this domain's own work, and propose that alone.

    Raises RefusedError ``claim.taken`` when it is somebody else's, unless ``take_over``, and
    ``claim.done`` when nothing is left to do; also what a change of state and ``propose`` raise.
    The file is as it was then.
    """
    schema = ws.settings().schema
    found = show(ws, text)
    kind = schema.types.get(found.head.type or "")
    if found.problem or found.head.id is None or kind is None:
        raise RefusedError(
            "artifact.unreadable", found.problem or f"{found.path} is of no type that is known here"
        )
    if found.head.status in kind.done:
        raise RefusedError(
            "claim.done", f"{found.head.id} is {found.head.status}: nothing is left to do",
            hint="gitsync ready   # what there is to do",
        )  # fmt: skip
    owners = link_values(fields_of(found).get(schema.owner_field))
    if not take_over:
        _refuse_taken(ws, found, kind, owners)
    edits: dict[str, FieldValue] = {}
    if owners != (ws.me(),):
        edits[schema.owner_field] = schema.field_value(kind, schema.owner_field, ws.me())
    if kind.started is not None and found.head.status != kind.started:
        may_become(ws, found, kind.started)
        edits[schema.status_field] = kind.started
    artifact = rewrite(ws, found, edits)
    return Claimed(artifact, found.head.status, owners, _propose(ws, found, artifact))


def _refuse_taken(
    ws: Workspace, found: Artifact, kind: ArtifactType, owners: tuple[str, ...]
) -> None:
    """Somebody's name on work that has not begun is no claim where a state says what has begun."""
    others = [one for one in owners if person_of(one) != person_of(ws.me())]
    begun = kind.started is None or found.head.status == kind.started
    if others and begun:
        raise RefusedError(
            "claim.taken", f"{found.head.id} is {others[0]}'s work",
            hint=f"take it over all the same: gitsync claim {found.head.id} --take-over",
        )  # fmt: skip


def _propose(ws: Workspace, found: Artifact, artifact: Artifact) -> Proposed | None:
    place = ws.work_tree().root / found.path
    wanted = ProposeOptions(
        message=f"Claim {artifact.head.id}", slug=f"claim-{artifact.head.id}", paths=(str(place),)
    )
    try:
        return propose(ws, wanted)
    except RefusedError as error:
        if error.code == "proposal.empty":
            return None
        write_atomic(place, found.raw)
        raise
