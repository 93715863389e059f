"""Who works in this clone: domain, key, roster, and the settings that plain git goes by."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.names import REQUESTS, parse_position
from gitsync.services.clonesetup import configure
from gitsync.services.doctoring.finding import Finding, Kind, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.domain.roster import PublicKey
    from gitsync.services.doctoring.examination import Examination
    from gitsync.services.workspace import Workspace
    from gitsync.storage.keys import KeyChoice

AREA = "set-up"


def ledger(exam: Examination) -> Iterator[Finding]:
    """The clone knows whose it is and of which ledger. A bare home needs neither."""
    ws = exam.workspace()
    if ws.repo.is_bare:
        return
    for name, value in (("gitsync.domain", ws.domain), ("gitsync.anchor", ws.anchor)):
        if value is None:
            yield Finding(
                AREA, "setup.missing", Kind.MISSING, f"{name} is not set: no ledger is known here",
                name, "begin one: gitsync init --name YOU\n"
                "or join one: gitsync join URL DIR --name YOU",
            )  # fmt: skip
            return
    if ws.remote is not None and ws.repo.config(f"remote.{ws.remote}.url") is None:
        yield Finding(
            AREA, "remote.unknown", Kind.MISSING, f"the home is {ws.remote}, and git has no such"
            " remote", ws.remote, f"git remote add {ws.remote} URL",
        )  # fmt: skip


def key(exam: Examination) -> Iterator[Finding]:
    """A key to sign with is there, and the roster lists it under this clone's name."""
    ws = exam.ledger()
    if ws is None:
        return
    from gitsync.storage.keys import read_key

    try:
        choice = ws.key()
        public = read_key(choice).public
    except GitsyncError as error:
        yield Finding(AREA, error.code, Kind.WRONG, error.message, mend=error.hint)
        return
    yield from _settings(ws, choice, public)
    if ws.position() is None:
        return
    entry = ws.settings().roster.key(public.blob)
    me = ws.me()
    if entry is not None and me in entry.names:
        return
    if ws.repo.refs.get(REQUESTS + me) is not None:
        yield Finding(
            AREA, "roster.waiting", Kind.NOTE, f"{me} has asked to join and is not admitted yet",
            mend=f"a member runs: gitsync roster admit {me}",
        )  # fmt: skip
        return
    number = ws.verified().number
    yield Finding(
        AREA, "roster.not-listed", Kind.WRONG,
        f"the key {public.fingerprint} is not {me}'s on the roster of {ws.space}@{number}",
        mend="gitsync id show\ngitsync roster list",
    )  # fmt: skip


def _settings(ws: Workspace, choice: KeyChoice, public: PublicKey) -> Iterator[Finding]:
    expected = {
        "gpg.format": "ssh",
        "commit.gpgsign": "true",
        "gpg.ssh.allowedsignersfile": str((ws.repo.state_dir / "allowed_signers").resolve()),
    }
    wrong = [name for name, value in expected.items() if ws.repo.config(name) != value]
    wrong += [name for name in ("user.name", "user.email") if not ws.repo.config(name)]
    if ws.repo.config("user.signingkey") is None and choice.text is None:
        wrong.append("user.signingkey")
    if wrong:
        yield Finding(
            AREA, "setup.signing", Kind.WRONG,
            f"plain git would not sign and check as it should here: {', '.join(wrong)}",
            mend="gitsync id use KEY",
            remedy=Remedy("set them for this clone", partial(_configure, ws, choice, public)),
        )  # fmt: skip


def _configure(ws: Workspace, choice: KeyChoice, public: PublicKey) -> str:
    configure(ws.repo, ws.me(), choice, public)
    return "set for this clone"


def pin(exam: Examination) -> Iterator[Finding]:
    """A pin names a position that has been verified here."""
    ws = exam.ledger()
    text = ws.repo.config("gitsync.pin") if ws is not None else None
    if ws is None or text is None:
        return
    found, known = parse_position(text), ws.position()
    if found is None or found[0] != ws.space or known is None or found[1] > known.number:
        yield Finding(
            AREA, "pin.unknown", Kind.STALE,
            f"the files are pinned at {text}, which is not verified here", text,
            "gitsync pin --off",
        )  # fmt: skip
