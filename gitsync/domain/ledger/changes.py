"""Changed files as changed artifacts, and what the schema says to them.

The witness asks this of what a proposal would change in ``common``, a hook of what is staged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.artifact import ArtifactChange
from gitsync.domain.errors import FormatError, RefusedError, Where
from gitsync.domain.ledger.content import show
from gitsync.domain.objects import Oid
from gitsync.domain.schema import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.domain.artifact import ArtifactHead
    from gitsync.domain.merge.trees import FileChange
    from gitsync.domain.policy import Policy, Requirement
    from gitsync.domain.ports import Facts
    from gitsync.domain.schema import Schema

#: How a file's name ends that may hold an artifact.
ARTIFACT_ENDINGS = (b".md", b".markdown")


def artifact_change(facts: Facts, schema: Schema, change: FileChange) -> ArtifactChange:
    """What a changed file is to the rules.

    Raises FormatError for front matter that cannot be read, and RefusedError
    ``schema.front-matter-lost`` where the file stays and its artifact would be gone.
    """
    path = show(change.path)
    heads: list[ArtifactHead | None] = [None, None]
    if change.path.endswith(ARTIFACT_ENDINGS):
        for side, entry in enumerate((change.before, change.after)):
            if entry is None:
                continue
            try:
                heads[side] = facts.head(Oid(entry[1].hex()), schema, path)
            except FormatError:
                # What was broken when the ledger began may be mended or removed.
                if side == 1:
                    raise
    if change.after is not None and heads[1] is None and heads[0] is not None and heads[0].id:
        # The file stays, the artifact would be gone: a deletion that nobody would see as one.
        raise RefusedError(
            "schema.front-matter-lost",
            f"{path} would lose its front matter, and {heads[0].id} with it",
            hint="put the front matter back, or delete the file: git rm " + path,
            where=Where(path, 1),
        )
    return ArtifactChange(path, heads[0], heads[1])


def pair_moves(changes: Iterable[ArtifactChange]) -> list[ArtifactChange]:
    """The changes with a delete and an add of one id joined: a rename changes no state."""
    changes = list(changes)
    gone = {
        change.before.id: change
        for change in changes
        if change.after is None and change.before is not None and change.before.id
    }
    paired: list[ArtifactChange] = []
    used: set[str] = set()
    for change in changes:
        source = gone.get(change.after.id or "") if change.after and not change.before else None
        if source is not None and source.before is not None:
            used.add(source.path)
            paired.append(ArtifactChange(change.path, source.before, change.after, source.path))
        else:
            paired.append(change)
    return [change for change in paired if change.after is not None or change.path not in used]


def violated(item: Violation, policy: Policy) -> RefusedError:
    """What the schema refuses, as an error that also says who could do what is possible."""
    hint = item.hint
    if item.ways:
        hint = f"{hint}: {'; '.join(policy.who(way.role, str(way.after)) for way in item.ways)}"
    return RefusedError(item.code, f"{item.path}: {item.message}", hint=hint)


def check_states(schema: Schema, policy: Policy, change: ArtifactChange) -> list[Requirement]:
    """The roles that must agree to a change. Raises RefusedError ``schema.*``."""
    needed: list[Requirement] = []
    for item in schema.check(change):
        if isinstance(item, Violation):
            raise violated(item, policy)
        needed.append(item)
    return needed
