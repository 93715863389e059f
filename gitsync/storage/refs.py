"""Refs: listing, and moving several as one transaction with their old values.

Moves go through ``git update-ref --stdin``: exactly one of many racing processes wins, which
libgit2's own reference creation does not give. What acknowledges is synced before it is reported.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.objects import Oid
from gitsync.storage import gitcli
from gitsync.storage.durable import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

ZERO = "0" * 40
_ABOVE_REFS = frozenset({PurePosixPath("."), PurePosixPath("/")})


@frozen
class RefUpdate:
    """Move ``ref`` from ``old`` to ``new``. None for ``new`` deletes, None for ``old`` demands
    that the ref does not exist yet."""

    ref: str
    new: Oid | None
    old: Oid | None


class RefsMovedError(RefusedError):
    """Somebody else moved a ref first: read again and decide anew."""


class Refs:
    """The refs of one repository. ``common_dir`` is the folder that all its work trees share."""

    def __init__(self, common_dir: Path) -> None:
        self._dir = common_dir

    def list(self, *patterns: str) -> dict[str, Oid]:
        """Ref name -> object id for all refs below the given prefixes or equal to them."""
        out = gitcli.run(
            [
                "for-each-ref",
                "--format=%(objectname) %(refname)",
                *(p.rstrip("/") for p in patterns),
            ],
            cwd=self._dir,
        ).out
        found: dict[str, Oid] = {}
        for line in out.decode("utf-8", "surrogateescape").splitlines():
            oid, _, name = line.partition(" ")
            found[name] = Oid(oid)
        return found

    def get(self, ref: str) -> Oid | None:
        """The id that one ref holds, or None."""
        loose = self._dir / ref
        try:
            value = loose.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return self._packed(ref)
        if len(value) == 40 and all(char in "0123456789abcdef" for char in value):
            return Oid(value)
        raise EnvironmentFault(
            "ref.broken", f"the ref {ref} is torn", hint="restore it: gitsync doctor --fix"
        )

    def _packed(self, ref: str) -> Oid | None:
        try:
            data = (self._dir / "packed-refs").read_bytes()
        except FileNotFoundError:
            return None
        needle = b" " + ref.encode() + b"\n"
        at = data.find(needle)
        return Oid(data[at - 40 : at].decode()) if at >= 40 else None

    def transact(self, updates: Sequence[RefUpdate], *, message: str, sync: bool = True) -> None:
        """Apply all updates or none, as far as locks reach; with ``sync`` also against power cuts.

        Raises RefsMovedError ``ref.moved`` when an old value does not match, EnvironmentFault for
        anything else that git reports.
        """
        if not updates:
            return
        lines = []
        for update in updates:
            if update.new is None:
                lines.append(f"delete {update.ref}\0{update.old or ''}\0")
            else:
                lines.append(f"update {update.ref}\0{update.new}\0{update.old or ZERO}\0")
        # Torn, a ref would stop every git. That it is an old one again does no harm without sync.
        config = gitcli.SYNCED if sync else gitcli.UNTORN
        result = gitcli.run(
            [*config, "update-ref", "-m", message, "--stdin", "-z"],
            cwd=self._dir,
            stdin="".join(lines).encode(),
            check=False,
        )
        if result.code != 0:
            raise self._explain(result.err)
        if sync:
            self.sync_folders(update.ref for update in updates if update.new is not None)

    def _explain(self, said: str) -> RefusedError | EnvironmentFault:
        last = next(
            (line for line in reversed(said.splitlines()) if line.strip()), "no reason given"
        )
        if (
            "but expected" in said
            or "reference already exists" in said
            or "unable to resolve" in said
        ):
            return RefsMovedError(
                "ref.moved", f"a ref moved meanwhile: {last}", hint="run it again"
            )
        if "Unable to create" in said and ".lock" in said:
            return RefsMovedError(
                "ref.locked",
                f"another git holds a lock: {last}",
                hint="run it again; a lock that stays after a crash goes by: gitsync doctor --fix",
            )
        return EnvironmentFault("ref.failed", f"git could not move the refs: {last}")

    def sync_folders(self, refs: Iterable[str]) -> None:
        """Make the names of refs survive a power cut.

        The name of a ref lies in its folder, that folder's name in the next one, up to
        ``refs``. Git syncs none of them.
        """
        folders = {folder for ref in refs for folder in PurePosixPath(ref).parents}
        for folder in sorted(folders - _ABOVE_REFS, key=str, reverse=True):
            sync_folder(self._dir / folder)  # none: packed meanwhile, and git syncs that file
