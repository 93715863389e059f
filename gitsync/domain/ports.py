"""What the rules need to be told. Storage implements it on git, tests in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gitsync.domain.artifact import ArtifactHead
    from gitsync.domain.leases.values import Locks
    from gitsync.domain.merge.heads import Head
    from gitsync.domain.objects import Commit, Oid, Tree
    from gitsync.domain.policy import Policy
    from gitsync.domain.query.records import Record
    from gitsync.domain.records import CommitRecord
    from gitsync.domain.roster import PublicKey, Roster
    from gitsync.domain.schema import Schema


class Settings(Protocol):
    """The files below ``.gitsync/`` of one tree, decoded."""

    @property
    def policy(self) -> Policy:
        """Who may do what."""

    @property
    def schema(self) -> Schema:
        """The artifact types and their states."""

    @property
    def roster(self) -> Roster:
        """Whose keys count."""


class Objects(Protocol):
    """Git's objects by content. A missing one raises VerificationError ``object.missing``."""

    def commit(self, oid: Oid) -> Commit:
        """The commit ``oid``; FormatError when it is not in git's own form."""

    def parents(self, oid: Oid) -> tuple[Oid, ...]:
        """The parents of the commit ``oid``, which need not be read for them."""

    def tree(self, oid: Oid) -> Tree:
        """The folder listing ``oid``. Callers do not change it."""

    def blob(self, oid: Oid) -> bytes:
        """A file's content."""

    def blob_size(self, oid: Oid) -> int:
        """A file's size in bytes, without reading it."""

    def altered(self, before: Oid, after: Oid) -> tuple[bytes, ...]:
        """The names whose entries differ between two folder listings, ordered by their bytes."""

    def put_tree(
        self, tree: Tree, like: Oid | None = None, altered: tuple[bytes, ...] | None = None
    ) -> Oid:
        """Store a folder listing; ``like`` names a similar one, for compact storage.

        ``altered`` may carry what :meth:`altered` would say of ``like`` and the new listing.
        """

    def put_blob(self, data: bytes) -> Oid:
        """Store a file's content."""


class Facts(Objects, Protocol):
    """Objects together with what their bytes mean."""

    def record(self, oid: Oid) -> CommitRecord:
        """What a commit's trailers claim."""

    def signer(self, oid: Oid) -> PublicKey:
        """The key whose valid signature a commit carries.

        Raises VerificationError ``signature.missing`` or ``signature.bad``, or FormatError.
        """

    def settings(self, tree: Oid) -> Settings:
        """The settings in a root tree. Raises FormatError or RefusedError when unreadable."""

    def locks(self, tip: Oid) -> Locks:
        """What the locks ref holds at the commit ``tip``.

        Raises FormatError ``locks.malformed``.
        """

    def head(self, blob: Oid, schema: Schema, path: str | None = None) -> ArtifactHead | None:
        """A file's identity and state; None for a file without front matter.

        ``path`` lets the schema tell the type of a file that names none.
        """

    def described(self, blob: Oid, schema: Schema, path: str) -> Record | None:
        """An artifact as queries see it; None for a file that is none, or cannot be read."""

    def paths_of(self, tree: Oid, ident: str, schema: Schema) -> tuple[bytes, ...]:
        """The Markdown files below a root tree that carry the id ``ident``, ordered by path."""

    def head_problem(self, raw: bytes) -> str | None:
        """Why a file's front matter cannot be read, or None."""

    def canonical(self, raw: bytes, schema: Schema) -> bytes:
        """A file with its front matter in canonical form; as it is where it has none or cannot be
        put in form without a change of meaning."""

    def read_head(self, raw: bytes) -> Head:
        """Front matter, from the file's first byte to its closing fence, by fields.

        Raises FormatError when it cannot be read exactly.
        """


class Positions(Protocol):
    """When each commit became part of the ledger: what replaces walks through history."""

    def get(self, oid: Oid) -> tuple[int, int] | None:
        """(entry, floor) of a commit in the ledger, or None.

        ``entry`` is the first snapshot that reaches the commit; ``floor`` is the last snapshot
        that the commit itself reaches. A snapshot N is (N, N).
        """

    def snapshot(self, number: int) -> Oid:
        """The commit of snapshot ``number``."""
