"""The hooks of somebody's clone: putting them there beside others, and taking them away again.

Where git takes hooks from its own folder, a hook that is there is kept beside ours as
``NAME.before-gitsync``. Where ``core.hooksPath`` says otherwise, and in a ledger's folder beside
code, ours lie in a folder of this work tree, which that setting then names for this work tree
alone; each passes on to the folder that counted before. What others have set stays as it is.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault
from gitsync.services.clonesetup import is_linked
from gitsync.storage.durable import write_atomic

if TYPE_CHECKING:
    from gitsync.storage.repository import Repository

HOOKS = ("pre-commit", "commit-msg", "pre-push", "post-merge", "post-checkout")
#: Other hooks that git runs in a clone (githooks(5)): passed on where ours hide their folder.
FORWARDED = (
    "applypatch-msg", "pre-applypatch", "post-applypatch", "pre-merge-commit",
    "prepare-commit-msg", "post-commit", "pre-rebase", "post-rewrite", "pre-auto-gc",
    "reference-transaction", "post-index-change", "sendemail-validate", "push-to-checkout",
)  # fmt: skip
BEFORE = ".before-gitsync"
#: Where the pre-commit framework puts a hook that it found, and runs it first.
LEGACY = ".legacy"
SHIMS = Path(__file__).parents[1] / "hooks" / "shims"

_PATH = "core.hooksPath"
_KEPT = "gitsync.hooksPathBefore"
_EXTENDED = "gitsync.hooksExtension"
_EXTENSION = "extensions.worktreeConfig"


@dataclass(frozen=True, slots=True)
class HookState:
    """One hook: ``installed``, ``outdated``, ``missing``, or ``unreached`` where git looks for it
    in another folder. ``before`` is a hook that runs first, ``by`` who runs ours if not git."""

    name: str
    state: str
    before: Path | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class CloneHooks:
    """The hooks of a clone: the folder that they lie in, and the Python that they start."""

    folder: Path
    python: str
    hooks: tuple[HookState, ...]

    @property
    def complete(self) -> bool:
        """Whether git runs all of them, as this gitsync has them."""
        return all(one.state == "installed" for one in self.hooks)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where our hooks go. ``own``: the folder is ours alone, and ``core.hooksPath`` has to name
    it; ``before`` is then the folder that they pass on to, as it was set: relative to ``root``,
    where git runs hooks."""

    folder: Path
    own: bool
    before: Path | None
    root: Path

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
    place.folder.mkdir(parents=True, exist_ok=True)
    for name in HOOKS:
        _put(place, name)
    if place.own:
        for name in _others(place) if place.before is not None else ():
            _write(place.folder / name, _text("forward", _before(place, name)))
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
        shutil.rmtree(place.folder, ignore_errors=True)
    # Both places: what stands in git's own folder may be from before core.hooksPath was set.
    common = repo.common_dir / "hooks"
    for name in HOOKS:
        _restore(common / name)
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
    root = repo.work_tree or repo.git_dir
    if others:
        return _Place(own, own=True, before=Path(others[-1][1]), root=root)
    if beside_code:
        return _Place(own, own=True, before=None, root=root)
    # The setting that ours stood beside may be gone since: then git's own folder counts again.
    set_by_us = any(value == str(own) for _, value in settings)
    return _Place(own if set_by_us else common, own=set_by_us, before=common, root=root)


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
        repo.git("config", "--local", _EXTENDED, "true")
        repo.git("config", "--local", _EXTENSION, "true")
    mine = [value for scope, value in _settings(repo) if scope == "worktree"]
    if mine:
        repo.git("config", "--worktree", _KEPT, mine[-1])
    repo.git("config", "--worktree", "--replace-all", _PATH, str(folder))


def _point_back(repo: Repository, folder: Path) -> None:
    kept = _get(repo, _KEPT)
    if any(one == ("worktree", str(folder)) for one in _settings(repo)):
        if kept is not None:
            repo.git("config", "--worktree", "--replace-all", _PATH, kept)
        else:
            repo.git("config", "--worktree", "--unset-all", _PATH)
    if kept is not None:
        repo.git("config", "--worktree", "--unset-all", _KEPT)
    settings = repo.git_dir / "config.worktree"
    if _get(repo, _EXTENDED) == "true" and (
        not settings.exists() or not settings.read_bytes().strip()
    ):
        settings.unlink(missing_ok=True)
        for key in (_EXTENSION, _EXTENDED):
            repo.git("config", "--local", "--unset-all", key, check=False)


# -- files -------------------------------------------------------------------------------------


def _put(place: _Place, name: str) -> None:
    """Write one hook. At every moment either the former hook or ours stands there, whole."""
    hook = place.folder / name
    if _is_ours(_legacy(hook)):
        hook = _legacy(hook)
    elif _exists(hook) and not _is_ours(hook):
        _keep(hook)
    _write(hook, _text(name, _before(place, name)))


def _write(path: Path, text: bytes) -> None:
    if not (_is_ours(path) and path.read_bytes() == text and os.access(path, os.X_OK)):
        write_atomic(path, text, mode=0o755)


def _keep(hook: Path) -> None:
    """Give another one's hook its second name, under which ours will run it."""
    before = hook.with_name(hook.name + BEFORE)
    if _exists(before):
        if _is_ours(hook) or _same(hook, before):
            return  # a run that was cut off, or one beside this, came this far
        raise EnvironmentFault(
            "hooks.two-before",
            f"{hook} was replaced after gitsync had put its own there, and {before.name} still"
            " holds an older one",
            hint=f"keep one of them: rm {before}   (or: mv {before} {hook})\ngitsync hooks install",
        )
    if hook.is_symlink():
        before.symlink_to(hook.readlink())
        return
    try:
        os.link(hook, before)
    except FileExistsError:
        _keep(hook)  # another run was faster
    except OSError:  # a disk without hard links
        shutil.copy2(hook, before)


def _restore(hook: Path) -> None:
    before = hook.with_name(hook.name + BEFORE)
    ours = _legacy(hook) if _is_ours(_legacy(hook)) else hook
    if _exists(before):
        if _is_ours(ours) or not _exists(ours):
            before.replace(ours)
        elif _same(ours, before):
            before.unlink()
    elif _is_ours(ours):
        ours.unlink()


def _state(place: _Place, name: str, reached: bool) -> HookState:  # noqa: FBT001 - one of three
    hook, by = place.folder / name, None
    if _is_ours(_legacy(hook)):
        hook, by = _legacy(hook), "the hook that has taken its place"
    if not _is_ours(hook):
        return HookState(name, "missing")
    fresh = hook.read_bytes() == _text(name, _before(place, name)) and os.access(hook, os.X_OK)
    former = place.former(name)
    state = "unreached" if not reached else "installed" if fresh else "outdated"
    return HookState(name, state, former if former != hook and _exists(former) else None, by)


def _before(place: _Place, name: str) -> str:
    """The shell's word for the hook that runs first."""
    if not place.own:
        return f'"${{0%/*}}/{name}{BEFORE}"'
    return _quoted(str(place.before / name)) if place.before is not None else "''"


def _others(place: _Place) -> list[str]:
    """Hooks in the folder that counted before which we have nothing to say to."""
    return [name for name in FORWARDED if os.access(place.former(name), os.X_OK)]


def _text(name: str, before: str) -> bytes:
    """A shim for this Python."""
    text = (SHIMS / name).read_text("utf-8")
    return text.replace("@PYTHON@", _quoted(sys.executable)).replace("@BEFORE@", before).encode()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _legacy(hook: Path) -> Path:
    return hook.with_name(hook.name + LEGACY)


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return one.samefile(other) or one.read_bytes() == other.read_bytes()


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b"\n# gitsync: " in file.read(200)
    except OSError:
        return False
