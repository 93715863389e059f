"""``join``: a clone of a ledger for one more domain, and the request to be admitted."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError, RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.content import shell_word
from gitsync.domain.names import (
    DEFAULT_SPACE,
    MIRROR,
    REQUESTS,
    check_domain,
    people_branch,
    person_of,
)
from gitsync.domain.objects import Commit, Oid
from gitsync.services import clonesetup
from gitsync.services.carrying.joined import first_import
from gitsync.services.carrying.unwrapping import found_in, looks_like
from gitsync.services.joinrequests import key_in_request, request_message
from gitsync.services.mergesetup import register
from gitsync.services.pulling import verify_view
from gitsync.services.refview import RefView, fetch_view
from gitsync.services.sources import keep, known_view, note_heard, send
from gitsync.services.workspace import Workspace
from gitsync.storage import gitcli
from gitsync.storage.durable import make_folder, remove_tree
from gitsync.storage.keys import KeyChoice, find_key, generate
from gitsync.storage.repository import Repository
from gitsync.storage.signing import Signer, open_signer

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.roster import PublicKey, Roster
    from gitsync.services.host import Host


@frozen
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


@frozen
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
    stick: Path | None = None


def join(host: Host, options: JoinOptions) -> Joined:
    """Make a clone for ``options.name``, verified from the anchor, and ask to be admitted.

    Raises UsageError for names, EnvironmentFault for folders and remotes, RefusedError
    ``join.name-taken``, VerificationError when the ledger does not check out.
    """
    name = check_domain(options.name)
    if options.anchor is not None and not re.fullmatch(r"[0-9a-f]{40}", options.anchor):
        raise UsageError("anchor.malformed", "--anchor takes the full 40 digits of a commit id")
    stick = _stick(host, options)
    url = str(stick) if stick is not None else clonesetup.absolute(host.cwd, options.url)
    folder, remote, made = _place(host, options, url)
    inside = replace(host, cwd=folder)
    repo = Repository.open(folder)
    ws = replace(Workspace.open(inside), remote=remote, domain=name)
    ws = ws.with_anchor(Oid(options.anchor)) if options.anchor else ws
    try:
        choice = _key(ws, options)
        signer = _open(host, choice)
        author = _author(host, options) or signer
        if stick is not None:
            clonesetup.configure(repo, name, choice, signer.public_key)
            ws = first_import(ws, host.cwd / options.url)
            repo, view = ws.repo, known_view(ws)
        else:
            view = fetch_view(repo, repo.remote(remote), DEFAULT_SPACE)
        _refuse_hidden(repo, view, options)
        verified = verify_view(ws, view, known=stick is not None)
        roster = verified.state.settings.roster
        _refuse_taken(ws, view, roster, signer.public_key, options)
    except GitsyncError:
        # Evidence against whoever serves the ledger is worth keeping.
        if made and not (repo.state_dir / "evidence").exists():
            _remove(host, options, folder)
        raise
    clonesetup.configure(repo, name, choice, signer.public_key)
    register(repo)
    anchor = verified.state.ledger
    ws = replace(Workspace.open(inside), remote=remote, anchor=anchor)
    branch = people_branch(name)
    tip = _own_branch(ws, name) or verified.state.commit
    keep(ws, {branch: tip}, "gitsync: join")
    clonesetup.switch(ws.repo, branch, tip)
    entry = roster.key(signer.public_key.blob)
    admitted = entry is not None and name in entry.names
    request = None
    if not admitted:
        request = _request(ws, name, signer.public_key, author, verified.state.commit)
    # From here on this is a clone like any other: what was cut off before is begun again.
    if stick is not None:
        repo.set_config("gitsync.stick", str(stick))
    clonesetup.remember(repo, name, anchor, DEFAULT_SPACE, remote)
    if not stick:
        note_heard(ws, remote)
    requested = request is not None and _ask(Workspace.open(inside), name, request, stick)
    return Joined(
        name, folder, anchor, options.anchor is not None, verified.state.number,
        signer.public_key.fingerprint, admitted, requested, stick,
    )  # fmt: skip


def _stick(host: Host, options: JoinOptions) -> Path | None:
    """The folder of bundles that is joined from; None for what git itself can fetch from."""
    path = host.cwd / options.url
    if path.is_file() and looks_like(path):
        return path.resolve().parent
    repository = (path / ".git").exists() or (path / "HEAD").is_file()
    if not path.is_dir() or repository or not found_in(path):
        return None
    return path.resolve()


def _ask(ws: Workspace, name: str, request: Oid, stick: Path | None) -> bool:
    """Send the request to join, or leave it on the stick for whoever comes by next."""
    if stick is None:
        return send(ws, {REQUESTS + name: request})
    from gitsync.services.carrying.sticks import StickOptions
    from gitsync.services.carrying.sticks import send as leave
    from gitsync.services.carrying.taking import Haul

    try:
        return bool(leave(ws, stick, StickOptions(), Haul(())).written)
    except EnvironmentFault as error:
        if not error.code.startswith("disk."):
            raise
        return False  # a stick that is read-only


def _place(host: Host, options: JoinOptions, url: str) -> tuple[Path, str, bool]:
    """(folder of the clone, name of its remote, whether the folder may be removed again)."""
    if options.path is not None:
        code = Repository.open(host.cwd)
        known = code.config(f"remote.{options.url}.url") is not None
        remote = options.url if known else "origin"
        if not known:
            clonesetup.add_remote(code, url)
        made = not ((code.work_tree or code.git_dir) / options.path).exists()
        return clonesetup.linked_folder(code, options.path), remote, made
    folder = _folder(host, options)
    made = not folder.exists()
    make_folder(folder)
    if not (folder / ".git").exists():
        first = f"--initial-branch=people/{options.name}"
        gitcli.run(["init", "--quiet", first], cwd=folder)
    clonesetup.add_remote(Repository.open(folder), url)
    return folder, "origin", made


def _refuse_hidden(repo: Repository, view: RefView, options: JoinOptions) -> None:
    """Code and ledger share git's list of excluded files, so a folder of the ledger that is named
    like the ledger's own would be hidden, and its ``.gitignore`` is not ours to say otherwise."""
    if options.path is None or view.common is None:
        return
    there = repo.facts.tree(repo.facts.commit(view.common).tree)
    name = options.path.strip("./").partition("/")[0]
    if b".gitignore" in there and name.encode() in there:
        raise UsageError(
            "init.path", f"the ledger has a folder {name} too, whose files would be hidden",
            hint=f"name another folder: --path {name}-ledger",
        )  # fmt: skip


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
    """Whether a folder is what an interrupted join left: a clone without an anchor yet.

    Raises EnvironmentFault ``join.torn`` where a power cut has left nothing that git can read.
    """
    if not (folder / ".git").is_dir():
        return False
    bare = all(one.name == ".git" for one in folder.iterdir())
    repo = _own_repository(folder)
    if repo is None:
        if not bare:
            return False
        raise EnvironmentFault(
            "join.torn", f"{folder / '.git'} is torn: git cannot read it",
            hint=f"remove it, and join again: rm -r {shell_word(str(folder))}",
        )  # fmt: skip
    if repo.config("gitsync.anchor") is not None:
        return False
    return repo.config("gitsync.domain") is not None or bare


def _own_repository(folder: Path) -> Repository | None:
    """The repository of a folder itself: where its ``.git`` is torn, git goes on to those above,
    and what is none of ours must not become the clone."""
    try:
        repo = Repository.open(folder)
    except EnvironmentFault as error:
        if error.code != "repo.missing":
            raise
        return None
    mine = repo.work_tree is not None and repo.work_tree.resolve() == folder.resolve()
    return repo if mine else None


def _remove(host: Host, options: JoinOptions, folder: Path) -> None:
    if options.path is not None:
        clonesetup.remove_linked(Repository.open(host.cwd), folder)
    else:
        remove_tree(folder)


def _open(host: Host, choice: KeyChoice) -> Signer:
    return open_signer(choice, interactive=host.ask is not None, ask=host.ask)


def _author(host: Host, options: JoinOptions) -> Signer | None:
    """The key of the person who vouches for this clone, if one was named."""
    if options.authority is None:
        return None
    return _open(host, find_key(options.authority, lambda _: None, {}, host.home))


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
        asked = key_in_request(ws.facts, request)
    except GitsyncError:
        return False  # an unreadable request holds no name
    return asked.blob != key.blob


def _own_branch(ws: Workspace, name: str) -> Oid | None:
    """The branch of this name on the remote, when somebody comes back to it, with its numbers:
    to give one out a second time would be a fork."""
    base = f"{MIRROR}{ws.remote}"
    tip = ws.repo.refs.get(f"{base}/heads/people/{name}")
    if tip is not None and ws.remote is not None:
        spec = f"+refs/tags/{name}@*:{base}/tags/{name}@*"
        ws.repo.remote(ws.remote).fetch([spec])
    return tip


def _request(ws: Workspace, name: str, key: PublicKey, author: Signer, tip: Oid) -> Oid:
    """Sign and keep a request to join; a further clone's is signed by the person's key."""
    who = ws.identity()
    message = request_message(name, key, ws.ledger())
    commit = Commit(ws.facts.commit(tip).tree, (tip,), who, who, message)
    oid = ws.commit_as_me(commit, author)
    keep(ws, {REQUESTS + name: oid}, "gitsync: join request")
    return oid
