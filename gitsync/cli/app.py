"""What every command gets: the world outside, the output, and whether to speak JSON."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gitsync.cli.freshness import freshness_json
from gitsync.cli.output import Output, Styled
from gitsync.domain.errors import GitsyncError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitsync.services.catalogue import Catalogue
    from gitsync.services.host import Host
    from gitsync.services.refview import RefView
    from gitsync.services.workspace import Workspace
    from gitsync.storage.workscan import WorkScan

Found = TypeVar("Found")

# With one of these a command that reads files may not look at those in the work tree.
READ_FILES_NOT = frozenset({"--at", "-h", "--help"})


@dataclass(slots=True)
class App:
    """The context of one command. ``json`` is set when results are to be JSON documents,
    ``fresh`` when the age of what they rest on is to be told."""

    host: Host
    out: Output
    json: bool = False
    fresh: bool = False
    _early: tuple[Host, Workspace, WorkScan] | None = None

    def workspace(self) -> Workspace:
        """The clone that the command runs in. Raises EnvironmentFault ``repo.missing``."""
        from gitsync.services.workspace import Workspace

        if self._early is not None and self._early[0] is self.host:
            return self._early[1]
        return Workspace.open(self.host)

    def begin(self, args: Sequence[str]) -> None:
        """Have git look at the files already, where the command line is one that will ask."""
        from gitsync.cli.table import READ_FILES

        if not args or args[0] not in READ_FILES or not READ_FILES_NOT.isdisjoint(args):
            return
        from gitsync.storage.workscan import WorkScan

        # What is wrong here the command itself will find, and say.
        with suppress(GitsyncError, OSError):
            found = self.workspace()
            if found.domain is not None and found.position() is not None:
                self._early = (self.host, found, WorkScan(found.work_tree().repo))

    def reading(
        self,
        use: Callable[[Catalogue], Found],
        *,
        at: str | None = None,
        cache: bool = True,
    ) -> Found:
        """What ``use`` makes of the artifacts here, or at a position."""
        from gitsync.services.catalogue import reading

        ws = self.ledger()
        scan = None
        if self._early is not None and self._early[1] is ws and at is None:
            scan, self._early = self._early[2], None
        return reading(ws, use, at=at, cache=cache, scan=scan)

    def close(self) -> None:
        """Stop what was begun early and not asked for."""
        if self._early is not None:
            self._early[2].cancel()
            self._early = None

    def ledger(self) -> Workspace:
        """The clone, if it is set up. Raises EnvironmentFault ``domain.none`` otherwise."""
        found = self.workspace()
        found.me()
        found.ledger()
        return found

    def view(self, ws: Workspace, *, fetch: bool = True) -> RefView:
        """The ledger's refs: asked for now, or, offline, as last seen (and says so)."""
        from gitsync.domain.errors import EnvironmentFault
        from gitsync.services.sources import fresh_view, known_view

        if not fetch:
            return known_view(ws)
        try:
            return fresh_view(ws)
        except EnvironmentFault as error:
            if error.code != "remote.unreachable":
                raise
            if not self.json:
                self.out.note(Styled("offline: ", "yellow"), error.message)
                self.out.note("what follows is as of the last contact")
            return known_view(ws)

    def document(self, schema: str, /, **values: object) -> dict[str, object]:
        """The envelope of a JSON document; a hyphen stands for each underscore of a name."""
        fields = {name.replace("_", "-"): value for name, value in values.items()}
        if self.fresh:
            fields["fresh"] = freshness_json(self)
        return {"schema": f"gitsync/{schema}/1"} | fields

    def confirm(self, question: str, skip: str) -> bool:
        """Ask on the terminal. Raises UsageError ``confirm.needed`` where nobody can answer."""
        streams = self.out.streams
        if self.json or not (streams.stdin.isatty() and streams.stderr.isatty()):
            raise UsageError(
                "confirm.needed", "this needs a yes, and there is no terminal to ask on", hint=skip
            )
        self.out.progress.clear()
        self.out.streams.stdout.flush()
        streams.stderr.write(f"{question} [y/N] ")
        streams.stderr.flush()
        answer = ""
        try:
            answer = streams.stdin.readline()
        finally:
            if not answer.endswith("\n"):  # Ctrl-C and Ctrl-D leave the cursor behind the question
                streams.stderr.write("\n")
        return answer.strip().lower() in ("y", "yes")
