"""``join``: a clone of a ledger for one more domain, and the request to be admitted."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError, RefusedError, UsageError
from gitsync.domain.names import DEFAULT_SPACE, REQUESTS, check_domain, people_branch, person_of
from gitsync.domain.objects import Commit, Oid
from gitsync.services import clonesetup
from gitsync.services.pulling import verify_view
from gitsync.services.refview import RefView, fetch_view
from gitsync.services.rosters import key_in_request, request_message
from gitsync.services.sources import keep, send
from gitsync.services.workspace import Workspace
from gitsync.storage import gitcli
from gitsync.storage.keys import KeyChoice, find_key, generate
from gitsync.storage.repository import Repository
from gitsync.storage.signing import Signer, open_signer

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.roster import PublicKey, Roster
    from gitsync.services.host import Host


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """What ``join`` was asked for. ``anchor`` is the ledger's first commit, from the invitation;
    ``authority`` the key of the person behind a further clone or agent. ``path`` makes a linked
    folder of the code repository that this is run in, instead of a clone of its own."""

    url: str
    name: str
    folder: str | None = None
    anchor: str | None = None
    key: str | None = None
    authority: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """The new clone: where, on which ledger, and whether admission has still to be asked for."""

    name: str
    folder: Path
    anchor: Oid
    anchor_given: bool
    position: int
    fingerprint: str
    admitted: bool
    requested: bool


def join(host: Host, options: JoinOptions) -> Joined:
    """Make a clone for ``options.name``, verified from the anchor, and ask to be admitted.

    Raises UsageError for names, EnvironmentFault for folders and remotes, RefusedError
    ``join.name-taken``, VerificationError when the ledger does not check out.
    """
    name = check_domain(options.name)
    if options.anchor is not None and not re.fullmatch(r"[0-9a-f]{40}", options.anchor):
        raise UsageError("anchor.malformed", "--anchor takes the full 40 digits of a commit id")
    url = _absolute(host, options.url)
    folder, remote, made = _place(host, options, url)
    inside = replace(host, cwd=folder)
    repo = Repository.open(folder)
    try:
        view = fetch_view(repo, repo.remote(remote), DEFAULT_SPACE)
    except EnvironmentFault:
        if made:
            _remove(folder)
        raise
    ws = replace(Workspace.open(inside), remote=remote, domain=name)
    ws = ws.with_anchor(Oid(options.anchor)) if options.anchor else ws
    verified = verify_view(ws, view)
    anchor = verified.state.ledger
    choice = _key(ws, options)
    signer = open_signer(choice, interactive=host.ask is not None, ask=host.ask)
    roster = verified.state.settings.roster
    _refuse_taken(ws, view, roster, signer.public_key, options)
    clonesetup.configure(repo, name, choice, signer.public_key)
    clonesetup.remember(repo, name, anchor, DEFAULT_SPACE, remote)
    ws = Workspace.open(inside)
    branch = people_branch(name)
    tip = _own_branch(ws, name) or verified.state.commit
    keep(ws, {branch: tip}, "gitsync: join")
    clonesetup.switch(ws.repo, branch, tip)
    entry = roster.key(signer.public_key.blob)
    admitted = entry is not None and name in entry.names
    requested = False
    if not admitted:
        requested = _request(ws, name, signer, options, verified.state.commit)
    return Joined(
        name, folder, anchor, options.anchor is not None, verified.state.number,
        signer.public_key.fingerprint, admitted, requested,
    )  # fmt: skip


def _place(host: Host, options: JoinOptions, url: str) -> tuple[Path, str, bool]:
    """(folder of the clone, name of its remote, whether the folder may be removed again)."""
    if options.path is not None:
        code = Repository.open(host.cwd)
        known = code.config(f"remote.{options.url}.url") is not None
        remote = options.url if known else "origin"
        if not known:
            clonesetup.add_remote(code, url)
        return clonesetup.linked_folder(code, options.path), remote, False
    folder = _folder(host, options)
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        first = f"--initial-branch=people/{options.name}"
        gitcli.run(["init", "--quiet", first], cwd=folder)
    clonesetup.add_remote(Repository.open(folder), url)
    return folder, "origin", made


def _absolute(host: Host, url: str) -> str:
    """A relative path of a repository, made absolute: it is kept in another folder's config."""
    if "://" in url or (":" in url and not url.startswith((".", "/"))):
        return url
    path = host.cwd / url
    return str(path.resolve()) if path.exists() else url


def _folder(host: Host, options: JoinOptions) -> Path:
    base = options.url.rstrip("/").rpartition("/")[2].removesuffix(".git")
    folder = (host.cwd / (options.folder or base or options.name)).resolve()
    if folder.exists() and any(folder.iterdir()) and not _half_joined(folder):
        raise EnvironmentFault(
            "join.folder", f"{folder} exists and is not empty",
            hint=f"name another folder: gitsync join {options.url} DIR --name {options.name}",
        )  # fmt: skip
    return folder


def _half_joined(folder: Path) -> bool:
    """Whether a folder is what an interrupted join left: a clone without an anchor yet."""
    if not (folder / ".git").is_dir() or any(p.name != ".git" for p in folder.iterdir()):
        return False
    return Repository.open(folder).config("gitsync.anchor") is None


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)


def _key(ws: Workspace, options: JoinOptions) -> KeyChoice:
    """The key to sign with; a new one when there is none, or for an agent that was given none."""
    if options.key is None and "." in options.name:
        return _new_key(ws, options.name)
    try:
        return find_key(options.key, ws.repo.config, ws.host.env, ws.host.home)
    except EnvironmentFault as error:
        if error.code != "key.none":
            raise
        return _new_key(ws, options.name)


def _new_key(ws: Workspace, name: str) -> KeyChoice:
    path = ws.repo.state_dir / "keys" / name
    if not path.exists():
        generate(path, name)
    return KeyChoice("join", path=path)


def _refuse_taken(
    ws: Workspace, view: RefView, roster: Roster, key: PublicKey, options: JoinOptions
) -> None:
    """A name belongs to whoever holds its key; a second clone needs a name of its own."""
    name = options.name
    keys = roster.keys_of(name)
    taken = None
    if name == view.space:
        taken = f"{name} is the name of a space"
    elif keys and all(one.blob != key.blob for one in keys):
        taken = f"{name} is on the roster with another key"
    elif name in view.requests and not keys and _asked_by_other(ws, view.requests[name], key):
        taken = f"somebody else has asked to join as {name}"
    if taken is not None:
        raise RefusedError(
            "join.name-taken",
            taken,
            hint="choose another; for a further clone of your own:\n"
            f"gitsync join {options.url} --name {person_of(name)}.desk",
        )


def _asked_by_other(ws: Workspace, request: Oid, key: PublicKey) -> bool:
    try:
        asked = key_in_request(ws, request)
    except GitsyncError:
        return False  # an unreadable request holds no name
    return asked.blob != key.blob


def _own_branch(ws: Workspace, name: str) -> Oid | None:
    """The branch of this name on the remote, when somebody comes back to it."""
    return ws.repo.refs.get(f"refs/gitsync/remotes/{ws.remote}/heads/people/{name}")


def _request(ws: Workspace, name: str, signer: Signer, options: JoinOptions, tip: Oid) -> bool:
    """Push a signed request; a further clone's is signed by the person's key. Returns whether
    it was sent."""
    author = signer
    if options.authority is not None:
        choice = find_key(options.authority, lambda _: None, {}, ws.host.home)
        author = open_signer(choice, interactive=ws.host.ask is not None, ask=ws.host.ask)
    who = ws.identity()
    message = request_message(name, signer.public_key, ws.ledger())
    commit = Commit(ws.facts.commit(tip).tree, (tip,), who, who, message)
    oid = ws.commit_as_me(commit, author)
    ref = REQUESTS + name
    keep(ws, {ref: oid}, "gitsync: join request")
    return send(ws, {ref: oid})
