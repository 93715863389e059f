"""Commits, trees and tags: bytes to values and back (git's object formats, gitformat-signature).

A commit or tag is taken only if encoding the parsed value gives the same bytes again. That one
rule refuses what stock git lets pass: a second ``gpgsig``, a signature for another hash beside it,
headers out of order, text after the signature.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from gitsync.domain.errors import FormatError
from gitsync.domain.lateregex import late_regex
from gitsync.domain.objects import MODE_TREE, Commit, Entry, Oid, Signature, Tag, Tree

MAX_COMMIT_BYTES: Final = 1 << 20
MAX_PARENTS: Final = 64

BEGIN: Final = b"-----BEGIN SSH SIGNATURE-----"
END: Final = b"-----END SSH SIGNATURE-----"

MAX_IDENTITY_BYTES: Final = 2048

_OID = late_regex(rb"[0-9a-f]{40}")
_NEXT_HEADER = late_regex(rb"\n(?! )")
_PERSON = late_regex(rb"([^<>\0\n]*) <([^<>\0\n]*)> (0|[1-9][0-9]{0,11}) ([+-][0-9]{4})")
_ENTRY = late_regex(rb"([0-7]{5,6}) ([^\0/]+)\0(.{20})", re.DOTALL)
# A commit with nothing but the fixed headers, each written in the one way there is: of what fits,
# encoding the groups again gives the same bytes. The signature's lines are joined by blanks.
_PLAIN_COMMIT = late_regex(
    rb"tree ([0-9a-f]{40})\n"
    rb"((?:parent [0-9a-f]{40}\n){0,64})"
    rb"author ([^\n]*)\ncommitter ([^\n]*)\n"
    rb"(?:gpgsig ([^\n]*(?:\n [^\n]*)*)\n)?\n"
)
_PARENT_BYTES = len(b"parent ") + 40 + 1
# Headers that git itself writes besides the fixed ones: a mergetag when a signed tag was merged.
_EXTRA = (b"encoding", b"mergetag")


def object_id(kind: str, data: bytes) -> Oid:
    """Git's SHA-1 name of an object of ``kind`` (blob, tree, commit, tag)."""
    # The name of an object in git, not a protection of our own: SHA-1 is the format.
    digest = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)), usedforsecurity=False)
    digest.update(data)
    return Oid(digest.hexdigest())


def _oid(text: bytes, what: str) -> Oid:
    if not _OID.fullmatch(text):
        raise FormatError(f"{what}.malformed", f"a {what} names something that is not an object id")
    return Oid(text.decode())


def parse_signature_line(text: bytes, what: str = "commit") -> Signature:
    """``name <email> seconds offset`` as a value. Raises FormatError ``<what>.malformed``."""
    # Bounded, because a snapshot repeats the author of its proposal and must stay readable itself.
    match = _PERSON.fullmatch(text) if len(text) <= MAX_IDENTITY_BYTES else None
    if match is None:
        raise FormatError(f"{what}.malformed", f"a {what} has an unreadable author or date")
    name, email, seconds, offset = match.groups()
    return Signature(name, email, int(seconds), offset)


def format_signature_line(who: Signature) -> bytes:
    """The inverse of :func:`parse_signature_line`."""
    return b"%s <%s> %d %s" % (who.name, who.email, who.seconds, who.offset)


def _headers(data: bytes, what: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    head, blank, message = data.partition(b"\n\n")
    if not blank:
        if not data.endswith(b"\n"):
            raise FormatError(f"{what}.malformed", f"a {what} has no end of headers")
        head, message = data[:-1], b""
    if head[:1] == b" ":
        raise FormatError(f"{what}.malformed", f"a {what} begins with a continuation line")
    headers: list[tuple[bytes, bytes]] = []
    # Continued lines are joined in one go: one by one, a header of a million lines takes minutes.
    for line in _NEXT_HEADER.split(head):
        key, space, value = line.partition(b" ")
        if not space or b"\n" in key:
            raise FormatError(f"{what}.malformed", f"a {what} has a header without a value")
        headers.append((key, value.replace(b"\n ", b"\n")))
    return headers, message


def parse_commit(data: bytes) -> Commit:
    """Decode a commit object's content.

    Raises FormatError ``commit.malformed`` for anything that would not encode to the same bytes.
    """
    if len(data) > MAX_COMMIT_BYTES:
        raise FormatError("commit.too-large", f"a commit is larger than {MAX_COMMIT_BYTES} bytes")
    found = _PLAIN_COMMIT.match(data)
    if found is not None:
        return _plain_commit(found, data)
    headers, message = _headers(data, "commit")
    single: dict[bytes, bytes] = {}
    parents: list[Oid] = []
    extra: list[tuple[bytes, bytes]] = []
    for key, value in headers:
        if key == b"parent":
            parents.append(_oid(value, "commit"))
        elif key in _EXTRA:
            extra.append((key, value))
        elif key in (b"tree", b"author", b"committer", b"gpgsig") and key not in single:
            single[key] = value
        else:
            name = key.decode("ascii", "replace")
            raise FormatError("commit.malformed", f"a commit has a header too many: {name!r}")
    if len(parents) > MAX_PARENTS:
        raise FormatError("commit.malformed", f"a commit has more than {MAX_PARENTS} parents")
    for needed in (b"tree", b"author", b"committer"):
        if needed not in single:
            raise FormatError("commit.malformed", f"a commit lacks its {needed.decode()}")
    commit = Commit(
        tree=_oid(single[b"tree"], "commit"),
        parents=tuple(parents),
        author=parse_signature_line(single[b"author"]),
        committer=parse_signature_line(single[b"committer"]),
        message=message,
        signature=single.get(b"gpgsig"),
        extra=tuple(extra),
    )
    if data != encode_commit(commit):
        raise FormatError("commit.malformed", "a commit is not in the form that git writes")
    return commit


def _plain_commit(found: re.Match[bytes], data: bytes) -> Commit:
    tree, parents, author, committer, signature = found.groups()
    ids = parents.decode()
    return Commit(
        tree=Oid(tree.decode()),
        parents=tuple(
            Oid(ids[at - 41 : at - 1]) for at in range(_PARENT_BYTES, len(ids) + 1, _PARENT_BYTES)
        ),
        author=parse_signature_line(author),
        committer=parse_signature_line(committer),
        message=data[found.end() :],
        signature=None if signature is None else signature.replace(b"\n ", b"\n"),
    )


def commit_payload(commit: Commit) -> bytes:
    """The bytes that a commit's signature covers: the object without its ``gpgsig`` header."""
    return _encode_commit(commit, None)


def encode_commit(commit: Commit) -> bytes:
    """The inverse of :func:`parse_commit`."""
    return _encode_commit(commit, commit.signature)


def _encode_commit(commit: Commit, signature: bytes | None) -> bytes:
    lines = [b"tree " + commit.tree.encode()]
    lines += [b"parent " + parent.encode() for parent in commit.parents]
    lines.append(b"author " + format_signature_line(commit.author))
    lines.append(b"committer " + format_signature_line(commit.committer))
    # Git puts encoding and mergetag before the signature.
    lines += [key + b" " + value.replace(b"\n", b"\n ") for key, value in commit.extra]
    if signature is not None:
        lines.append(b"gpgsig " + signature.replace(b"\n", b"\n "))
    return b"\n".join(lines) + b"\n\n" + commit.message


def parse_tree(data: bytes) -> Tree:
    """Decode a tree. Raises FormatError ``tree.malformed`` for gaps, repeats and wrong order."""
    found = _ENTRY.findall(data)
    # One object for each mode that occurs: listings are kept by the hundred.
    same: dict[bytes, bytes] = {}
    tree: dict[bytes, Entry] = {
        name: (same.setdefault(mode, mode), raw) for mode, name, raw in found
    }
    modes = [mode for mode, _, _ in found]
    # The pattern may skip bytes between matches; only equal lengths prove that it did not.
    taken = sum(map(len, tree)) + sum(map(len, modes)) + 22 * len(found)
    if len(tree) != len(found) or taken != len(data):
        raise FormatError("tree.malformed", "a folder's listing is torn or names something twice")
    keys = [name + b"/" if mode == MODE_TREE else name for mode, name, _ in found]
    if keys != sorted(keys):
        raise FormatError("tree.malformed", "a folder's listing is out of order")
    return tree


def encode_tree(tree: Tree) -> bytes:
    """Encode a tree, in git's order whatever the order of the mapping."""
    lines = [b"%s %s\0%s" % (mode, name, raw) for name, (mode, raw) in tree.items()]
    keys = [name + b"/" if entry[0] == MODE_TREE else name for name, entry in tree.items()]
    # Most trees are copies of a sorted one with an entry replaced: looking is cheaper than sorting.
    if keys != sorted(keys):
        lines = [line for _, line in sorted(zip(keys, lines, strict=True))]
    return b"".join(lines)


def parse_tag(data: bytes) -> Tag:
    """Decode an annotated tag. Raises FormatError ``tag.malformed``."""
    if len(data) > MAX_COMMIT_BYTES:
        raise FormatError("tag.too-large", f"a tag is larger than {MAX_COMMIT_BYTES} bytes")
    headers, message = _headers(data, "tag")
    if [key for key, _ in headers] != [b"object", b"type", b"tag", b"tagger"]:
        raise FormatError("tag.malformed", "a tag does not have the four headers that git writes")
    values = [value for _, value in headers]
    signature = None
    start = message.find(BEGIN + b"\n")
    if start >= 0 and (start == 0 or message[start - 1 : start] == b"\n"):
        signature = message[start:].removesuffix(b"\n")
        if not signature.endswith(END) or not message.endswith(END + b"\n"):
            raise FormatError("tag.malformed", "a tag has text after its signature")
        message = message[:start]
    tag = Tag(
        target=_oid(values[0], "tag"),
        target_kind=values[1].decode("ascii", "replace"),
        name=values[2],
        tagger=parse_signature_line(values[3], "tag"),
        message=message,
        signature=signature,
    )
    if encode_tag(tag) != data:
        raise FormatError("tag.malformed", "a tag is not in the form that git writes")
    return tag


def tag_payload(tag: Tag) -> bytes:
    """The bytes that a tag's signature covers."""
    head = b"object %s\ntype %s\ntag %s\ntagger %s\n\n" % (
        tag.target.encode(),
        tag.target_kind.encode(),
        tag.name,
        format_signature_line(tag.tagger),
    )
    return head + tag.message


def encode_tag(tag: Tag) -> bytes:
    """Encode a tag with its signature, if it has one, appended as git does."""
    payload = tag_payload(tag)
    return payload if tag.signature is None else payload + tag.signature + b"\n"
