"""The verified position: how far this machine has checked a ledger. It never goes back.

Kept in the repository and, because a power cut can take a repository back, also in the user's
state folder (XDG), synced both times. The repository's own is where verification goes on from; the
user's, which all clones of a machine share, is the least that any remote has to show.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import VerificationError
from gitsync.domain.frozen import frozen
from gitsync.storage.durable import make_folder, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.objects import Oid


@frozen
class VerifiedPosition:
    """``<space>@<number>`` as verified: its commit and tag, the tips of receipts and locks that
    came with it, and when it was seen, in seconds since the epoch."""

    anchor: Oid
    space: str
    number: int
    commit: Oid
    tag: Oid | None
    receipts: Oid | None
    locks: Oid | None
    seen: int


def state_home(env: Mapping[str, str], home: Path) -> Path:
    """The user's folder for state, by the XDG base directory specification."""
    given = env.get("XDG_STATE_HOME", "")
    return (Path(given) if given.startswith("/") else home / ".local" / "state") / "gitsync"


class PositionStore:
    """Reads and advances the position of one ledger's space."""

    def __init__(self, repo_dir: Path, user_dir: Path, space: str) -> None:
        self._repo_file = repo_dir / f"position-{space}.json"
        self._user_dir = user_dir
        self._space = space

    def _user_file(self, anchor: Oid) -> Path:
        return self._user_dir / "positions" / f"{anchor}-{self._space}.json"

    def load(self, anchor: Oid | None) -> VerifiedPosition | None:
        """What this repository itself has verified of ``anchor`` (None: of whatever it holds).

        Raises VerificationError ``position.fork`` if another clone of this user has verified
        another commit for the same number, and ``position.damaged`` if the file cannot be read.
        """
        here = _read(self._repo_file)
        if here is None:
            if self._repo_file.exists():
                raise VerificationError(
                    "position.damaged",
                    f"the stored position {self._repo_file} cannot be read",
                    hint="check everything anew: gitsync verify --full",
                )
            return None
        if anchor is not None and here.anchor != anchor:
            return None
        there = self.furthest(here.anchor)
        if there is not None and there.number == here.number and there.commit != here.commit:
            raise VerificationError(
                "position.fork",
                f"two clones on this machine have verified different {here.space}@{here.number}",
                hint="compare them: one of the two was served another history",
            )
        return here

    def peek(self) -> VerifiedPosition | None:
        """What this repository's own file says, or None; compared with nothing."""
        return _read(self._repo_file)

    def furthest(self, anchor: Oid | None) -> VerifiedPosition | None:
        """The highest position that any clone of this user has verified: no remote may show less.

        Its objects need not be in this repository.
        """
        return _read(self._user_file(anchor)) if anchor is not None else None

    def save(self, position: VerifiedPosition) -> None:
        """Store a position in both places, synced; a lower number never replaces a higher one."""
        data = (json.dumps(asdict(position), indent=1) + "\n").encode()
        for path in (self._user_file(position.anchor), self._repo_file):
            stored = _read(path)
            if (
                stored is not None
                and stored.anchor == position.anchor
                and stored.number > position.number
            ):
                continue
            make_folder(path.parent)
            # That nothing new was seen, again, need not survive a power cut.
            known = stored is not None and replace(stored, seen=position.seen) == position
            write_atomic(path, data, sync=not known)


def _read(path: Path) -> VerifiedPosition | None:
    try:
        found = json.loads(path.read_bytes())
        position = VerifiedPosition(**found)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    ids = (position.anchor, position.commit)
    maybe = (position.tag, position.receipts, position.locks)
    sound = (
        all(_is_id(one) for one in ids)
        and all(one is None or _is_id(one) for one in maybe)
        and isinstance(position.space, str)
        and all(type(one) is int and one > 0 for one in (position.number, position.seen))
    )
    return position if sound else None


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{40}", value) is not None
