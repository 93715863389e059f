"""A place apart for the objects that a git makes, and their way from there into one synced pack.

Stock git leaves new objects lying loose and syncs no folder of theirs. What is made apart comes
into the repository whole, in the pack of whatever names it, or not at all.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError
from gitsync.storage import effects
from gitsync.storage.loose import LooseObjects, read_loose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.storage.repository import Repository

# Git puts what is larger into a pack, unread; a ledger would not take it anyway.
MAX_FILE_BYTES = 512 << 20
#: For a git that makes objects apart.
LOOSE = ("-c", f"core.bigFileThreshold={MAX_FILE_BYTES}")


class Apart:
    """A scratch ``folder``, with an object folder in it that borrows from a repository's; a git
    with ``env`` writes there."""

    def __init__(self, repo: Repository, folder: Path) -> None:
        self._repo = repo
        self._objects = folder / "objects"
        self.folder = folder
        self.env = {"GIT_OBJECT_DIRECTORY": str(self._objects)}

    def take(self) -> None:
        """Let all that was made be part of what the repository's store writes next.

        Raises RefusedError ``file.too-large``.
        """
        self._refuse_large()
        for path in LooseObjects([self._objects]).all_in():
            self._repo.store.write(*read_loose(path))

    def take_all(self, oids: list[Oid]) -> None:
        """Write these objects into one pack of the repository, wherever they lie, synced.

        Raises RefusedError ``file.too-large``, VerificationError ``object.*``.
        """
        self._refuse_large()
        made = LooseObjects([self._objects])
        for oid in oids:
            path = made.find(oid)
            kind, data = read_loose(path) if path is not None else self._repo.store.read(oid)
            self._repo.store.write(kind, data)
        self._repo.store.flush()

    def _refuse_large(self) -> None:
        if any(self._objects.glob("pack/*.pack")):
            raise RefusedError(
                "file.too-large", f"a file here is larger than {MAX_FILE_BYTES >> 20} MiB",
                hint="keep it out of the ledger: list it in .gitignore",
            )  # fmt: skip


@contextmanager
def apart(repo: Repository) -> Iterator[Apart]:
    """A place apart for a block."""
    with effects.scratch() as folder:
        info = folder / "objects" / "info"
        info.mkdir(parents=True)
        borrowed = f"{(repo.common_dir / 'objects').resolve()}\n"
        (info / "alternates").write_bytes(os.fsencode(borrowed))
        yield Apart(repo, folder)
