"""Opening a bundle: its manifest, who signed it, and whether the file says the same as that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import gitobjects, records
from gitsync.codec import manifest as codec
from gitsync.domain.carrying import MANIFEST_REF
from gitsync.domain.errors import FormatError, GitsyncError, RefusedError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledgerrefs import classify
from gitsync.domain.names import REQUESTS
from gitsync.domain.objects import MODE_FILE, Oid
from gitsync.services.joinrequests import read_request
from gitsync.storage.bundlefile import open_bundle
from gitsync.storage.signing import verify

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitsync.domain.carrying import Manifest
    from gitsync.domain.ledger.state import State
    from gitsync.domain.roster import PublicKey
    from gitsync.storage.bundlefile import BundleFile
    from gitsync.storage.facts import StoreFacts

KIND = "bundle"
FILE = b"manifest"


@frozen
class Opened:
    """A bundle whose manifest was read. ``ident`` is the manifest's commit; ``key`` made its
    signature, which fits; whether that key counts is for the ledger to say."""

    file: BundleFile
    manifest: Manifest
    ident: Oid
    key: PublicKey


def open_signed(path: Path) -> Opened:
    """Read a bundle's manifest and hold the file's header against it.

    Raises EnvironmentFault ``bundle.unreadable``, FormatError ``bundle.*``, ``manifest.*`` or
    ``signature.*``, VerificationError ``bundle.header-differs``, RefusedError ``bundle.ref``.
    """
    return signed(open_bundle(path))


def signed(file: BundleFile) -> Opened:
    """The same for a bundle whose beginning was read."""
    ident = file.header.refs.get(MANIFEST_REF)
    if ident is None:
        raise FormatError(
            "bundle.no-manifest", "this is a bundle of plain git, which says nothing of who made it"
            " and for whom",
            hint="fetch from it as from any remote: git fetch FILE",
        )  # fmt: skip
    commit_data, blob = _contents(file, ident)
    commit = gitobjects.parse_commit(commit_data)
    manifest = codec.parse(blob)
    record = records.read_commit_record(commit.message)
    if record.kind != KIND or record.ledger != manifest.ledger:
        raise FormatError("bundle.manifest", "the manifest's commit says other things than it does")
    if commit.signature is None:
        raise VerificationError("signature.missing", "the bundle's manifest is not signed")
    key = verify(commit.signature, gitobjects.commit_payload(commit))
    listed = {ref: oid for ref, oid in file.header.refs.items() if ref != MANIFEST_REF}
    if listed != manifest.refs() or set(file.header.needs) != set(manifest.needs):
        raise VerificationError(
            "bundle.header-differs", "the bundle's header lists other refs or commits than its"
            " signed manifest",
        )  # fmt: skip
    for change in manifest.changes:
        _of_the_ledger(change.ref, manifest.space)
    return Opened(file, manifest, ident, key)


def _contents(file: BundleFile, ident: Oid) -> tuple[bytes, bytes]:
    """The manifest's commit and text, after following one id to the next."""
    (commit_kind, commit), (tree_kind, tree), (blob_kind, blob) = file.head
    if (commit_kind, tree_kind, blob_kind) != ("commit", "tree", "blob"):
        raise FormatError("bundle.manifest", "the manifest is not at the pack's beginning")
    entry = (MODE_FILE, bytes.fromhex(gitobjects.object_id("blob", blob)))
    if (
        gitobjects.object_id("commit", commit) != ident
        or gitobjects.parse_commit(commit).tree != gitobjects.object_id("tree", tree)
        or gitobjects.parse_tree(tree) != {FILE: entry}
    ):
        raise FormatError("bundle.damaged", "the bundle's manifest was altered")
    return commit, blob


def _of_the_ledger(ref: str, space: str) -> None:
    try:
        known = classify(ref, space)
    except RefusedError as error:
        raise RefusedError("bundle.ref", f"the bundle carries {ref}: {error.message}") from error
    if known is None:
        raise RefusedError("bundle.ref", f"the bundle carries {ref}, which is no ref of a ledger")


def check_sender(
    opened: Opened, facts: StoreFacts, state: State, requests: Mapping[str, Oid]
) -> None:
    """Whether the manifest is signed by its sender's key, as the ledger knows it at ``state``.

    Who asks to join has no key on the roster yet: the request itself names it. Raises
    VerificationError ``bundle.unknown-key``.
    """
    sender, roster = opened.manifest.sender, state.settings.roster
    if any(one.blob == opened.key.blob for one in roster.keys_of(sender)):
        return
    request = requests.get(REQUESTS + sender)
    if request is not None and not roster.keys_of(sender):
        try:
            asked = read_request(facts, state.ledger, sender, request, roster)
        except GitsyncError:
            asked = None
        if asked is not None and asked.key.blob == opened.key.blob:
            return
    raise VerificationError(
        "bundle.unknown-key",
        f"the bundle says that it is from {sender}, and is signed by {opened.key.fingerprint},"
        f" which the roster of {state.space}@{state.number} does not give to {sender}",
        hint="if the key was changed, have the bundle written again with the new one",
    )  # fmt: skip
