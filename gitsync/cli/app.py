"""What every command gets: the world outside, the output, and whether to speak JSON."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from gitsync.cli.freshness import freshness_json
from gitsync.cli.output import Output, Styled
from gitsync.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.services.catalogue import Catalogue
    from gitsync.services.host import Host
    from gitsync.services.refview import RefView
    from gitsync.services.workspace import Workspace
    from gitsync.storage.workscan import WorkScan

Found = TypeVar("Found")


class App:
    """The context of one command. ``json`` is set when results are to be JSON documents,
    ``fresh`` when the age of what they rest on is to be told; ``scan`` is one of the files here
    that was begun before anything else, ``read`` the clone that artifacts were read from."""

    __slots__ = ("_closing", "fresh", "host", "json", "out", "read", "scan")

    def __init__(self, host: Host, out: Output, *, scan: WorkScan | None = None) -> None:
        self.host = host
        self.out = out
        self.json = False
        self.fresh = False
        self.scan = scan
        self.read: Workspace | None = None
        self._closing = ExitStack()

    def workspace(self, *, lasting: bool = False) -> Workspace:
        """The clone that the command runs in. Raises EnvironmentFault ``repo.missing``.

        ``lasting`` is for a command that goes on until it is stopped, and opens it time and again.
        """
        from gitsync.services.workspace import Workspace

        found = Workspace.open(self.host)
        # Most commands read a handful of objects, and loading libgit2 takes longer than they do.
        # One that lasts would start a git each time, all of which stay until it ends.
        if not lasting:
            found.repo.spare_libgit2(self._closing)
        return found

    def reading(
        self,
        use: Callable[[Catalogue], Found],
        *,
        at: str | None = None,
        cache: bool = True,
        ahead: Callable[[Workspace], None] | None = None,
    ) -> Found:
        """What ``use`` makes of the artifacts here, or at a position. ``ahead`` is done while git
        looks at the files, if it has not ended by then: what will be needed anyway."""
        from gitsync.services.catalogue import reading

        self.read = ws = self.ledger()
        scan = None
        if self.scan is not None and at is None and self.scan.git_dir == str(ws.repo.git_dir):
            scan, self.scan = self.scan, None
        if ahead is not None and scan is not None and scan.running:
            ahead(ws)
        return reading(ws, use, at=at, cache=cache, scan=scan)

    def close(self) -> None:
        """Let go of what was opened, and stop the scan that nobody asked for."""
        try:
            self._closing.close()
        finally:
            if self.scan is not None:
                self.scan.cancel()
                self.scan = None

    def ledger(self, *, lasting: bool = False) -> Workspace:
        """The clone, if it is set up. Raises EnvironmentFault ``domain.none`` otherwise."""
        found = self.workspace(lasting=lasting)
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
                self.offline(error.message)
            return known_view(ws)

    def offline(self, why: str) -> None:
        """Say, on standard error, that what follows may be old."""
        said = f"{why}; what follows is as of the last contact"
        self.out.told(Styled("offline: ", "yellow"), said, " " * 9)

    def later(self, ws: Workspace) -> str:
        """The command that sends what the home has not got yet."""
        from gitsync.services.sources import bundles_in

        stick = ws.stick
        return f"gitsync bundle sync {bundles_in(stick)}" if stick else "gitsync push"

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
