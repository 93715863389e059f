"""A linear list of real edits, read from the public ethereum/EIPs repository or a bundle of it."""

from __future__ import annotations

import hashlib
import re
import subprocess
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.domain.objects import Oid, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FILES = re.compile(rb"EIPS/[^/]+\.md")
_FORMAT = "%x01%H%x02%an%x02%ae%x02%at%x02%ad%x02%ct%x02%s"

POLICY = b"""\
version: 1
space: common
home: .
merge: 1
roles:
  root: {people: [founder]}
  witness: {people: [witness]}
limits:
  file-bytes: 16 MiB
  proposal-bytes: 256 MiB
  proposal-files: 5000
"""

SCHEMA = b"""\
version: 1
id: eip
types:
  eip:
    prefix: eip
    folder: EIPS
    paths: ["EIPS/*.md"]
"""


@dataclass(frozen=True)
class Edit:
    """One commit of the source: who, when, and the blobs that it sets (None: removes) by path."""

    source: str
    author: Signature
    seconds: int
    subject: str
    files: Mapping[bytes, Oid | None]

    @property
    def who(self) -> tuple[bytes, bytes]:
        """What tells authors apart."""
        return (self.author.name, self.author.email.lower())


@dataclass(frozen=True)
class History:
    """The founding files, then edits in true order. ``idle`` commits between changed no file."""

    repo: Path
    founding: Mapping[bytes, Oid]
    seconds: int
    edits: list[Edit]
    idle: int = 0

    def final(self, env: Mapping[str, str]) -> dict[bytes, Oid]:
        """The files after the last edit as the source itself has them, by git's own listing."""
        last = self.edits[-1].source
        out = _git(self.repo, env, "ls-tree", "-r", "-z", last, "--", "EIPS")
        found = {}
        for line in out.rstrip(b"\0").split(b"\0"):
            info, _, path = line.partition(b"\t")
            mode, _, blob = info.decode().split(" ")
            if _FILES.fullmatch(path) and mode.startswith("100"):
                found[path] = Oid(blob)
        return found


def _git(repo: Path, env: Mapping[str, str], *args: str) -> bytes:
    return subprocess.run(
        ["git", *args], cwd=repo, env=dict(env), capture_output=True, check=True
    ).stdout


def read(source: str, folder: Path, env: Mapping[str, str], *, since: str | None,
         limit: int | None) -> History:  # fmt: skip
    """The history of ``EIPS/*.md`` in ``source``: a bundle, a folder or a URL.

    Follows first parents of ``main`` or ``master``. The founding files are those of the last
    commit before ``since`` (a date; None: of the first commit that has any).
    """
    repo = folder / "source.git"
    subprocess.run(["git", "clone", "-q", "--bare", source, str(repo)], env=dict(env), check=True)
    heads = _git(repo, env, "for-each-ref", "--format=%(refname)", "refs/heads").decode().split()
    branch = next((one for one in ("refs/heads/main", "refs/heads/master") if one in heads), None)
    if branch is None:
        raise SystemExit(f"{source} has no branch main or master")
    edits = list(_edits(repo, env, branch))
    start = 1
    if since is not None:
        cut = _git(repo, env, "rev-list", "--first-parent", "-1", f"--before={since}", branch)
        known = {edit.source for edit in edits}
        older = cut.decode().strip()
        while older and older not in known:
            older = _git(repo, env, "rev-parse", f"{older}^").decode().strip()
        start = next(n for n, edit in enumerate(edits, 1) if edit.source == older)
    files: dict[bytes, Oid] = {}
    for edit in edits[:start]:
        for path, blob in edit.files.items():
            if blob is None:
                files.pop(path, None)
            else:
                files[path] = blob
    rest = edits[start:] if limit is None else edits[start : start + limit]
    if not rest:
        raise SystemExit(f"{source} has no edits of EIPS/*.md after its first files")
    between = f"{edits[start - 1].source}..{rest[-1].source}"
    commits = int(_git(repo, env, "rev-list", "--first-parent", "--count", between))
    return History(repo, files, edits[start - 1].seconds, rest, commits - len(rest))


def _edits(repo: Path, env: Mapping[str, str], branch: str) -> Iterator[Edit]:
    out = _git(
        repo, env, "log", "--first-parent", "--reverse", "-m", "--raw", "-z", "--no-abbrev",
        "--no-renames", "--date=format:%z", f"--format={_FORMAT}", branch, "--", "EIPS",
    )  # fmt: skip
    last = 0
    for part in out.split(b"\x01")[1:]:
        head, _, rest = part.partition(b"\0")
        source, name, email, at, zone, ct, subject = head.rstrip(b"\n").split(b"\x02", 6)
        files = _files(rest)
        if not files:
            continue
        # In a source with clocks that went back, the order of the history is what counts.
        last = max(last, int(ct))
        author = Signature(_plain(name), _plain(email), int(at), zone)
        yield Edit(source.decode(), author, last, subject.decode("utf-8", "replace"), files)


def _files(raw: bytes) -> dict[bytes, Oid | None]:
    """The EIPs among the raw records of one commit: new blobs by path."""
    found: dict[bytes, Oid | None] = {}
    records = iter(raw.lstrip(b"\n").rstrip(b"\0").split(b"\0"))
    for record in records:
        if record.startswith(b":"):
            path = next(records)
            _, mode, _, blob, _ = record.split(b" ")
            if _FILES.fullmatch(path):
                found[path] = Oid(blob.decode()) if mode.startswith(b"100") else None
    return found


def _plain(text: bytes) -> bytes:
    return bytes(byte for byte in text if byte not in b"<>\n\0").strip() or b"unknown"


def names(edits: list[Edit]) -> dict[tuple[bytes, bytes], str]:
    """A name for the roster for every author, made of theirs, no two alike."""
    found: dict[tuple[bytes, bytes], str] = {}
    used = {"founder", "witness"}
    for edit in edits:
        if edit.who in found:
            continue
        text = unicodedata.normalize("NFKD", edit.author.name.decode("utf-8", "replace"))
        label = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:28].strip("-")
        if not label or label in used:
            tail = hashlib.sha256(b"\0".join(edit.who)).hexdigest()[:8]
            label = f"{label or 'author'}-{tail}"
        used.add(label)
        found[edit.who] = label
    return found
