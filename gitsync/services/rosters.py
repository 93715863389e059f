"""Who may sign: admissions, keys and removals, each a proposal like any other change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec import allowed_signers, settings
from gitsync.codec.records import write_commit_record
from gitsync.codec.sshkeys import parse_public
from gitsync.domain.errors import EnvironmentFault, FormatError, RefusedError, UsageError
from gitsync.domain.lateregex import late_regex
from gitsync.domain.ledger.config import check_settings
from gitsync.domain.merge.trees import entry_at
from gitsync.domain.names import ProposalName, check_domain, check_slug, person_of
from gitsync.domain.objects import MODE_FILE, Commit, Oid
from gitsync.domain.records import PROPOSAL, CommitRecord
from gitsync.domain.treeedit import edit_tree
from gitsync.services.joinrequests import Request, read_request
from gitsync.services.proposing import Proposed, check_here
from gitsync.services.sources import keep, send

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.roster import PublicKey
    from gitsync.services.refview import RefView
    from gitsync.services.workspace import Workspace

_VERSION = late_regex(rb"(?m)^(version:[ \t]*)([0-9]+)")


def requests(ws: Workspace, view: RefView) -> tuple[list[Request], list[tuple[str, str]]]:
    """All open requests: the sound ones, and (name, what is wrong) of the others."""
    roster = ws.settings().roster
    sound: list[Request] = []
    wrong: list[tuple[str, str]] = []
    for name, commit in sorted(view.requests.items()):
        try:
            check_domain(name)
            request = read_request(ws.facts, ws.ledger(), name, commit, roster)
        except (RefusedError, FormatError, UsageError) as error:
            wrong.append((name, str(error)))
            continue
        entry = roster.key(request.key.blob)
        if entry is None or name not in entry.names:
            sound.append(request)
    return sound, wrong


def add(ws: Workspace, name: str, key: PublicKey) -> Proposed:
    """Propose that ``name`` may sign with ``key``. Raises RefusedError ``roster.*``."""
    check_domain(name)
    roster = ws.settings().roster
    if "." in name and person_of(name) not in roster.people():
        raise RefusedError("roster.no-person", f"there is no {person_of(name)} on the roster yet")
    entry = roster.key(key.blob)
    if entry is not None and name in entry.names:
        raise RefusedError("roster.there", f"{name} is on the roster with this key already")
    data = _roster_bytes(ws)
    if entry is not None:
        # One key under two names would be two voices of one.
        raise RefusedError(
            "roster.duplicate-key",
            f"this key stands for {', '.join(entry.names)} already",
            hint="make a key of its own for each clone or agent: gitsync id new",
        )
    return change(
        ws,
        f"Admit {name}",
        f"admit-{name}",
        roster=allowed_signers.add_line(data, (name,), bare(key)),
    )


def bare(key: PublicKey) -> PublicKey:
    """A key without its comment, which is often somebody's user and host name."""
    return replace(key, comment="")


def remove(ws: Workspace, name: str) -> Proposed:
    """Propose to take ``name`` off the roster; what it signed before stays valid."""
    return change(
        ws, f"Remove {name}", f"remove-{name}",
        roster=allowed_signers.remove_name(_roster_bytes(ws), name),
    )  # fmt: skip


def key_from_file(path: Path) -> PublicKey:
    """The public key in a file. Raises EnvironmentFault ``key.missing`` or FormatError."""
    try:
        return parse_public(path.read_bytes())
    except OSError as error:
        raise EnvironmentFault(
            "key.missing", f"cannot read {path}: {error.strerror}", hint="name a .pub file"
        ) from error


def _roster_bytes(ws: Workspace) -> bytes:
    return _file(ws, settings.ROSTER)


def _file(ws: Workspace, path: str) -> bytes:
    entry = entry_at(ws.facts, ws.state().tree, path.encode())
    if entry is None:
        raise RefusedError("roster.empty", f"common has no {path}")
    return ws.facts.blob(Oid(entry[1].hex()))


def change(
    ws: Workspace,
    title: str,
    slug: str,
    *,
    roster: bytes | None = None,
    policy: bytes | None = None,
) -> Proposed:
    """Propose new settings files on top of ``common``, with the policy's version raised by one.

    Raises whatever the new settings themselves would be refused for, before anything moves.
    """
    state = ws.state()
    policy = raise_version(policy if policy is not None else _file(ws, settings.POLICY))
    files = {settings.POLICY: policy}
    if roster is not None:
        files[settings.ROSTER] = roster
    new = settings.decode(
        policy, _file(ws, settings.SCHEMA), roster if roster is not None else _roster_bytes(ws)
    )
    check_settings(new, ws.space)
    edits = {
        path.encode(): (MODE_FILE, bytes.fromhex(ws.facts.put_blob(data)))
        for path, data in files.items()
    }
    tree = edit_tree(ws.facts, state.tree, edits)
    name = ProposalName(ws.me(), check_slug(slug))
    who = ws.identity()
    before = ws.repo.refs.get(name.ref)
    record = CommitRecord(kind=PROPOSAL, ledger=state.ledger, ref=name.ref, predecessor=before)
    oid = ws.commit_as_me(
        Commit(tree, (state.commit,), who, who, write_commit_record(title, record))
    )
    decision = check_here(ws, state, name, oid)
    keep(ws, {name.ref: oid}, "gitsync: roster")
    sent = send(ws, {name.ref: oid})
    return Proposed(name, oid, sent, tuple(sorted(files)), decision, before is not None)


def raise_version(policy: bytes) -> bytes:
    """The policy's bytes with its version one higher. Raises FormatError ``policy.version``."""
    match = _VERSION.search(policy)
    if match is None:
        raise FormatError("policy.version", "the policy has no plain 'version:' line")
    number = str(int(match[2]) + 1).encode()
    return policy[: match.start(2)] + number + policy[match.end(2) :]
