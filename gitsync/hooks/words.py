"""What hooks have in common: they explain themselves on standard error, and stand in nobody's way.

A hook of a clone is help, not a guard: the witness checks everything again. So whatever keeps it
from checking is said, and then the commit or push goes on.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitsync.services.hookledger import Finding, HookLedger

#: How a hook ends that refuses. Not 1: that is what a Python without gitsync ends with.
REFUSED = 10

_COLUMNS = 78
_SHOWN = 8


def with_ledger(check: Callable[[HookLedger], list[Finding]]) -> list[Finding]:
    """Run a check on the ledger of this process's clone; nothing where there is none."""
    from gitsync.services.hookledger import HookLedger
    from gitsync.storage.stock import StockRepository, this_place

    cwd, env, home = this_place()
    with StockRepository(cwd, env) as repo:
        ledger = HookLedger.find(repo, env, home)
        return check(ledger) if ledger is not None else []


def tell(what: str, check: Callable[[], list[Finding]], last: Sequence[str] = ()) -> int:
    """Print what a check found; returns the hook's exit code, ``REFUSED`` if any finding refuses.

    ``what`` is checked: "this commit". ``last`` are the lines behind a refusal.
    """
    try:
        found = check()
    except GitsyncError as error:
        _paragraph(f"{what} was not checked: {error} ({error.code}); it goes on")
        for line in (error.hint or "").splitlines():
            _command(line)
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - a bug of ours must not keep anybody from working
        _paragraph(f"{what} was not checked: a bug ({type(error).__name__}: {error}); it goes on")
        return 0
    for one in found[:_SHOWN]:
        _paragraph(f"{one.why} ({one.code})")
        for line in one.mend:
            _command(line)
    if len(found) > _SHOWN:
        _paragraph(f"and {len(found) - _SHOWN} more like these")
    refused = any(one.refuses for one in found)
    for line in last if refused else ():
        _paragraph(line)
    return REFUSED if refused else 0


def _paragraph(text: str) -> None:
    from textwrap import fill

    from gitsync.codec.records import printable

    shown = fill(
        f"gitsync: {printable(text, 2000)}", _COLUMNS, subsequent_indent="  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    _write(shown)


def _command(line: str) -> None:
    from gitsync.codec.records import printable

    _write(f"    {printable(line, 500)}")


def _write(text: str) -> None:
    stream = sys.stderr
    stream.write(text.encode(stream.encoding or "ascii", "backslashreplace").decode(
        stream.encoding or "ascii") + "\n")  # fmt: skip
