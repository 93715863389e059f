"""Git's object store behind a port of three verbs: read, size, write.

Writes gather in memory and reach the disk as one pack, synced once, before any ref moves to them.
That is faster than loose objects and leaves nothing half-written after a kill. libgit2 reads packs
only; loose objects, which a power cut may have torn, are read by :mod:`gitsync.storage.loose`.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from gitsync.codec.gitobjects import object_id
from gitsync.domain.errors import FormatError, GitsyncError, VerificationError
from gitsync.domain.objects import Oid
from gitsync.storage.loose import LooseObjects, object_folders, read_loose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pygit2

    from gitsync.codec.pack import PackBuilder

_WINDOW = 4 << 20
_MAPPED = 32 << 20
_FEW = 200  # objects that git gives in the time in which libgit2 is loaded, or less
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}


Answer = TypeVar("Answer")


def missing(oid: str) -> VerificationError:
    """The error for an object that is not there."""
    return VerificationError(
        "object.missing",
        f"the object {oid[:12]} is not in this repository",
        hint="fetch again; shallow and partial clones do not hold what verification needs",
    )


class ObjectStore(Protocol):
    """Content-addressed bytes, by kind: commit, tree, blob, tag."""

    def read(self, oid: Oid) -> tuple[str, bytes]:
        """Kind and content. Raises VerificationError ``object.missing``."""

    def header(self, oid: Oid) -> tuple[str, int]:
        """Kind and size of the content in bytes, without reading it."""

    def has(self, oid: Oid) -> bool:
        """Whether the object is here."""

    def write(self, kind: str, data: bytes, like: Oid | None = None) -> Oid:
        """Keep an object; it is safe on disk only after :meth:`flush`."""

    def flush(self) -> None:
        """Make everything written so far durable."""


class Asked(ObjectStore, Protocol):
    """A store that is asked of another process."""

    def close(self) -> None:
        """End the process; the next question starts it anew."""


class MemoryObjects:
    """The store in memory: the twin that rules are tested on."""

    def __init__(self) -> None:
        self._objects: dict[Oid, tuple[str, bytes]] = {}

    def read(self, oid: Oid) -> tuple[str, bytes]:
        """See :class:`ObjectStore`."""
        found = self._objects.get(oid)
        if found is None:
            raise missing(oid)
        return found

    def header(self, oid: Oid) -> tuple[str, int]:
        """See :class:`ObjectStore`."""
        kind, data = self.read(oid)
        return kind, len(data)

    def has(self, oid: Oid) -> bool:
        """See :class:`ObjectStore`."""
        return oid in self._objects

    def write(self, kind: str, data: bytes, like: Oid | None = None) -> Oid:  # noqa: ARG002
        """See :class:`ObjectStore`."""
        oid = object_id(kind, data)
        self._objects[oid] = (kind, data)
        return oid

    def flush(self) -> None:
        """See :class:`ObjectStore`."""


class ScratchObjects:
    """Another store, read only: what is written is named and remembered until :meth:`forget`.

    Verification merges everything again to compare ids; none of it needs a place on disk.
    """

    def __init__(self, below: ObjectStore) -> None:
        self._below = below
        self._scratch: dict[Oid, tuple[str, bytes]] = {}

    def read(self, oid: Oid) -> tuple[str, bytes]:
        """See :class:`ObjectStore`."""
        return self._scratch.get(oid) or self._below.read(oid)

    def header(self, oid: Oid) -> tuple[str, int]:
        """See :class:`ObjectStore`."""
        found = self._scratch.get(oid)
        return (found[0], len(found[1])) if found is not None else self._below.header(oid)

    def has(self, oid: Oid) -> bool:
        """See :class:`ObjectStore`."""
        return oid in self._scratch or self._below.has(oid)

    def write(self, kind: str, data: bytes, like: Oid | None = None) -> Oid:  # noqa: ARG002
        """See :class:`ObjectStore`."""
        oid = object_id(kind, data)
        self._scratch[oid] = (kind, data)
        return oid

    def flush(self) -> None:
        """Nothing to make durable."""

    def forget(self) -> None:
        """Let go of what was written."""
        self._scratch.clear()


class GitObjects:
    """The store of a git repository: libgit2 reads packs, we read loose objects and write packs."""

    def __init__(self, objects_dir: Path) -> None:
        self._folders = object_folders(objects_dir)
        self._loose = LooseObjects(self._folders)
        self._dir = objects_dir
        self._pending: dict[Oid, tuple[str, bytes]] = {}
        self._builder: PackBuilder | None = None
        self._few: Asked | None = None
        self._left = 0

    @contextmanager
    def asking(self, git: Asked) -> Iterator[None]:
        """Have ``git`` give what is packed, for a block that reads a handful of objects.

        Only what it has, and as long as libgit2 is not loaded; past some number that is done.
        Inside of such a block another one changes nothing.
        """
        if self._few is not None:
            yield
            return
        self._few, self._left = git, _FEW
        try:
            yield
        finally:
            self._few = None

    def _ask(self, question: Callable[[ObjectStore], Answer]) -> Answer | None:
        """What the git that is asked for a handful says; None where libgit2 is to say."""
        if self._few is None or not self._left or "_packs" in vars(self):
            return None
        self._left -= 1
        try:
            return question(self._few)
        except GitsyncError:
            return None

    @cached_property
    def _packs(self) -> pygit2.Odb:
        """The packs. Loading libgit2 takes as long as all else that a short command does, so it
        is loaded by the first object that is not loose."""
        import pygit2

        if self._few is not None:
            self._few.close()  # it is asked nothing more
        # libgit2 would check each id with a slower SHA-1 on reading; :meth:`read` does it itself.
        pygit2.settings.enable_strict_hash_verification(False)  # noqa: FBT003
        # Its cache of objects grows with history; what is read again is remembered parsed.
        pygit2.settings.enable_caching(False)  # noqa: FBT003
        # How much of the packs may be mapped at once: what is mapped counts as memory.
        pygit2.settings.mwindow_size = _WINDOW
        pygit2.settings.mwindow_mapped_limit = _MAPPED
        packs = pygit2.Odb()
        for folder in self._folders:
            packs.add_backend(pygit2.OdbBackendPack(str(folder)), 1)
        return packs

    def read(self, oid: Oid) -> tuple[str, bytes]:
        """See :class:`ObjectStore`."""
        found = self._pending.get(oid)
        if found is not None:
            return found
        loose = self._loose.find(oid)
        return self._read_packed(oid) if loose is None else self._read_loose(oid, loose)

    def _read_packed(self, oid: Oid) -> tuple[str, bytes]:
        if self._few is not None:
            told = self._ask(lambda git: git.read(oid))
            if told is not None:
                return told
        try:
            kind, data = self._packs.read(oid)
        except KeyError as error:
            path = self._loose.look(oid)
            if path is None:
                raise missing(oid) from error
            return self._read_loose(oid, path)
        except Exception as error:
            raise _unreadable(oid, error) from error
        return _checked(oid, _KINDS[int(kind)], data)

    def _read_loose(self, oid: Oid, path: Path) -> tuple[str, bytes]:
        try:
            return _checked(oid, *read_loose(path))
        except (OSError, FormatError, VerificationError) as error:
            # Packed meanwhile, or torn while a pack has it whole.
            try:
                kind, data = self._packs.read(oid)
            except Exception:  # noqa: BLE001 - no pack has it either
                raise _unreadable(oid, error) from error
            return _checked(oid, _KINDS[int(kind)], data)

    def header(self, oid: Oid) -> tuple[str, int]:
        """See :class:`ObjectStore`."""
        found = self._pending.get(oid)
        if found is not None:
            return found[0], len(found[1])
        if self._loose.find(oid) is None:
            told = self._ask(lambda git: git.header(oid))
            if told is not None:
                return told
            try:
                kind, size = self._packs.read_header(oid)
                return _KINDS[int(kind)], int(size)
            except KeyError:
                pass
            except Exception as error:
                raise _unreadable(oid, error) from error
        name, content = self.read(oid)
        return name, len(content)

    def has(self, oid: Oid) -> bool:
        """See :class:`ObjectStore`. What is torn is not here."""
        if oid in self._pending:
            return True
        # What git finds may be loose and torn; what it reads is whole.
        if self._ask(lambda git: git.read(oid)) is not None or self._packs.exists(oid):
            return True
        try:
            self.read(oid)
        except VerificationError:
            return False
        return True

    def write(self, kind: str, data: bytes, like: Oid | None = None) -> Oid:
        """See :class:`ObjectStore`."""
        if self._builder is None:
            from gitsync.codec.pack import PackBuilder

            self._builder = PackBuilder()
        base = like if like is not None and like in self._pending else None
        oid = Oid(self._builder.add(kind, data, base=base))
        self._pending[oid] = (kind, data)
        return oid

    def flush(self) -> None:
        """Write what is pending as one pack: synced, then visible to every git.

        Raises EnvironmentFault ``disk.full`` or ``disk.read-only``; nothing is visible then.
        """
        from gitsync.storage.durable import save_pack

        if self._builder is None:
            return
        save_pack(self._builder.finish(), self._dir)
        self._builder = None
        self._pending.clear()


def _checked(oid: Oid, kind: str, data: bytes) -> tuple[str, bytes]:
    if object_id(kind, data) != oid:
        raise _unreadable(oid, ValueError("its content does not have this id"))
    return kind, data


def _unreadable(oid: str, error: Exception) -> VerificationError:
    return VerificationError(
        "object.damaged",
        f"the object {oid[:12]} cannot be read: {error}",
        hint="find what is torn, and fetch it again: gitsync doctor --fix",
    )
