"""Where the objects of a bundle wait until all of it was checked: a repository of their own.

It borrows the objects of the real one, and nothing refers to it. What passes is moved over as one
pack, its index last; what does not is thrown away (compare git-receive-pack(1), "quarantine").
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from gitsync.domain.errors import FormatError, VerificationError
from gitsync.storage import effects, gitcli
from gitsync.storage.durable import (
    make_folder,
    move_file,
    remove_tree,
    reporting,
    sync_folder,
    write_atomic,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.storage.bundlefile import BundleFile
    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.objects import GitObjects

#: No object that is unpacked in memory may be larger: a small pack may inflate to any size.
MAX_OBJECT_BYTES: Final = 256 << 20
# Larger files are read as a stream; the limit of memory is git's own (wrapper.c).
_LIMITS: Final = {"GIT_ALLOC_LIMIT": str(MAX_OBJECT_BYTES)}
# One thread: a second one makes it no quicker, and the other processor checks signatures meanwhile.
_BOUNDED: Final = ("-c", "core.bigFileThreshold=32m", "-c", "pack.threads=1")


@dataclass(frozen=True)
class Quarantine:
    """A bare repository at ``git_dir`` beside the object folder ``objects`` that it borrows from;
    None: it stands alone."""

    git_dir: Path
    objects: Path | None

    @cached_property
    def store(self) -> GitObjects:
        """All objects: the new ones and those that they build on."""
        from gitsync.storage.objects import GitObjects

        return GitObjects(self.git_dir / "objects")

    @cached_property
    def facts(self) -> StoreFacts:
        """What the objects mean."""
        from gitsync.storage.facts import StoreFacts

        return StoreFacts(self.store)

    def take(self, bundle: BundleFile) -> None:
        """Read the pack of a bundle in, with every check of ``git fsck`` on its objects.

        Raises FormatError ``bundle.damaged`` or ``bundle.too-large``.
        """
        args = [*gitcli.SYNCED, *_BOUNDED, "index-pack", "--strict", "--fix-thin", "--stdin"]
        args.append(f"--max-input-size={bundle.size}")
        done = gitcli.run_fed(args, bundle.path, bundle.pack_at, cwd=self.git_dir, env=_LIMITS)
        if done.code == 0:
            return
        if "allocate" in done.err or "memory" in done.err:
            raise FormatError(
                "bundle.too-large", f"an object in the bundle takes more than {MAX_OBJECT_BYTES}"
                " bytes of memory",
            )  # fmt: skip
        lines = [line for line in done.err.splitlines() if line.strip()]
        said = next((one for one in lines if one.startswith(("fatal:", "error:"))), "no reason")
        raise FormatError("bundle.damaged", f"git cannot take the bundle's pack: {said[:200]}")

    def missing(self, needs: Iterable[Oid]) -> list[Oid]:
        """Those of some objects that are not here."""
        wanted = list(needs)
        if not wanted:
            return []
        asked = "".join(f"{oid}\n" for oid in wanted).encode()
        out = gitcli.run(["cat-file", "--batch-check"], cwd=self.git_dir, stdin=asked).out
        return [
            oid for oid, line in zip(wanted, out.decode().splitlines(), strict=True)
            if line.endswith(" missing")
        ]  # fmt: skip

    def check_connected(self, tips: Iterable[Oid], held: Iterable[Oid]) -> None:
        """Whether all that ``tips`` reach is here; ``held`` and what is below is known to be.

        Raises VerificationError ``bundle.incomplete``.
        """
        lines = [*tips, *(f"^{oid}" for oid in held)]
        done = gitcli.run(
            ["rev-list", "--objects", "--quiet", "--stdin"], cwd=self.git_dir,
            stdin="".join(f"{line}\n" for line in lines).encode(), check=False,
        )  # fmt: skip
        if done.code != 0:
            said = next((one for one in done.err.splitlines() if one.strip()), "no reason")
            raise VerificationError(
                "bundle.incomplete", f"the bundle lacks objects that its refs need: {said[:200]}"
            )

    def release(self) -> None:
        """Move the new objects over to the real repository, synced; a second time is no harm.

        Raises EnvironmentFault.
        """
        if self.objects is None:
            return
        own, target = self.git_dir / "objects" / "pack", self.objects / "pack"
        make_folder(target)
        # Git looks at a pack only when it has an index.
        for suffix in (".pack", ".rev", ".idx"):
            for path in sorted(own.glob(f"*{suffix}")):
                if not (target / path.name).exists():
                    move_file(path, target / path.name)
        sync_folder(target)


def begin(folder: Path, objects: Path | None) -> Quarantine:
    """A quarantine in ``folder``, which must not exist yet. Raises EnvironmentFault."""
    make_folder(folder / "objects" / "info")
    make_folder(folder / "objects" / "pack")
    make_folder(folder / "refs")
    if objects is not None:
        line = os.fsencode(objects.resolve()) + b"\n"
        write_atomic(folder / "objects" / "info" / "alternates", line, sync=False)
    write_atomic(folder / "config", b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
                 sync=False)  # fmt: skip
    write_atomic(folder / "HEAD", b"ref: refs/heads/none\n", sync=False)
    return Quarantine(folder, objects)


@contextmanager
def quarantine(below: Path, objects: Path) -> Iterator[Quarantine]:
    """A quarantine on the disk of the real repository, gone afterwards.

    Only one may be open ``below``: what is found there a dead run has left, and is removed.
    """
    clear(below)
    folder = below / f"{os.getpid()}"
    try:
        yield begin(folder, objects)
    finally:
        clear(below)


@contextmanager
def apart() -> Iterator[Quarantine]:
    """A quarantine that borrows nothing, for bundles that are complete."""
    with effects.scratch() as folder:
        yield begin(folder / "quarantine", None)


def clear(below: Path) -> None:
    """Remove all quarantines below a folder. Raises EnvironmentFault."""
    if below.exists():
        with reporting(below):
            remove_tree(below)


def boundary(git_dir: Path, tips: Sequence[str], held: Sequence[str]) -> tuple[list[Oid], set[Oid]]:
    """(the commits at the edge of what ``tips`` reach and ``held`` do not, those within).

    Raises GitError.
    """
    from gitsync.domain.objects import Oid

    lines = [*tips, *(f"^{oid}" for oid in held)]
    done = gitcli.run(
        ["rev-list", "--boundary", "--stdin"], cwd=git_dir,
        stdin="".join(f"{line}\n" for line in lines).encode(),
    )  # fmt: skip
    words = done.out.decode("ascii").split()
    edge = [Oid(one[1:]) for one in words if one.startswith("-")]
    return edge, {Oid(one) for one in words if not one.startswith("-")}


def disk_usage(git_dir: Path, revs: Iterable[str]) -> int | None:
    """How many bytes the objects that ``revs`` name take in this repository; None if git is too
    old to tell."""
    done = gitcli.run(
        ["rev-list", "--objects", "--disk-usage", "--stdin"], cwd=git_dir,
        stdin="".join(f"{one}\n" for one in revs).encode(), check=False,
    )  # fmt: skip
    return int(done.out) if done.code == 0 and done.out.strip().isdigit() else None
