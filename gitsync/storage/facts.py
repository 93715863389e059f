"""What the objects of a store mean, remembered as far as memory allows.

Everything here is a function of an object's bytes, so a cache can be wrong only by a fault of the
machine. Signatures are verified once a commit; whether the key counts is the caller's question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitsync.codec.gitobjects import (
    commit_payload,
    parse_commit,
    parse_tag,
    tag_payload,
)
from gitsync.codec.listing import Listing, one_difference, read_listing, write_listing
from gitsync.domain.errors import FormatError, GitsyncError, VerificationError
from gitsync.domain.objects import Commit, Oid, Tag, Tree, altered_names
from gitsync.storage.cache import Cache

if TYPE_CHECKING:
    from gitsync.codec.settings import LedgerSettings
    from gitsync.domain.artifact import ArtifactHead
    from gitsync.domain.leases.values import Lease, Locks
    from gitsync.domain.merge.heads import Head
    from gitsync.domain.ports import Settings
    from gitsync.domain.query.records import Record
    from gitsync.domain.query.vocabulary import Vocabulary
    from gitsync.domain.records import CommitRecord
    from gitsync.domain.roster import PublicKey
    from gitsync.domain.schema import Schema
    from gitsync.storage.ahead import Known
    from gitsync.storage.idindex import IdIndex
    from gitsync.storage.objects import ObjectStore

# About 100 bytes a unit; a cache holds at most twice this.
_TREE_ENTRIES: Final = 250_000
_COMMITS: Final = 2_000
_TAGS: Final = 16
# Several rules in turn read the file that a proposal brings.
_BLOBS: Final = 16
_SMALL_BLOB: Final = 64 << 10
_HEADS: Final = 2_000
_MAX_CONFIG_BYTES: Final = 1 << 20
EMPTY_TREE: Final = Oid("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
MAX_TREE_BYTES: Final = 32 << 20


class StoreFacts:
    """The port ``Facts`` over any :class:`ObjectStore`."""

    def __init__(self, store: ObjectStore, known: Known | None = None) -> None:
        """Of the objects in ``store``, some of which may be ``known`` already."""
        self.store = store
        self._known = known
        self._listings: Cache[Oid, Listing] = Cache(_TREE_ENTRIES, _weight)
        self._commits: Cache[Oid, Commit] = Cache(_COMMITS)
        self._tags: Cache[Oid, Tag] = Cache(_TAGS)
        self._blobs: Cache[Oid, bytes] = Cache(_BLOBS)
        self._signers: Cache[Oid, PublicKey] = Cache(_COMMITS)
        self._records: Cache[Oid, CommitRecord] = Cache(_COMMITS)
        self._altered: Cache[tuple[Oid, Oid], tuple[bytes, ...]] = Cache(_COMMITS)
        self._settings: Cache[Oid, LedgerSettings] = Cache(16)
        self._heads: Cache[tuple[Oid, int, str | None], tuple[ArtifactHead | None]] = Cache(_HEADS)
        # Holding on to each schema keeps its id() from naming another one later.
        self._schemas: dict[int, Schema] = {}
        self._locks: Cache[Oid, Locks] = Cache(8)
        self._leases: dict[Oid, Lease] = {}
        #: Locks that somebody had a glance at, by trees. Never decided on: see :meth:`locks`.
        self.glances: dict[Oid, Locks] = {}
        self._words: dict[int, Vocabulary] = {}
        self._ids: dict[str, IdIndex] = {}

    def raw(self, oid: Oid, kind: str) -> bytes:
        """An object's bytes. Raises VerificationError when it is missing or of another kind."""
        found, data = self.store.read(oid)
        if found != kind:
            raise VerificationError("object.kind", f"{oid[:12]} is a {found}, not a {kind}")
        return data

    def commit(self, oid: Oid) -> Commit:
        """See ``Objects``."""
        found = self._commits.get(oid)
        if found is None:
            found = parse_commit(self.raw(oid, "commit"))
            self._commits.put(oid, found)
        return found

    def parents(self, oid: Oid) -> tuple[Oid, ...]:
        """See ``Objects``."""
        found = self._known.parents.get(oid) if self._known is not None else None
        return self.commit(oid).parents if found is None else found

    def tag(self, oid: Oid) -> Tag:
        """An annotated tag. Raises FormatError or VerificationError."""
        found = self._tags.get(oid)
        if found is None:
            found = parse_tag(self.raw(oid, "tag"))
            self._tags.put(oid, found)
        return found

    def tree(self, oid: Oid) -> Tree:
        """See ``Objects``."""
        return self._listing(oid).tree

    def _listing(self, oid: Oid) -> Listing:
        found = self._listings.get(oid)
        return found if found is not None else self._read_listing(oid, None)[0]

    def _read_listing(self, oid: Oid, near: Listing | None) -> tuple[Listing, bytes | None]:
        """A listing, and the one name in which it differs from ``near``, if that is all."""
        # Git knows the empty tree without storing it.
        data = b"" if oid == EMPTY_TREE else self.raw(oid, "tree")
        if len(data) > MAX_TREE_BYTES:
            raise FormatError(
                "tree.too-large", f"a folder's listing exceeds {MAX_TREE_BYTES} bytes"
            )
        found, name = read_listing(data, near)
        self._listings.put(oid, found)
        return found, name

    def blob(self, oid: Oid) -> bytes:
        """See ``Objects``."""
        found = self._blobs.get(oid)
        if found is None:
            found = self.raw(oid, "blob")
            if len(found) <= _SMALL_BLOB:
                self._blobs.put(oid, found)
        return found

    def blob_size(self, oid: Oid) -> int:
        """See ``Objects``."""
        kind, size = self.store.header(oid)
        # A tree may call anything a file; whoever checks it out would find out too late.
        if kind != "blob":
            raise VerificationError("object.kind", f"{oid[:12]} is a {kind}, not a file")
        return size

    def altered(self, before: Oid, after: Oid) -> tuple[bytes, ...]:
        """See ``Objects``."""
        found = self._altered.get((before, after))
        if found is None:
            old = self._listing(before)
            new = self._listings.get(after)
            if new is None:
                new, name = self._read_listing(after, old)
            else:
                name = one_difference(old, new)
            found = (name,) if name is not None else altered_names(old.tree, new.tree)
            self._altered.put((before, after), found)
        return found

    def put_tree(
        self, tree: Tree, like: Oid | None = None, altered: tuple[bytes, ...] | None = None
    ) -> Oid:
        """See ``Objects``."""
        near = self._listings.get(like) if like is not None else None
        listing = write_listing(tree, near, altered)
        oid = self.store.write("tree", listing.raw, like)
        self._listings.put(oid, listing)
        if like is not None and altered is not None:
            self._altered.put((like, oid), altered)
        return oid

    def put_blob(self, data: bytes) -> Oid:
        """See ``Objects``."""
        return self.store.write("blob", data)

    def record(self, oid: Oid) -> CommitRecord:
        """See ``Facts``."""
        found = self._records.get(oid)
        if found is None:
            # Parsers that a hook does without are imported where they are used.
            from gitsync.codec.records import read_commit_record

            found = read_commit_record(self.commit(oid).message)
            self._records.put(oid, found)
        return found

    def signer(self, oid: Oid) -> PublicKey:
        """See ``Facts``."""
        found = self._signers.get(oid) or self._known_signer(oid)
        if found is None:
            found = self._verify(self.commit(oid), oid)
            self._signers.put(oid, found)
        return found

    def _known_signer(self, oid: Oid) -> PublicKey | None:
        return self._known.signers.get(oid) if self._known is not None else None

    def _verify(self, commit: Commit, oid: Oid) -> PublicKey:
        if commit.signature is None:
            raise VerificationError(
                "signature.missing",
                f"commit {oid[:12]} is not signed",
                hint="sign it: git commit --amend -S --no-edit\n"
                "gitsync id use sets git up to sign every commit",
            )
        from gitsync.storage.signing import verify

        return verify(commit.signature, commit_payload(commit))

    def tag_signer(self, oid: Oid) -> PublicKey:
        """The key whose valid signature a tag carries. Raises VerificationError, FormatError."""
        found = self._known_signer(oid)
        if found is not None:
            return found
        tag = self.tag(oid)
        if tag.signature is None:
            name = tag.name.decode("utf-8", "replace")
            raise VerificationError("signature.missing", f"the tag {name} is not signed")
        from gitsync.storage.signing import verify

        return verify(tag.signature, tag_payload(tag))

    def settings(self, tree: Oid) -> Settings:
        """See ``Facts``."""
        entry = self.tree(tree).get(b".gitsync")
        key = Oid(entry[1].hex()) if entry is not None else Oid("")
        found = self._settings.get(key)
        if found is None:
            from gitsync.codec import settings

            listing = self.tree(key) if entry is not None and entry[0] == b"40000" else {}
            files = [
                self._config(listing, name)
                for name in (b"policy.yaml", b"schema.yaml", b"allowed_signers")
            ]
            found = settings.decode(*files)
            self._settings.put(key, found)
        return found

    def _config(self, listing: Tree, name: bytes) -> bytes | None:
        entry = listing.get(name)
        if entry is None:
            return None
        oid = Oid(entry[1].hex())
        if self.blob_size(oid) > _MAX_CONFIG_BYTES:
            raise FormatError(
                "policy.too-large", f".gitsync/{name.decode()} exceeds {_MAX_CONFIG_BYTES} bytes"
            )
        return self.blob(oid)

    def locks(self, tip: Oid) -> Locks:
        """What the locks ref holds at the commit ``tip``.

        Raises FormatError ``locks.malformed``.
        """
        root = self.commit(tip).tree
        found = self._locks.get(root)
        if found is None:
            from gitsync.storage.lockstree import read_locks

            found = read_locks(self, root, self._leases)
            self._locks.put(root, found)
        return found

    def head(self, blob: Oid, schema: Schema, path: str | None = None) -> ArtifactHead | None:
        """See ``Facts``."""
        key = (blob, id(self._schemas.setdefault(id(schema), schema)), path)
        found = self._heads.get(key)
        if found is None:
            from gitsync.codec.frontmatter_head import head as read_head

            found = (read_head(self.blob(blob), schema, path),)
            self._heads.put(key, found)
        return found[0]

    def described(self, blob: Oid, schema: Schema, path: str) -> Record | None:
        """See ``Facts``."""
        from gitsync.codec.artifactentry import record_of
        from gitsync.domain.query.vocabulary import vocabulary_of

        key = id(self._schemas.setdefault(id(schema), schema))
        words = self._words.setdefault(key, vocabulary_of(schema))
        return record_of(self.blob(blob), path, words)

    def paths_of(self, tree: Oid, ident: str, schema: Schema) -> tuple[bytes, ...]:
        """See ``Facts``."""
        from gitsync.storage.idindex import IdIndex

        name = schema.id_field
        return self._ids.setdefault(name, IdIndex(self, name)).paths(tree, ident)

    def head_problem(self, raw: bytes) -> str | None:
        """See ``Facts``."""
        from gitsync.codec import frontmatter

        try:
            document = frontmatter.parse(raw)
            if document is not None:
                document.check()
        except GitsyncError as error:
            return str(error)
        return None

    def canonical(self, raw: bytes, schema: Schema) -> bytes:
        """See ``Facts``."""
        from gitsync.codec.canonical import canonical

        try:
            return canonical(raw, schema.place)
        except FormatError:
            return raw

    def read_head(self, raw: bytes) -> Head:
        """See ``Facts``."""
        from gitsync.codec.frontmatter_parts import read_head

        return read_head(raw)


def _weight(one: Listing) -> int:
    return 8 + len(one.tree) * (1 if one.spliced else 3)
