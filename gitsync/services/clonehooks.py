"""The hooks of somebody's clone: putting them there beside others, and taking them away again.

Where git takes hooks from its own folder, a hook that is there is kept beside ours as
``NAME.before-gitsync``. Where ``core.hooksPath`` says otherwise, and in a ledger's folder beside
code, ours lie in a folder of this work tree, which that setting then names for this work tree
alone; each passes on to the folder that counted before. What others have set stays as it is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.frozen import frozen
from gitsync.services.clonesetup import is_linked
from gitsync.services.hookfiles import (
    BEFORE,
    SHIMS,
    exists,
    is_ours,
    keep,
    legacy,
    quoted,
    restore,
    write_hook,
)
from gitsync.storage.durable import make_folder, remove_file, remove_tree

if TYPE_CHECKING:
    from gitsync.storage.repository import Repository

HOOKS = ("pre-commit", "commit-msg", "pre-push", "post-merge", "post-checkout")
#: Other hooks that git runs in a clone (githooks(5)): passed on where ours hide their folder.
FORWARDED = (
    "applypatch-msg", "pre-applypatch", "post-applypatch", "pre-merge-commit",
    "prepare-commit-msg", "post-commit", "pre-rebase", "post-rewrite", "pre-auto-gc",
    "reference-transaction", "post-index-change", "sendemail-validate", "push-to-checkout",
)  # fmt: skip

_PATH = "core.hooksPath"
_KEPT = "gitsync.hooksPathBefore"
_EXTENDED = "gitsync.hooksExtension"
_EXTENSION = "extensions.worktreeConfig"


@frozen
class HookState:
    """One hook: ``installed``, ``outdated``, ``missing``, or ``unreached`` where git looks for it
    in another folder. ``before`` is a hook that runs first, ``by`` who runs ours if not git."""

    name: str
    state: str
    before: Path | None = None
    by: str | None = None


@frozen
class CloneHooks:
    """The hooks of a clone: the folder that they lie in, and the Python that they start."""

    folder: Path
    python: str
    hooks: tuple[HookState, ...]

    @property
    def complete(self) -> bool:
        """Whether git runs all of them, as this gitsync has them."""
        return all(one.state == "installed" for one in self.hooks)


@frozen
class _Place:
    """Where our hooks go. ``own``: the folder is ours alone, and ``core.hooksPath`` has to name
    it; ``before`` is then the folder that they pass on to, as it was set: relative to ``root``,
    where git runs hooks. ``state`` is our own folder in the repository."""

    folder: Path
    own: bool
    before: Path | None
    root: Path
    state: Path

    def former(self, name: str) -> Path:
        """The hook that runs first, whether or not there is one."""
        if not self.own:
            return self.folder / (name + BEFORE)
        return self.root / (self.before or self.folder) / name


def install(repo: Repository) -> CloneHooks:
    """Put the hooks in place; run again it changes nothing, or completes what was cut off.

    Raises EnvironmentFault ``hooks.two-before`` where two hooks of others claim one place, and
    ``repo.unsupported``, ``repo.bare``.
    """
    place = _place(repo)
    make_folder(place.folder)
    for name in HOOKS:
        _put(place, name)
    if place.own:
        for name in _others(place) if place.before is not None else ():
            write_hook(place.folder / name, _text(place, name, "forward"))
        _point_to(repo, place.folder)
    found = status(repo)
    if not found.complete:
        raise EnvironmentFault(
            "hooks.not-written", f"{place.folder} does not hold the hooks as they were written"
        )
    return found


def status(repo: Repository) -> CloneHooks:
    """What is in place. Raises EnvironmentFault ``repo.bare``."""
    place = _place(repo)
    reached = not place.own or _hooks_path(repo) == str(place.folder)
    return CloneHooks(
        place.folder, sys.executable, tuple(_state(place, name, reached) for name in HOOKS)
    )


def uninstall(repo: Repository) -> CloneHooks:
    """Take the hooks away and put back what was there, byte for byte; run again it is no error."""
    place = _place(repo)
    if place.own:
        _point_back(repo, place.folder)
        if place.folder.exists():
            remove_tree(place.folder)
    # Both places: what stands in git's own folder may be from before core.hooksPath was set.
    common = repo.common_dir / "hooks"
    for name in HOOKS:
        restore(common / name)
    return status(repo)


# -- where -------------------------------------------------------------------------------------


def _place(repo: Repository) -> _Place:
    if repo.is_bare:
        raise EnvironmentFault(
            "repo.bare", "this is a bare repository; nobody commits in it",
            hint="gitsync hooks install --bare PATH",
        )  # fmt: skip
    own = repo.git_dir / "gitsync-hooks"
    beside_code = is_linked(repo) and repo.config("gitsync.path") is not None
    common = repo.common_dir / "hooks"
    settings = _settings(repo)
    others = [
        (scope, value)
        for scope, value in settings
        # The hooks of the code are not the ledger's: they stay with the code.
        if value != str(own) and not (beside_code and scope == "local")
    ]
    kept = _get(repo, _KEPT)
    if kept is not None:
        others.append(("worktree", kept))
    root, state = repo.work_tree or repo.git_dir, repo.state_dir
    if others:
        return _Place(own, own=True, before=Path(others[-1][1]), root=root, state=state)
    if beside_code:
        return _Place(own, own=True, before=None, root=root, state=state)
    # The setting that ours stood beside may be gone since: then git's own folder counts again.
    set_by_us = any(value == str(own) for _, value in settings)
    folder = own if set_by_us else common
    return _Place(folder, own=set_by_us, before=common, root=root, state=state)


def _settings(repo: Repository) -> list[tuple[str, str]]:
    """Every value of ``core.hooksPath`` with its scope, the one that counts last."""
    done = repo.git("config", "--show-scope", "--type=path", "-z", "--get-all", _PATH, check=False)
    words = done.out.decode("utf-8", "surrogateescape").split("\0")
    return list(zip(words[::2], words[1::2], strict=False))


def _hooks_path(repo: Repository) -> str | None:
    found = _settings(repo)
    return found[-1][1] if found else None


def _get(repo: Repository, key: str) -> str | None:
    done = repo.git("config", "--get", key, check=False)
    return done.out.decode("utf-8", "surrogateescape").rstrip("\n") if done.code == 0 else None


def _point_to(repo: Repository, folder: Path) -> None:
    """Let ``core.hooksPath`` name our folder, for this work tree alone: that is when they count."""
    if _hooks_path(repo) == str(folder):
        return
    if _get(repo, _EXTENSION) != "true":
        if _get(repo, "core.worktree") is not None:
            raise EnvironmentFault(
                "repo.unsupported",
                "this is a submodule, or its files lie apart from its repository: git keeps no"
                " setting for it alone",
                hint=f"call the hooks yourself, from {_hooks_path(repo)}/pre-commit:\n"
                'gitsync hooks run pre-commit "$@"',
            )
        repo.set_config(_EXTENDED, "true")
        repo.set_config(_EXTENSION, "true")
    mine = [value for scope, value in _settings(repo) if scope == "worktree"]
    if mine:
        repo.set_config(_KEPT, mine[-1], worktree=True)
    repo.set_config(_PATH, str(folder), worktree=True)


def _point_back(repo: Repository, folder: Path) -> None:
    kept = _get(repo, _KEPT)
    if any(one == ("worktree", str(folder)) for one in _settings(repo)):
        if kept is not None:
            repo.set_config(_PATH, kept, worktree=True)
        else:
            repo.unset_config(_PATH, worktree=True)
    if kept is not None:
        repo.unset_config(_KEPT, worktree=True)
    settings = repo.git_dir / "config.worktree"
    if _get(repo, _EXTENDED) == "true" and (
        not settings.exists() or not settings.read_bytes().strip()
    ):
        remove_file(settings)
        for key in (_EXTENSION, _EXTENDED):
            repo.unset_config(key)


# -- files -------------------------------------------------------------------------------------


def _put(place: _Place, name: str) -> None:
    """Write one hook. At every moment either the former hook or ours stands there, whole."""
    hook = place.folder / name
    if is_ours(legacy(hook)):
        hook = legacy(hook)
    elif exists(hook) and not is_ours(hook):
        keep(hook)
    write_hook(hook, _text(place, name, name))


def _state(place: _Place, name: str, reached: bool) -> HookState:  # noqa: FBT001 - one of three
    hook, by = place.folder / name, None
    if is_ours(legacy(hook)):
        hook, by = legacy(hook), "the hook that has taken its place"
    if not is_ours(hook):
        return HookState(name, "missing")
    fresh = hook.read_bytes() == _text(place, name, name) and os.access(hook, os.X_OK)
    former = place.former(name)
    state = "unreached" if not reached else "installed" if fresh else "outdated"
    return HookState(name, state, former if former != hook and exists(former) else None, by)


def _before(place: _Place, name: str) -> str:
    """The shell's word for the hook that runs first."""
    if not place.own:
        return f'"${{0%/*}}/{name}{BEFORE}"'
    return quoted(str(place.before / name)) if place.before is not None else "''"


def _others(place: _Place) -> list[str]:
    """Hooks in the folder that counted before which we have nothing to say to."""
    return [name for name in FORWARDED if os.access(place.former(name), os.X_OK)]


def _text(place: _Place, name: str, shim: str) -> bytes:
    """A shim for this Python, as the hook ``name``."""
    text = (SHIMS / shim).read_text("utf-8")
    words = {
        "@PYTHON@": quoted(sys.executable),
        "@BEFORE@": _before(place, name),
        # Hooks in git's own folder go with the repository when it is moved.
        "@STATE@": quoted(str(place.state)) if place.own else '"${0%/*}/../gitsync"',
    }
    for word, value in words.items():
        text = text.replace(word, value)
    return text.encode()
