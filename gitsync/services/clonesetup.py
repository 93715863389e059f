"""What a clone needs configured so that plain git does the right thing in it.

In a code repository all of it is written for the ledger's own work tree, so the code's branches
and their signing settings stay as they were.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitsync.codec.sshkeys import encode_public
from gitsync.domain.errors import EnvironmentFault, UsageError
from gitsync.domain.names import person_of
from gitsync.storage import gitcli
from gitsync.storage.durable import make_folder, remove_file, sync_everything, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.domain.roster import PublicKey
    from gitsync.storage.keys import KeyChoice
    from gitsync.storage.repository import Repository

_OWN_IGNORE = "/.gitignore\n"


def is_linked(repo: Repository) -> bool:
    """Whether this is a linked work tree beside code."""
    return repo.git_dir.resolve() != repo.common_dir.resolve()


def configure(repo: Repository, name: str, choice: KeyChoice, key: PublicKey) -> None:
    """Set git up to sign as ``name`` in this clone, or in this linked work tree alone."""
    own = is_linked(repo)
    if own:
        repo.set_config("extensions.worktreeConfig", "true")
    values = {
        "gitsync.domain": name,
        "gpg.format": "ssh",
        "commit.gpgsign": "true",
        "gpg.ssh.allowedSignersFile": str((repo.state_dir / "allowed_signers").resolve()),
    }
    if choice.path is not None:
        values["user.signingkey"] = str(choice.path.resolve())
    elif choice.public is not None:
        values["user.signingkey"] = "key::" + encode_public(key).decode().strip()
    if repo.config("user.name") is None:
        values["user.name"] = name
    if repo.config("user.email") is None:
        values["user.email"] = f"{person_of(name)}@gitsync.invalid"
    for setting, value in values.items():
        repo.set_config(setting, value, worktree=own)


def remember(repo: Repository, name: str, anchor: Oid, space: str, remote: str | None) -> None:
    """Store which ledger this clone is of, and where its person's branch pulls from and goes to.

    The anchor is written last: a clone without it is not set up, and can be set up again.
    """
    branch = f"branch.people/{name}"
    repo.set_config("gitsync.space", space)
    repo.set_config(f"{branch}.remote", remote or ".")
    repo.set_config(f"{branch}.merge", "refs/heads/common")
    repo.set_config(f"{branch}.rebase", "false")
    if remote is not None:
        repo.set_config("gitsync.remote", remote)
        push_own_branch(repo, remote, name)
        if is_linked(repo):
            repo.set_config(f"{branch}.pushRemote", remote)
    # Git has made files and folders here, and synced none of them.
    sync_everything()
    repo.set_config("gitsync.anchor", anchor)


def push_own_branch(repo: Repository, remote: str, name: str) -> None:
    """Make plain ``git push`` move this person's branch and numbered tags, and nothing else.

    Beside code it is said for the ledger's work tree alone.
    """
    key = f"remote.{remote}.push"
    scope = "--worktree" if is_linked(repo) else "--local"
    repo.git("config", scope, "--unset-all", key, check=False)
    for spec in (f"refs/heads/people/{name}", f"refs/tags/{name}@*:refs/tags/{name}@*"):
        repo.git("config", scope, "--add", key, spec)
    repo.sync_config(worktree=is_linked(repo))


def add_remote(repo: Repository, url: str) -> None:
    """Add ``origin`` if it is not there. Raises EnvironmentFault ``remote.exists``."""
    there = repo.config("remote.origin.url")
    if there == url:
        return
    if there is not None:
        raise EnvironmentFault(
            "remote.exists", f"origin points to {there} already",
            hint=f"use that one: gitsync init --remote {there}",
        )  # fmt: skip
    repo.git("remote", "add", "--", "origin", url)


def absolute(cwd: Path, url: str) -> str:
    """A relative path of a repository, made absolute: it is kept in another folder's config."""
    if "://" in url or (":" in url and not url.startswith((".", "/"))):
        return url
    path = cwd / url
    return str(path.resolve()) if path.exists() else url


def address(cwd: Path, url: str) -> str:
    """An address as it is written in one folder, for another folder's settings."""
    found = absolute(cwd, url)
    if found != url or ":" in url:
        return found
    # Nothing is there yet. A path all the same, unless git's settings abbreviate addresses so.
    meant = gitcli.run(["ls-remote", "--get-url", "--", url], cwd=cwd).out.strip()
    return str((cwd / url).resolve()) if meant == os.fsencode(url) else url


def switch(repo: Repository, branch: str, commit: Oid) -> None:
    """Put HEAD on ``branch`` at ``commit`` and bring the files that are not there yet.

    Files that lie there already are left as they are.
    """
    repo.git(*gitcli.SYNCED, "symbolic-ref", "HEAD", branch)
    repo.git(*gitcli.SYNCED, "read-tree", "--reset", commit)
    give_way(repo, commit)
    # Only what is missing is written: the user's own files win over the snapshot's.
    out = repo.git("ls-files", "--deleted", "-z").out
    if out:
        repo.git("checkout-index", "-z", "--stdin", stdin=out)
    repo.git(*gitcli.SYNCED, "update-index", "-q", "--refresh", check=False)


def linked_folder(repo: Repository, path: str) -> Path:
    """Make the linked, excluded work tree for a ledger inside a code repository.

    Returns its folder. Raises UsageError ``init.path``, EnvironmentFault ``init.path-used``.
    """
    if repo.work_tree is None:
        raise EnvironmentFault("repo.bare", "--path needs a repository with a work tree")
    if repo.config("gitsync.anchor") is not None:
        raise EnvironmentFault(
            "init.exists", "there is a ledger beside this code already", hint="gitsync status"
        )
    if repo.config("core.worktree") is not None:
        # Settings of one work tree alone make git apply this one to all of them.
        raise EnvironmentFault(
            "repo.unsupported",
            "this is a submodule, or its files lie apart from its repository: a linked folder"
            " cannot stand beside them",
            hint="keep the ledger in the repository above, or in a clone of its own",
        )
    root = repo.work_tree.resolve()
    folder = (root / path).resolve()
    if root not in folder.parents:
        raise UsageError("init.path", f"--path {path} must be a folder inside {root}")
    inside = folder.relative_to(root).as_posix()
    setting = os.path.relpath(folder, repo.common_dir.parent)
    # A run that was cut off has said first that the folder is its own.
    begun = repo.config("gitsync.path") == setting and (folder / ".git").is_file()
    tracked = repo.git("--literal-pathspecs", "ls-files", "--", inside).out
    if tracked or (not begun and folder.exists() and not _is_empty(folder)):
        raise EnvironmentFault(
            "init.path-used", f"{inside} holds files already",
            hint="name a folder that does not exist yet: --path plans/",
        )  # fmt: skip
    repo.set_config("gitsync.path", setting)
    if not begun:
        # A folder that was removed by hand is still on git's list: that is what --force is for.
        add = ["worktree", "add", "--force", "--quiet", "--detach", "--no-checkout"]
        repo.git(*add, str(folder), _any_commit(repo))
    exclude = repo.common_dir / "info" / "exclude"
    make_folder(exclude.parent)
    line = f"/{inside}/"
    text = exclude.read_text() if exclude.exists() else ""
    if line not in text.splitlines():
        start = text if not text or text.endswith("\n") else f"{text}\n"
        write_atomic(exclude, f"{start}{line}\n".encode())
    # All work trees share that list, and the ledger may hold a folder of the same name. A file
    # that ignores itself takes the line back inside the ledger, and is seen by nobody else.
    ignore = folder / ".gitignore"
    if not ignore.exists():
        own = f"{_OWN_IGNORE}!/{inside.partition('/')[0]}/\n"
        write_atomic(ignore, own.encode(), drafts=repo.common_dir)
    return folder


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def give_way(repo: Repository, commit: Oid) -> None:
    """Take our own ``.gitignore`` out of the way of one that ``commit`` holds."""
    if repo.work_tree is None or not is_linked(repo):
        return
    ours = repo.work_tree / ".gitignore"
    if b".gitignore" in repo.facts.tree(repo.facts.commit(commit).tree) and (
        ours.is_file() and ours.read_text(errors="replace").startswith(_OWN_IGNORE)
    ):
        remove_file(ours)


def remove_linked(code: Repository, folder: Path) -> None:
    """Undo :func:`linked_folder` for a folder that nobody has worked in."""
    code.unset_config("gitsync.path")
    code.git("worktree", "remove", "--force", "--", str(folder), check=False)
    exclude = code.common_dir / "info" / "exclude"
    line = f"/{folder.relative_to(code.common_dir.parent.resolve()).as_posix()}/\n"
    if exclude.exists() and exclude.read_text().endswith(line):
        write_atomic(exclude, exclude.read_text().removesuffix(line).encode())


def _any_commit(repo: Repository) -> str:
    done = repo.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False)
    if done.code == 0:
        return done.out.decode().strip()
    # A repository without commits: an empty one serves as the starting point of the work tree.
    empty = gitcli.run(["hash-object", "-w", "-t", "tree", "--stdin"], cwd=repo.git_dir, stdin=b"")
    tree = empty.out.decode().strip()
    who = [
        "-c",
        "user.name=gitsync",
        "-c",
        "user.email=gitsync@gitsync.invalid",
        "-c",
        "commit.gpgsign=false",
    ]
    return repo.git(*who, "commit-tree", tree, "-m", "empty").out.decode().strip()
