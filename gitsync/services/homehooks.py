"""The hooks of a bare home: putting them there, saying whether they are, taking them away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import space_branch
from gitsync.services.barehome import BareHome, set_home
from gitsync.services.hookfiles import (
    BEFORE,
    SHIMS,
    exists,
    is_ours,
    keep,
    quoted,
    restore,
    write_hook,
)
from gitsync.storage import gitcli
from gitsync.storage.durable import make_folder, sync_written

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid
    from gitsync.services.host import Host

HOOKS = ("pre-receive", "reference-transaction", "post-receive")
# What git itself has to do in a home, and why: see docs/guides/bare-home.md.
SETTINGS = {
    "receive.fsckObjects": "true",
    "receive.advertiseAtomic": "true",
    "receive.unpackLimit": "1",
    "core.fsync": "all",
    "core.fsyncMethod": "fsync",
}
# Only where the owner has set nothing.
DEFAULTS = {"receive.maxInputSize": "512m"}


@frozen
class HomeHooks:
    """The state of a home: ``hooks`` by name are ``installed``, ``missing``, ``foreign`` or
    ``outdated``; ``settings`` maps those that differ to (what they are, what they should be)."""

    path: Path
    space: str
    anchor: Oid | None
    number: int | None
    hooks: dict[str, str]
    settings: dict[str, tuple[str | None, str]]
    chained: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything is in place."""
        return not self.settings and all(one == "installed" for one in self.hooks.values())


def install(host: Host, path: Path, anchor: Oid | None = None) -> HomeHooks:
    """Guard the bare repository at ``path``: verify what it holds, then put the hooks there.

    ``anchor`` is the ledger's first commit, from the invitation; without one, what the home holds
    is taken. A hook that is there keeps running, before or after ours. Raises EnvironmentFault
    ``home.not-bare``, ``home.hooks-elsewhere``, and VerificationError where the ledger does not
    check out: nothing has been installed then.
    """
    git_dir = _bare(host, path)
    home = BareHome.open(git_dir, {})
    with home.store:
        number = _verify(host, home, anchor)
    _write_hooks(git_dir, home.space)
    for key, value in SETTINGS.items():
        set_home(git_dir, key, value)
    for key, value in DEFAULTS.items():
        if _get(git_dir, key) is None:
            set_home(git_dir, key, value)
    if anchor is not None and home.anchor is None:
        set_home(git_dir, "gitsync.anchor", anchor)
    _show_common(git_dir, home)
    found = status(host, git_dir)
    if not found.complete:
        raise EnvironmentFault(
            "home.not-written", f"{git_dir} does not show the hooks as they were written"
        )
    return found if number is None else _with_number(found, number)


def status(host: Host, path: Path) -> HomeHooks:
    """What is in place at ``path``. Raises EnvironmentFault ``home.not-bare``."""
    git_dir = _bare(host, path)
    home = BareHome.open(git_dir, {})
    with home.store:
        stored = home.positions().load(home.anchor)
    hooks = {name: _state(git_dir, name, home.space) for name in HOOKS}
    off = {
        key: (found, value)
        for key, value in SETTINGS.items()
        if (found := _get(git_dir, key)) != value
    }
    chained = tuple(name for name in HOOKS if (git_dir / "hooks" / (name + BEFORE)).exists())
    number = stored.number if stored else None
    return HomeHooks(git_dir, home.space, home.anchor, number, hooks, off, chained)


def uninstall(host: Host, path: Path) -> HomeHooks:
    """Take the hooks away and put back what was there before. Settings stay: they do no harm."""
    git_dir = _bare(host, path)
    for name in HOOKS:
        restore(git_dir / "hooks" / name)
    return status(host, git_dir)


def _with_number(found: HomeHooks, number: int) -> HomeHooks:
    from dataclasses import replace

    return replace(found, number=number)


def _bare(host: Host, path: Path) -> Path:
    """The git folder at ``path``, made sure to be a bare repository whose hooks are its own."""
    where = (host.cwd / path).resolve()
    done = gitcli.run(
        ["rev-parse", "--is-bare-repository", "--absolute-git-dir", "--show-object-format"],
        cwd=where, check=False,
    )  # fmt: skip
    said = done.out.decode("utf-8", "replace").split("\n")
    if done.code != 0 or said[0] != "true":
        raise EnvironmentFault(
            "home.not-bare", f"{path} is not a bare repository",
            hint="make one: git init --bare PATH\nin a clone: gitsync hooks install",
        )  # fmt: skip
    if said[2] != "sha1":
        raise EnvironmentFault(
            "repo.unsupported", f"{path} uses {said[2]} object ids, which gitsync cannot read yet"
        )
    git_dir = Path(said[1])
    elsewhere = _get(git_dir, "core.hooksPath", scope="--includes")
    if elsewhere is not None and (git_dir / elsewhere).resolve() != git_dir / "hooks":
        raise EnvironmentFault(
            "home.hooks-elsewhere", f"git takes the hooks of {path} from {elsewhere}",
            hint=f"let it use its own: git -C {git_dir} config core.hooksPath hooks",
        )  # fmt: skip
    return git_dir


def _verify(host: Host, home: BareHome, anchor: Oid | None) -> int | None:
    """Prove the ledger that is there and store its position; None where there is none yet."""
    branch = home.refs.get(space_branch(home.space))
    wanted = anchor or home.anchor
    if home.anchor is not None and anchor not in (None, home.anchor):
        raise VerificationError(
            "anchor.other", f"this home guards the ledger {home.anchor}, not {anchor}"
        )
    if branch is None:
        return None
    from dataclasses import replace

    checking = replace(home, anchor=wanted)
    verifier = checking.verifier(host.seconds())
    try:
        verified = verifier.check(checking.view({}), full=True)
        assert verified.position is not None  # noqa: S101 - a full check gives one
        checking.positions().save(verified.position)
        position = verified.position
        verifier.index.save(position.anchor, position.number, position.commit)
        if home.anchor is None:
            set_home(home.git_dir, "gitsync.anchor", position.anchor)
    finally:
        verifier.index.close()
    return position.number


def _write_hooks(git_dir: Path, space: str) -> None:
    folder = git_dir / "hooks"
    make_folder(folder)
    for name in HOOKS:
        hook = folder / name
        if exists(hook) and not is_ours(hook):
            keep(hook)
        write_hook(hook, shim(name, space))


def shim(name: str, space: str) -> bytes:
    """The hook's own text, for this Python and this space."""
    import sys

    text = (SHIMS / name).read_text("utf-8")
    return text.replace("@PYTHON@", quoted(sys.executable)).replace("@SPACE@", space).encode()


def _state(git_dir: Path, name: str, space: str) -> str:
    hook = git_dir / "hooks" / name
    if not hook.exists():
        return "missing"
    if not is_ours(hook):
        return "foreign"
    runs = os.access(hook, os.X_OK) and hook.read_bytes() == shim(name, space)
    return "installed" if runs else "outdated"


def _show_common(git_dir: Path, home: BareHome) -> None:
    """Let a plain ``git clone`` check out the ledger, if HEAD names a branch that is not there."""
    head = gitcli.run(["symbolic-ref", "--quiet", "HEAD"], cwd=git_dir, check=False)
    ref = head.out.decode("utf-8", "replace").strip()
    if ref and home.refs.get(ref) is None:
        gitcli.run(["symbolic-ref", "HEAD", space_branch(home.space)], cwd=git_dir)
        sync_written(git_dir / "HEAD")


def _get(git_dir: Path, key: str, scope: str = "--local") -> str | None:
    done = gitcli.run(["config", scope, "--get", key], cwd=git_dir, check=False)
    return done.out.decode("utf-8", "replace").rstrip("\n") if done.code == 0 else None
