"""A space's home: the one place where compare-and-swap on its refs means something.

Either the witness's own repository, or a remote. Both show the refs, take several updates as one
with their old values, and are read back before anything is reported.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.services.refview import RefView, fetch_view, local_view, note_held
from gitsync.storage.packedrefs import create_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.storage.refs import RefUpdate
    from gitsync.storage.repository import Repository
    from gitsync.storage.transport import Remote

# One push carries its ref names on a command line, which has a limit.
TAGS_A_PUSH = 500


class Home(Protocol):
    """Where the ledger's refs are changed."""

    source: str

    def view(self) -> RefView:
        """The refs as they are now."""

    def emit(self, updates: Sequence[RefUpdate]) -> None:
        """Move refs as one, durably. Raises RefsMovedError or RemoteRejectedError."""

    def publish(self, updates: Sequence[RefUpdate]) -> None:
        """Create tags; each may exist with the same value already."""

    def sweep(self, updates: Sequence[RefUpdate]) -> None:
        """Delete refs that nobody needs, as far as that goes: each for itself, none required."""


def read_back(home: Home, updates: Sequence[RefUpdate], refs: dict[str, str]) -> None:
    """Compare what a home holds now with what was written. Raises EnvironmentFault."""
    for update in updates:
        if refs.get(update.ref) != update.new:
            raise EnvironmentFault(
                "home.not-written",
                f"{home.source} took the update of {update.ref} but does not show it",
                hint="run it again; if it stays, the remote rewrites refs and cannot be a home",
            )


class LocalHome:
    """The home in the witness's own repository: others fetch from it and push proposals to it."""

    def __init__(self, repo: Repository, space: str) -> None:
        self._repo = repo
        self._space = space
        self.source = "this repository"

    def view(self) -> RefView:
        """See ``Home``."""
        return local_view(self._repo, self._space)

    def emit(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        self._repo.refs.transact(updates, message="gitsync: witness")
        moved = [update for update in updates if update.new is not None]
        refs = self._repo.refs.list(*(update.ref for update in moved))
        read_back(self, moved, dict(refs))

    def publish(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        create_tags(self._repo, updates, message="gitsync: tag")

    def sweep(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        for update in updates:
            with suppress(RefusedError, EnvironmentFault):
                self._repo.refs.transact([update], message="gitsync: tidy", sync=False)


class RemoteHome:
    """The home on a remote: a forge, or a bare repository on a share or a stick."""

    def __init__(self, repo: Repository, remote: Remote, space: str) -> None:
        self._repo = repo
        self._remote = remote
        self._space = space
        self.source = remote.name

    def view(self) -> RefView:
        """See ``Home``."""
        return fetch_view(self._repo, self._remote, self._space)

    def emit(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        self._remote.push(updates)
        moved = [update for update in updates if update.new is not None]
        refs = self._remote.list(*(update.ref for update in moved))
        read_back(self, moved, dict(refs))
        self._note(updates)

    def publish(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        for start in range(0, len(updates), TAGS_A_PUSH):
            part = updates[start : start + TAGS_A_PUSH]
            self._remote.push(part)
            pattern = "refs/tags/" + part[0].ref.removeprefix("refs/tags/").partition("@")[0] + "@*"
            read_back(self, part, dict(self._remote.list(pattern)))
            self._note(part)

    def sweep(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        for start in range(0, len(updates), TAGS_A_PUSH):
            part = updates[start : start + TAGS_A_PUSH]
            with suppress(RefusedError, EnvironmentFault):
                self._remote.push(part, atomic=False)
                self._note(part)

    def _note(self, updates: Sequence[RefUpdate]) -> None:
        note_held(self._repo, self._remote.name, {one.ref: one.new for one in updates})
