"""How old what a clone knows is, for each domain: told without asking anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.names import MIRROR, PEOPLE, parse_position
from gitsync.services.sources import heard_at

if TYPE_CHECKING:
    from gitsync.services.workspace import Workspace

_FORMAT = "%(refname)%00%(creatordate:unix)"


@frozen
class Heard:
    """What is known of one domain: its newest ``position`` here, the moment that its own signer
    ``stated`` for it, and when this clone last ``heard`` from where it comes (for a space, when
    that was verified): seconds since the epoch, None where unknown. ``source`` is a remote, or
    None for what was made here."""

    domain: str
    position: str | None
    stated: int | None
    heard: int | None
    source: str | None


def freshness(ws: Workspace) -> list[Heard]:
    """The space first, then people's domains by name."""
    remote = ws.remote
    mirror = f"{MIRROR}{remote}/" if remote is not None else None
    tags, branches = _moments(ws, mirror)
    contact = heard_at(ws, remote) if remote is not None else None
    position = ws.position()
    found: list[Heard] = []
    if position is not None:
        sealed = tags.get(ws.space, {}).get(position.number)
        name = f"{ws.space}@{position.number}"
        found.append(Heard(ws.space, name, sealed, position.seen, remote))
    for domain in sorted({*tags, *branches} - {ws.space}):
        numbers = tags.get(domain, {})
        newest = max(numbers, default=None)
        stated = numbers[newest] if newest is not None else branches.get(domain)
        own = domain == ws.domain
        name = f"{domain}@{newest}" if newest is not None else ""
        heard = None if own else contact
        found.append(Heard(domain, name or None, stated, heard, None if own else remote))
    return found


def _moments(ws: Workspace, mirror: str | None) -> tuple[dict[str, dict[int, int]], dict[str, int]]:
    """(domain -> number -> moment of the tag, domain -> moment of the branch's tip)."""
    where = ["refs/tags/*@*", PEOPLE.rstrip("/")]
    if mirror is not None:
        where += [f"{mirror}tags/*@*", f"{mirror}heads/people"]
    out = ws.repo.git("for-each-ref", f"--format={_FORMAT}", *where).out
    tags: dict[str, dict[int, int]] = {}
    branches: dict[str, int] = {}
    for line in out.decode("utf-8", "replace").splitlines():
        ref, _, moment = line.partition("\0")
        seconds = int(moment) if moment.isdigit() else 0
        kind, _, name = ref.removeprefix(mirror or "\0").removeprefix("refs/").partition("/")
        position = parse_position(name) if kind == "tags" else None
        if position is not None:
            tags.setdefault(position[0], {})[position[1]] = seconds
        elif kind == "heads":
            domain = name.removeprefix("people/")
            branches[domain] = max(seconds, branches.get(domain, 0))
    return tags, branches
