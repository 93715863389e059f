"""Stock git as a child process: an argument list, a scrubbed environment, never a shell."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.frozen import frozen
from gitsync.storage import effects
from gitsync.storage.asking import Asked
from gitsync.storage.gitenv import environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# What git says of files that a crash has torn.
_TORN = (
    "bad object",
    "is empty",
    "is corrupt",
    "unable to read",
    "packed-refs",
    "index file",
)
# Everything that a git writes is synced before it ends, but for folders and its configuration.
SYNCED = ("-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync")
# Refs are the old ones or the new ones after a power cut, never empty files, which git's own
# defaults may leave.
UNTORN = ("-c", "core.fsync=reference", "-c", "core.fsyncMethod=fsync")

_PIECE = 1 << 20
_FATAL = 128  # git's exit code for what it cannot begin

# Verbs that change nothing as we call them.
_READING = frozenset(
    {
        "cat-file", "check-ref-format", "diff", "for-each-ref", "fsck", "ls-files", "ls-remote",
        "ls-tree", "merge-base", "rev-list", "rev-parse", "show", "status", "var", "version",
    }
)  # fmt: skip
# What makes one of the other verbs such a verb.
_ASKING = frozenset({"--get", "--get-all", "--list", "get-url"})


@frozen
class Result:
    """How a git process ended: its exit code and what it wrote."""

    code: int
    out: bytes
    err: str


class GitError(EnvironmentFault):
    """Git ended with a failure that the caller did not expect."""

    def __init__(self, args: Sequence[str], result: Result) -> None:
        verb = next((arg for arg in args if not arg.startswith("-")), "git")
        lines = [line for line in result.err.splitlines() if line.strip()]
        said = "\n".join(lines[-6:]) or f"exit code {result.code}"
        torn = any(word in result.err for word in _TORN)
        hint = "a crash may have torn something: gitsync doctor" if torn else None
        super().__init__("git.failed", f"git {verb} failed: {said}", hint=hint)
        self.result = result


def run(
    args: Sequence[str],
    *,
    cwd: Path | str | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    passthrough: bool = False,
) -> Result:
    """Run ``git ARGS`` and wait for it.

    ``passthrough`` leaves git's stderr on the user's terminal, so that progress and credential
    prompts of a transfer are seen. Raises GitError when ``check`` is set and git fails, and
    EnvironmentFault ``git.missing`` when there is no git.
    """
    effect = effects.Effect("ask" if _reads(args) else "git", str(cwd or "."), args=tuple(args))
    if effect.kind == "ask" and stdin is None and not passthrough:
        return _checked(args, _answer(effect, env), check=check)
    import subprocess

    stream = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    try:
        done = effects.run(
            effect,
            ["git", *args],
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=None if passthrough else subprocess.PIPE,
            env=environment(env),
            **stream,
        )
    except FileNotFoundError as error:
        raise _not_started(effect.path) from error
    result = Result(done.returncode, done.stdout, (done.stderr or b"").decode("utf-8", "replace"))
    return _checked(args, result, check=check)


def _answer(effect: effects.Effect, env: Mapping[str, str] | None) -> Result:
    """What a git says that is asked nothing but its arguments."""
    try:
        code, out, err = effects.perform(
            effect, lambda: Asked(effect.args, effect.path, environment(env)).answer()
        )
    except FileNotFoundError as error:
        raise _not_started(effect.path) from error
    if code == _FATAL and not Path(effect.path).is_dir():
        raise _not_started(effect.path)
    return Result(code, out, err.decode("utf-8", "replace"))


def _not_started(folder: str) -> EnvironmentFault:
    if not Path(folder).is_dir():
        return EnvironmentFault("folder.missing", f"there is no folder {folder}")
    return EnvironmentFault(
        "git.missing", "git is not installed or not on PATH", hint="install git 2.34 or newer"
    )


def _checked(args: Sequence[str], result: Result, *, check: bool) -> Result:
    if result.code == -signal.SIGINT:
        raise KeyboardInterrupt
    if check and result.code != 0:
        raise GitError(args, result)
    return result


def run_fed(
    args: Sequence[str], path: Path, offset: int, *, cwd: Path, env: Mapping[str, str]
) -> Result:
    """Run ``git ARGS`` with the file at ``path`` from ``offset`` on as its input; see ``run``.

    Raises EnvironmentFault ``git.missing``, ``bundle.unreadable``.
    """
    import subprocess

    try:
        with path.open("rb") as file:
            os.lseek(file.fileno(), offset, os.SEEK_SET)
            done = effects.run(
                effects.Effect("git", str(cwd), args=tuple(args)), ["git", *args], cwd=cwd,
                stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(env),
            )  # fmt: skip
    except OSError as error:
        raise EnvironmentFault(
            "bundle.unreadable", f"{path} cannot be read: {error.strerror}"
        ) from error
    if done.returncode == -signal.SIGINT:
        raise KeyboardInterrupt
    return Result(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def pour(args: Sequence[str], *, cwd: Path, stdin: bytes) -> Iterator[bytes]:
    """Run ``git ARGS`` and give what it writes as it comes, in pieces.

    Its input is taken whole before it writes anything. Raises GitError at the end if git fails,
    EnvironmentFault ``git.missing`` when there is no git.
    """
    try:
        child = effects.pour(["git", *args], cwd, environment())
    except FileNotFoundError as error:
        raise EnvironmentFault(
            "git.missing", "git is not installed or not on PATH", hint="install git 2.34 or newer"
        ) from error
    assert child.stdin is not None  # noqa: S101 - all three are pipes
    assert child.stdout is not None  # noqa: S101
    assert child.stderr is not None  # noqa: S101
    try:
        with suppress(BrokenPipeError):
            child.stdin.write(stdin)
            child.stdin.close()
        while piece := child.stdout.read(_PIECE):
            yield piece
        said = child.stderr.read().decode("utf-8", "replace")
        if child.wait() != 0:
            raise GitError(args, Result(child.returncode, b"", said))
    finally:
        child.kill()
        child.stdout.close()
        child.stderr.close()
        child.wait()


def _reads(args: Sequence[str]) -> bool:
    verb = next((one for one in args if not one.startswith("-") and "=" not in one), "")
    if verb == "hash-object":
        return "-w" not in args
    return verb in _READING or not _ASKING.isdisjoint(args)


def text(args: Sequence[str], *, cwd: Path | str | None = None) -> str:
    """The standard output of a git command, without its last line break."""
    return run(args, cwd=cwd).out.decode("utf-8", "replace").rstrip("\n")
