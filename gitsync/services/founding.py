"""``init``: the founder signs the first snapshot, and everything that follows rests on its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.codec import allowed_signers, presets, settings
from gitsync.codec.records import printable, snapshot_message
from gitsync.codec.sshkeys import parse_public
from gitsync.domain.errors import EnvironmentFault, UsageError
from gitsync.domain.ledger.config import check_settings
from gitsync.domain.merge.files import VERSIONS
from gitsync.domain.names import (
    DEFAULT_SPACE,
    LOCKS_REF,
    check_domain,
    people_branch,
    position_tag,
    space_branch,
)
from gitsync.domain.objects import MODE_FILE, Commit, Entry, Oid
from gitsync.domain.records import SnapshotRecord
from gitsync.domain.treeedit import edit_tree
from gitsync.services import clonesetup
from gitsync.services.deciding import sign_commit
from gitsync.services.locksref import first_locks
from gitsync.services.rosters import bare
from gitsync.services.states import load_state
from gitsync.services.witness import make_tag
from gitsync.services.workspace import Workspace
from gitsync.storage import gitcli
from gitsync.storage.positions import VerifiedPosition
from gitsync.storage.refs import RefUpdate
from gitsync.storage.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitsync.domain.roster import PublicKey
    from gitsync.services.host import Host


@dataclass(frozen=True, slots=True)
class InitOptions:
    """What ``init`` was asked for. ``path`` is the ledger's folder inside a code repository.

    ``members`` are (name, public key file) of people who are on the roster from the start; every
    role but the witness's stays the founder's.
    """

    name: str
    preset: str = "plans"
    witness: str | None = None
    witness_key: Path | None = None
    remote: str | None = None
    path: str | None = None
    key: str | None = None
    members: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True, slots=True)
class Founded:
    """The new ledger: its anchor, where it lies, whose key is the witness's."""

    anchor: Oid
    folder: Path
    name: str
    witness: str
    fingerprint: str
    remote: str | None


def init(host: Host, options: InitOptions) -> Founded:
    """Found a ledger in the host's folder.

    Raises UsageError for names, EnvironmentFault ``init.exists`` when there is a ledger already,
    and what keys, remotes and git raise. Nothing of the user's files or branches is changed.
    """
    check_domain(options.name)
    if "." in options.name:
        raise UsageError("name.domain", "a founder is a person: use a name without a dot")
    if options.witness is not None:
        check_domain(options.witness)
    elif options.witness_key is not None:
        raise UsageError("init.witness", "--witness-key needs --witness NAME")
    host = _place(host, options)
    space = Workspace.open(host)
    if space.anchor is not None or space.repo.refs.get(space_branch(DEFAULT_SPACE)):
        raise EnvironmentFault(
            "init.exists", "there is a ledger here already", hint="gitsync status"
        )
    if options.remote is not None:
        clonesetup.add_remote(space.repo, options.remote)
    signer = space.signer(options.key)
    members = _members(options)
    witness, witness_key = _witness(options, members, signer.public_key)
    # The person's name is configured before anything is signed in it.
    clonesetup.configure(space.repo, options.name, space.key(options.key), signer.public_key)
    space = Workspace.open(host)
    roster = _roster(options.name, signer.public_key, witness, witness_key, members)
    tree = _founding_tree(space, options, witness, roster)
    who = space.identity()
    record = SnapshotRecord(DEFAULT_SPACE, 1, None, max(VERSIONS))
    message = snapshot_message(record, printable(f"founded by {options.name}"))
    facts = space.facts
    anchor = sign_commit(facts, signer, Commit(tree, (), who, who, message))
    now = host.seconds()
    tag = make_tag(
        facts,
        signer,
        options.name,
        space=DEFAULT_SPACE,
        number=1,
        target=anchor,
        ledger=anchor,
        now=now,
    )
    locks = sign_commit(facts, signer, first_locks(facts, options.name, anchor, now))
    space.repo.store.flush()
    branch = people_branch(options.name)
    updates = [
        RefUpdate(LOCKS_REF, locks, None),
        RefUpdate(position_tag(DEFAULT_SPACE, 1), tag, None),
        RefUpdate(branch, anchor, None),
        RefUpdate(space_branch(DEFAULT_SPACE), anchor, None),
    ]
    if options.remote is not None:
        # The home comes first: if it refuses, nothing here claims to be a ledger.
        space.repo.remote("origin").push(updates)
    space.repo.refs.transact(updates, message="gitsync: init")
    clonesetup.remember(
        space.repo, options.name, anchor, DEFAULT_SPACE, "origin" if options.remote else None
    )
    clonesetup.switch(space.repo, branch, anchor)
    position = VerifiedPosition(anchor, DEFAULT_SPACE, 1, anchor, tag, None, locks, now)
    space = Workspace.open(host)
    space.accept(position, load_state(facts, anchor, DEFAULT_SPACE, anchor), {1: tag})
    return Founded(
        anchor, host.cwd, options.name, witness, signer.public_key.fingerprint, options.remote
    )


def _place(host: Host, options: InitOptions) -> Host:
    """Make the repository, or the linked work tree of a code repository, that the ledger uses."""
    from dataclasses import replace

    if options.path is not None:
        folder = clonesetup.linked_folder(Repository.open(host.cwd), options.path)
        return replace(host, cwd=folder)
    try:
        repo = Repository.open(host.cwd)
    except EnvironmentFault as error:
        if error.code != "repo.missing":
            raise
        gitcli.run(["init", "--quiet", f"--initial-branch=people/{options.name}"], cwd=host.cwd)
        return host
    if repo.work_tree is None:
        raise EnvironmentFault(
            "repo.bare", "a ledger is founded in a clone with files, not in a bare repository",
            hint=f"gitsync init --remote {host.cwd}   # in another, empty folder",
        )  # fmt: skip
    return replace(host, cwd=repo.work_tree)


def _members(options: InitOptions) -> dict[str, PublicKey]:
    """The people beside the founder, by name. Raises UsageError, EnvironmentFault, FormatError."""
    found: dict[str, PublicKey] = {}
    for name, file in options.members:
        check_domain(name)
        if "." in name or name in (options.name, DEFAULT_SPACE) or name in found:
            raise UsageError(
                "init.member", f"--member {name} does not name one more person",
                hint="name each person once: --member james=james.pub --member carol=carol.pub",
            )  # fmt: skip
        found[name] = _public_key(file)
    return found


def _public_key(file: Path) -> PublicKey:
    try:
        return parse_public(file.read_bytes())
    except OSError as error:
        raise EnvironmentFault(
            "key.missing", f"cannot read {file}: {error.strerror}", hint="name a .pub file"
        ) from error


def _witness(
    options: InitOptions, members: Mapping[str, PublicKey], founder: PublicKey
) -> tuple[str, PublicKey]:
    if options.witness is None or (options.witness == options.name and options.witness_key is None):
        if not founder.is_ed25519:
            raise UsageError(
                "witness.key-kind",
                "a witness needs an Ed25519 key, and yours is of another kind",
                hint="gitsync id new\nor name another: --witness NAME --witness-key FILE.pub",
            )
        return options.name, founder
    if options.witness_key is not None:
        key = _public_key(options.witness_key)
    elif options.witness in members:
        key = members[options.witness]
    else:
        raise UsageError(
            "init.witness", f"the public key of {options.witness} is needed",
            hint=f"add it: --witness {options.witness} --witness-key FILE.pub",
        )  # fmt: skip
    if not key.is_ed25519:
        raise UsageError("witness.key-kind", "a witness needs an Ed25519 key")
    return options.witness, key


def _roster(
    name: str,
    founder: PublicKey,
    witness: str,
    witness_key: PublicKey,
    members: Mapping[str, PublicKey],
) -> bytes:
    """The founding roster. Raises FormatError ``roster.*`` where one key would be two people."""
    roster = b'# Who may sign here: NAMES namespaces="git" KEY. Stock git reads this file too.\n'
    roster = allowed_signers.add_line(roster, (name,), bare(founder))
    if witness_key.blob != founder.blob and members.get(witness) != witness_key:
        roster = allowed_signers.add_line(roster, (witness,), bare(witness_key))
    for member, key in members.items():
        roster = allowed_signers.add_line(roster, (member,), bare(key))
    return roster


def _founding_tree(space: Workspace, options: InitOptions, witness: str, roster: bytes) -> Oid:
    """The files that are there, as they are, plus ``.gitsync/``."""
    facts = space.facts
    preset = presets.load(options.preset)
    policy = presets.policy_text(
        space=DEFAULT_SPACE, home=options.remote or ".", founder=options.name, witness=witness
    )
    check_settings(settings.decode(policy, preset.schema, roster), DEFAULT_SPACE)
    files = {
        settings.POLICY: policy,
        settings.SCHEMA: preset.schema,
        settings.ROSTER: roster,
        **{f".gitsync/templates/{name}.md": text for name, text in preset.templates.items()},
    }
    base = space.work_tree().tree_of_files(None)
    edits: dict[bytes, Entry | None] = {
        path.encode(): (MODE_FILE, bytes.fromhex(facts.put_blob(data)))
        for path, data in files.items()
    }
    return edit_tree(facts, base, edits)
