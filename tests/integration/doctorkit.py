"""The doctor in a process of its own, so that a hang ends the test, and faults made for real."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from typing import TYPE_CHECKING, Any

from tests.integration.peoplekit import git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Ledger

SECONDS = 90
HOURS_AGO = 2 * 3600

PROTECTED = {
    "receive.denyNonFastForwards": "true",
    "receive.denyDeletes": "false",
    "receive.fsckObjects": "true",
    "core.fsync": "all",
}


def protect(hub: Path) -> None:
    """A home as it should be: checks what comes, syncs, and has the hook that guards by content."""
    for name, value in PROTECTED.items():
        git(hub, "config", name, value)
    hook = hub / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n# gitsync: pre-receive\nexit 0\n")
    hook.chmod(0o755)


def examine(ledger: Ledger, name: str, *args: str) -> dict[str, Any]:
    """``gitsync doctor --json ARGS`` in a child that must end; its document with the exit code."""
    ends = os.pipe()
    child = os.fork()
    if child == 0:
        ran = ledger.cli(name, "doctor", "--json", *args)
        os.write(2, ran.err.encode())
        with os.fdopen(ends[1], "w") as pipe:
            pipe.write(json.dumps({"code": ran.code, "out": ran.out, "err": ran.err}))
        os._exit(0)
    os.close(ends[1])
    try:
        with os.fdopen(ends[0]) as pipe:
            ready = select.select([pipe], [], [], SECONDS)[0]
            assert ready, f"the doctor did not come back within {SECONDS} s"
            told = json.loads(pipe.read())
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert told["out"], told["err"]
    return {**json.loads(told["out"]), "code": told["code"]}


def faults(found: dict[str, Any]) -> list[str]:
    """The codes of what is wrong."""
    fine = ("cannot-tell", "note")
    return [
        one["code"]
        for one in found["findings"]
        if one["kind"] not in fine and one["state"] != "mended"
    ]


def mended(found: dict[str, Any]) -> list[str]:
    return [one["code"] for one in found["findings"] if one["state"] == "mended"]


def told(found: dict[str, Any], code: str) -> dict[str, Any]:
    """The one finding of a code."""
    (one,) = [one for one in found["findings"] if one["code"] == code]
    return one


def loosen(folder: Path) -> None:
    """Every object of a clone as a file of its own, as git leaves what it wrote last."""
    packs = folder / ".git" / "objects" / "pack"
    for pack in packs.glob("*.pack"):
        away = folder.parent / pack.name
        pack.rename(away)
        pack.with_suffix(".idx").unlink()
        with away.open("rb") as file:
            subprocess.run(
                ["git", "unpack-objects", "-q"], cwd=folder, stdin=file, check=True, timeout=60
            )
        away.unlink()


def object_file(folder: Path, oid: str) -> Path:
    path = folder / ".git" / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    return path


def aged(path: Path, ledger: Ledger, seconds: float = HOURS_AGO) -> Path:
    """A file that was changed last so long ago by the ledger's clock."""
    then = ledger.clock.seconds - seconds
    os.utime(path, (then, then))
    return path


def refs(folder: Path) -> str:
    return git(folder, "for-each-ref")


def files_below(folder: Path) -> dict[str, bytes]:
    """Everything in a git folder, to see that nothing changed."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
