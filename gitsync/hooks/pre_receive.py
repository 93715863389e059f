"""``pre-receive`` of a home: says no to what may not be, before any ref moves (githooks(5)).

Standard input has a line ``<old> <new> <ref>`` for each ref; the new objects lie in quarantine.
What is written to standard error reaches the pusher behind ``remote:``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gitsync.domain.errors import GitsyncError
from gitsync.storage.refs import ZERO, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitsync.services.receiving import Rejection

# 80 columns less "remote: ", which git puts before each line.
_COLUMNS = 72
_SHOWN = 20


def read_updates(lines: Iterable[str]) -> list[RefUpdate]:
    """The lines that git hands to a receiving hook, as updates."""
    from gitsync.domain.objects import Oid

    found = []
    for line in lines:
        old, new, ref = line.rstrip("\n").split(" ", 2)
        found.append(
            RefUpdate(ref, None if new == ZERO else Oid(new), None if old == ZERO else Oid(old))
        )
    return found


def run(lines: Iterable[str], git_dir: Path, env: Mapping[str, str], err: TextIO, now: int) -> int:
    """Decide on one push; returns the hook's exit code, 0 to let it pass."""
    from gitsync.services.barehome import BareHome
    from gitsync.services.receiving import check_push

    home = BareHome.open(git_dir, env)
    with home.store:
        rejected = check_push(home, read_updates(lines), now)
    if rejected:
        err.write(explain(rejected))
    return 1 if rejected else 0


def explain(rejected: list[Rejection]) -> str:
    """What the pusher reads: a paragraph for each refused ref, safe for any terminal."""
    from textwrap import wrap

    from gitsync.codec.records import printable

    lines: list[str] = []
    for one in rejected[:_SHOWN]:
        said = f"gitsync: {one.ref} stays as it is: {one.why} ({one.code})"
        # A fence on what a pusher wrote: it comes back to them, and to nobody else's terminal.
        lines += wrap(
            printable(said, 1000), _COLUMNS, subsequent_indent="  ",
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
        lines += [f"    {printable(line, 200)}" for line in one.mend[:4]]
    if len(rejected) > _SHOWN:
        lines.append(f"gitsync: and {len(rejected) - _SHOWN} more refs")
    lines.append("gitsync: nothing was changed.")
    return "".join(f"{line}\n" for line in lines)


def entry(_args: Sequence[str]) -> int:
    """The hook as a process. It fails closed: whatever goes wrong, nothing passes unchecked."""
    try:
        return run(sys.stdin, Path.cwd(), os.environ, sys.stderr, int(time.time()))
    except GitsyncError as error:
        sys.stderr.write(f"gitsync: this push cannot be checked: {error} ({error.code})\n")
        for line in (error.hint or "").splitlines():
            sys.stderr.write(f"    {line}\n")
    except Exception as error:  # noqa: BLE001 - a bug of ours must not let anything in
        sys.stderr.write(f"gitsync: a bug stopped the check: {type(error).__name__}: {error}\n")
    return 1
