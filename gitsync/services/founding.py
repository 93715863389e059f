"""``init``: the founder signs the first snapshot, and everything that follows rests on its id."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec import allowed_signers, presets, schemafile, settings
from gitsync.codec.records import printable, snapshot_message
from gitsync.codec.sshkeys import parse_public
from gitsync.domain.errors import EnvironmentFault, RefusedError, UsageError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.config import check_settings
from gitsync.domain.ledger.content import show
from gitsync.domain.merge.files import VERSIONS
from gitsync.domain.merge.trees import diff_trees
from gitsync.domain.names import (
    DEFAULT_SPACE,
    LOCKS_REF,
    check_domain,
    people_branch,
    position_tag,
    space_branch,
)
from gitsync.domain.objects import MODE_FILE, Commit, Entry, Oid
from gitsync.domain.paths import mode_problem, segment_problem
from gitsync.domain.records import SnapshotRecord
from gitsync.domain.treeedit import edit_tree
from gitsync.services import clonesetup
from gitsync.services.deciding import sign_commit
from gitsync.services.locksref import first_locks
from gitsync.services.mergesetup import register
from gitsync.services.rosters import bare
from gitsync.services.sources import keep, note_heard
from gitsync.services.states import load_state
from gitsync.services.tagging import make_tag
from gitsync.services.workspace import Workspace
from gitsync.storage import gitcli
from gitsync.storage.durable import make_folder, sync_everything
from gitsync.storage.positions import VerifiedPosition
from gitsync.storage.refs import RefUpdate
from gitsync.storage.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitsync.domain.roster import PublicKey
    from gitsync.services.host import Host
    from gitsync.storage.signing import Signer

_DRAFT = "refs/gitsync/founding/"


@frozen
class InitOptions:
    """What ``init`` was asked for. ``folder`` is where to found it, made if need be, None for the
    host's; ``path`` the ledger's folder inside a code repository.

    ``members`` are (name, public key file) of people who are on the roster from the start; every
    role but the witness's stays the founder's.
    """

    name: str
    folder: str | None = None
    preset: str = "plans"
    witness: str | None = None
    witness_key: Path | None = None
    remote: str | None = None
    path: str | None = None
    key: str | None = None
    members: tuple[tuple[str, Path], ...] = ()


@frozen
class Founded:
    """The new ledger: its anchor, where it lies, whose key is the witness's, the types it has."""

    anchor: Oid
    folder: Path
    name: str
    witness: str
    fingerprint: str
    remote: str | None
    kinds: tuple[str, ...]


def init(host: Host, options: InitOptions) -> Founded:
    """Found a ledger in the host's folder, or in the one that is named.

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
    if options.folder is not None:
        # What is written from here has to be found from there.
        options = replace(
            options,
            remote=options.remote and clonesetup.address(host.cwd, options.remote),
            key=options.key and clonesetup.absolute(host.cwd, options.key),
        )
    host, url = _place(host, options), options.remote
    space = Workspace.open(host)
    space.work_tree().refuse_unfinished()
    if url is not None:
        if clonesetup.is_linked(space.repo):
            # Git reads a relative address from the linked folder, people write it from theirs.
            url = clonesetup.absolute(space.repo.common_dir.parent, url)
        clonesetup.add_remote(space.repo, url)
    begun = _begun(space, options)
    signer = space.signer(options.key)
    members = _members(options)
    witness, witness_key = _witness(options, members, signer.public_key)
    roster = _roster(options.name, signer.public_key, witness, witness_key, members)
    tree = _founding_tree(space, options, witness, roster)
    space.repo.store.flush()
    # The person's name is configured before anything is signed in it.
    clonesetup.configure(space.repo, options.name, space.key(options.key), signer.public_key)
    register(space.repo)
    space = Workspace.open(host)
    begun = begun or _sign(space, signer, options, tree)
    _settle(space, options, begun)
    kinds = tuple(schemafile.parse(presets.load(options.preset).schema).types)
    fingerprint = signer.public_key.fingerprint
    return Founded(
        begun.anchor, host.cwd, options.name, witness, fingerprint, options.remote, kinds
    )


@frozen
class _Begun:
    """The signed objects of a ledger that is being founded. Their ids wait below ``_DRAFT`` until
    all is in place, so that a run which was cut off is completed by the next one."""

    anchor: Oid
    tag: Oid
    locks: Oid

    def refs(self, name: str) -> dict[str, Oid]:
        """Where the objects belong, in a repository of ``name``."""
        return {
            LOCKS_REF: self.locks,
            position_tag(DEFAULT_SPACE, 1): self.tag,
            people_branch(name): self.anchor,
            space_branch(DEFAULT_SPACE): self.anchor,
        }

    def drafts(self) -> dict[str, Oid]:
        """Where they wait."""
        return {
            f"{_DRAFT}anchor": self.anchor,
            f"{_DRAFT}tag": self.tag,
            f"{_DRAFT}locks": self.locks,
        }


def _begun(space: Workspace, options: InitOptions) -> _Begun | None:
    """What a run that was cut off has founded, if anybody may have seen it; None to begin anew.

    Raises EnvironmentFault ``init.exists`` where there is a ledger that is not of such a run.
    """
    exists = EnvironmentFault(
        "init.exists", "there is a ledger here already", hint="gitsync status"
    )
    if space.anchor is not None:
        raise exists
    drafts = space.repo.refs.list(_DRAFT)
    found = [drafts.get(f"{_DRAFT}{part}") for part in ("anchor", "tag", "locks")]
    anchor, tag, locks = found
    begun = _Begun(anchor, tag, locks) if anchor and tag and locks else None
    begun = begun if space.domain == options.name else None
    wanted = begun.refs(options.name) if begun else {}
    home = {}
    if options.remote is not None:
        home = space.repo.remote("origin").list(
            space_branch(DEFAULT_SPACE), position_tag(DEFAULT_SPACE, 1), LOCKS_REF
        )
    if any(wanted.get(ref) != oid for ref, oid in home.items()):
        raise EnvironmentFault(
            "init.exists", "the remote holds a ledger already",
            hint=f"join it, in another folder: gitsync join {options.remote} --name {options.name}",
        )  # fmt: skip
    here = space.repo.refs.list(*_Begun(*[Oid("")] * 3).refs(options.name))
    if any(wanted.get(ref) != oid for ref, oid in here.items()):
        raise exists
    return begun if home or here else None


def _sign(space: Workspace, signer: Signer, options: InitOptions, tree: Oid) -> _Begun:
    """Sign the first snapshot, its tag and the first locks, and keep them as a draft."""
    who = space.identity()
    record = SnapshotRecord(DEFAULT_SPACE, 1, None, max(VERSIONS))
    message = snapshot_message(record, printable(f"founded by {options.name}"))
    facts = space.facts
    anchor = sign_commit(facts, signer, Commit(tree, (), who, who, message))
    now = space.host.seconds()
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
    begun = _Begun(anchor, tag, locks)
    keep(space, dict(begun.drafts()), "gitsync: init")
    return begun


def _settle(space: Workspace, options: InitOptions, begun: _Begun) -> None:
    """Publish what was signed and set this clone up; every step may have been done already."""
    refs, anchor = begun.refs(options.name), begun.anchor
    remote = "origin" if options.remote is not None else None
    if remote is not None:
        # The home comes first: if it refuses, nothing here claims to be a ledger. What git has made
        # here until now it has not synced, and to begin anew after a power cut would be refused.
        sync_everything()
        home = space.repo.remote(remote)
        there = home.list(*refs)
        home.push([RefUpdate(ref, oid, there.get(ref)) for ref, oid in refs.items()])
        there = home.list(*refs)
        lost = [ref for ref, oid in refs.items() if there.get(ref) != oid]
        if lost:
            raise EnvironmentFault("home.not-written", f"{remote} does not show {lost[0]} as sent")
    keep(space, dict(refs), "gitsync: init")
    clonesetup.switch(space.repo, people_branch(options.name), anchor)
    position = VerifiedPosition(
        anchor, DEFAULT_SPACE, 1, anchor, begun.tag, None, begun.locks, space.host.seconds()
    )
    space.with_anchor(anchor).accept(
        position, load_state(space.facts, anchor, DEFAULT_SPACE, anchor), {1: begun.tag}
    )
    clonesetup.remember(space.repo, options.name, anchor, DEFAULT_SPACE, remote)
    if remote is not None:
        note_heard(space, remote)  # it was read back just now, and nobody else has written there
    space.repo.refs.transact(
        [RefUpdate(ref, None, oid) for ref, oid in begun.drafts().items()],
        message="gitsync: init", sync=False,
    )  # fmt: skip


def _place(host: Host, options: InitOptions) -> Host:
    """Make the repository, or the linked work tree of a code repository, that the ledger uses."""
    if options.folder is not None:
        folder = (host.cwd / options.folder).resolve()
        if options.path is not None:
            raise UsageError("init.path", "name the ledger's folder once: as DIR, or with --path")
        if not options.folder or (folder.exists() and not folder.is_dir()):
            raise UsageError("init.path", f"{folder if options.folder else repr('')} is no folder")
        host = replace(host, cwd=folder)
    if options.path is not None:
        folder = clonesetup.linked_folder(Repository.open(host.cwd), options.path)
        return replace(host, cwd=folder)
    # One that is to be made is judged by where it will lie: what is refused leaves nothing behind.
    there = next(one for one in (host.cwd, *host.cwd.parents) if one.is_dir())
    try:
        repo = Repository.open(there)
    except EnvironmentFault as error:
        if error.code != "repo.missing":
            raise
        make_folder(host.cwd)
        gitcli.run(["init", "--quiet", f"--initial-branch=people/{options.name}"], cwd=host.cwd)
        return host
    if repo.work_tree is None:
        raise EnvironmentFault(
            "repo.bare", "a ledger is founded in a clone with files, not in a bare repository",
            hint=f"gitsync init --remote {host.cwd}   # in another, empty folder",
        )  # fmt: skip
    if repo.work_tree.resolve() != host.cwd.resolve():
        raise UsageError(
            "init.path", f"this folder lies inside the repository {repo.work_tree}",
            hint=f"found the ledger there: cd {repo.work_tree}\n"
            "or beside its files: gitsync init --path DIR   (in a repository with code)\n"
            "or make this folder a repository of its own first: git init",
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
        space=DEFAULT_SPACE,
        home=options.remote or ".",
        founder=options.name,
        witness=witness,
        preset=options.preset,
    )
    check_settings(settings.decode(policy, preset.schema, roster), DEFAULT_SPACE)
    files = {
        settings.POLICY: policy,
        settings.SCHEMA: preset.schema,
        settings.ROSTER: roster,
        **{f".gitsync/templates/{name}.md": text for name, text in preset.templates.items()},
        **{f".gitsync/schemas/{name}": text for name, text in presets.editor_files().items()},
    }
    base = space.work_tree().tree_of_files(None)
    _refuse_odd_files(space, base)
    edits: dict[bytes, Entry | None] = {
        path.encode(): (MODE_FILE, bytes.fromhex(facts.put_blob(data)))
        for path, data in files.items()
    }
    return edit_tree(facts, base, edits)


def _refuse_odd_files(space: Workspace, tree: Oid) -> None:
    """The founder's files follow the rules that every later change has to follow.

    Raises RefusedError ``path.mode`` or ``path.name``.
    """
    for change in diff_trees(space.facts, None, tree):
        path = show(change.path)
        mode = mode_problem(change.after[0]) if change.after is not None else None
        name = next((why for one in change.path.split(b"/") if (why := segment_problem(one))), None)
        if mode is not None or name is not None:
            raise RefusedError(
                "path.mode" if mode is not None else "path.name",
                f"{path!r} {mode or name}, which a ledger may not hold",
                hint="change that, or leave it out: list it in .gitignore (git rm --cached FILE)\n"
                "beside code: gitsync init --path DIR",
                where=Where(path),
            )
