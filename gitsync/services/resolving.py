"""``resolve``: what a merge of plain git left open, and settling it field by field.

The work tree's file is the truth: what its owner has edited meanwhile stays. The index is told when
no conflict is left in a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.codec import frontmatter
from gitsync.codec.frontmatter_parts import read_head
from gitsync.codec.records import printable
from gitsync.domain.errors import FormatError, GitsyncError, RefusedError, UsageError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.content import check_markers, shell_word
from gitsync.domain.merge.front import said
from gitsync.domain.merge.markers import Piece, read_conflicts
from gitsync.domain.merge.trees import diff_trees
from gitsync.domain.merge.values import FieldConflict
from gitsync.domain.merge.version1 import split_front_matter
from gitsync.domain.objects import Oid
from gitsync.services.artifacts import MAX_ARTIFACT_BYTES
from gitsync.storage.durable import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.merge.heads import HeadField
    from gitsync.domain.merge.lines import Conflict
    from gitsync.services.workspace import Workspace

OURS, THEIRS = "ours", "theirs"
_OTHER_SIDES = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD", "REVERT_HEAD")
_UNDER_WAY = (
    ("rebase-merge", "git rebase --continue"),
    ("rebase-apply", "git rebase --continue"),
    ("CHERRY_PICK_HEAD", "git cherry-pick --continue"),
    ("REVERT_HEAD", "git revert --continue"),
    ("MERGE_HEAD", "git commit"),
)
_FENCES = (b"---", b"...")
_STASH = "your stash"


@frozen
class Conflicted:
    """A file with open conflicts: whose the two sides are, the fields with both values, the lines
    at which other conflicts begin; ``removed`` names the side that no longer has the file."""

    path: str
    id: str | None
    ours: str
    theirs: str
    fields: tuple[FieldConflict, ...] = ()
    lines: tuple[int, ...] = ()
    removed: str | None = None


@frozen
class ResolveOptions:
    """``take`` is ``ours``, ``theirs`` or, with ``field``, the field's new value. Without ``field``
    and ``body``, it is for all that conflicts in the file."""

    target: str
    take: str
    field: str | None = None
    body: bool = False


@frozen
class Resolved:
    """What was settled in one file; ``staged`` when nothing is left open in it."""

    path: str
    settled: tuple[str, ...]
    staged: bool


@dataclass(slots=True)
class _Open:
    """One file of the index with its versions by stage (1 base, 2 ours, 3 theirs)."""

    path: str
    stages: dict[int, Oid]
    file: Path

    def pieces(self) -> list[Piece]:
        """The file as it lies in the work tree, cut at its conflicts."""
        try:
            if self.file.stat().st_size > MAX_ARTIFACT_BYTES:
                return []
            return read_conflicts(self.file.read_bytes())
        except OSError:
            return []


def conflicts(ws: Workspace) -> tuple[Conflicted, ...]:
    """Every file that git's index has in conflict, ordered by path. Empty outside of a merge."""
    found = _unmerged(ws)
    if not found:
        return ()
    other = _other_side(ws)
    return tuple(_describe(ws, one, other) for one in found)


def check_settled(ws: Workspace, before: Oid, after: Oid) -> None:
    """Refuse what brings an unsettled conflict from one tree into another.

    Raises RefusedError ``merge.markers``.
    """
    try:
        check_markers(ws.facts, diff_trees(ws.facts, before, after))
    except RefusedError as error:
        if _unmerged(ws):
            raise
        # Staged, git can make the conflict anew; committed, the markers are all that is left of it.
        path = shell_word(error.where.file or "") if error.where else "FILE"
        again = f"git checkout --merge -- {path}\ngitsync resolve {path}\n"
        hint = "settle it in the file; markers that are meant as text are indented by a space"
        raise RefusedError(
            error.code, error.message, where=error.where,
            hint=again + "or " + hint if finishing(ws) else hint,
        ) from None  # fmt: skip


def finishing(ws: Workspace) -> str | None:
    """The command that goes on with what git was doing when it met a conflict; None if it was
    doing nothing that has to be gone on with."""
    git_dir = ws.repo.git_dir
    for name, command in _UNDER_WAY:
        if (git_dir / name).exists():
            return command
    return None


def named_conflict(ws: Workspace, target: str) -> tuple[Conflicted, ...]:
    """The one of :func:`conflicts` that a path, an id or the beginning of one names.

    Raises UsageError ``resolve.target``.
    """
    return (_describe(ws, _pick(ws, target), _other_side(ws)),)


def _unmerged(ws: Workspace) -> list[_Open]:
    root = ws.work_tree().root
    out = ws.repo.git("ls-files", "-u", "-z").out.decode("utf-8", "surrogateescape")
    found: dict[str, _Open] = {}
    for line in filter(None, out.split("\0")):
        meta, _, path = line.partition("\t")
        _, oid, stage = meta.split()
        one = found.setdefault(path, _Open(path, {}, root / path))
        one.stages[int(stage)] = Oid(oid)
    return [found[path] for path in sorted(found)]


def _other_side(ws: Workspace) -> str | None:
    return next((one for one in _OTHER_SIDES if (ws.repo.git_dir / one).exists()), None)


def _describe(ws: Workspace, one: _Open, other: str | None) -> Conflicted:
    heads = {stage: _head(ws, oid) for stage, oid in one.stages.items()}
    removed = next(
        (side for stage, side in ((2, OURS), (3, THEIRS)) if stage not in one.stages), None
    )
    fields: list[FieldConflict] = []
    lines: list[int] = []
    for conflict, names in _named(one.pieces()):
        if names is None:
            lines.append(conflict.base_start)
            continue
        mine, theirs = _parts(conflict.ours_lines), _parts(conflict.theirs_lines)
        for name in names:
            base = heads.get(1, {}).get(name)
            values = (said(base), said((mine or {}).get(name)), said((theirs or {}).get(name)))
            fields.append(FieldConflict(name, *values))
    return Conflicted(
        one.path, _id(ws, heads), _who(ws, "HEAD", other, one.path),
        _who(ws, other, "HEAD", one.path), tuple(fields), tuple(lines), removed,
    )  # fmt: skip


def _head(ws: Workspace, blob: Oid) -> dict[str, HeadField]:
    """The fields of a version; none where they cannot be read."""
    parts = split_front_matter(ws.facts.blob(blob))
    try:
        return {one.name: one for one in read_head(parts[0]).fields} if parts else {}
    except GitsyncError:
        return {}


def _id(ws: Workspace, heads: dict[int, dict[str, HeadField]]) -> str | None:
    try:
        name = ws.settings().schema.id_field
    except GitsyncError:
        name = "id"  # nothing is verified here yet
    return next((said(fields[name]) for fields in heads.values() if name in fields), None)


def _who(ws: Workspace, side: str | None, other: str | None, path: str) -> str:
    """Whose the newest change of a file on one side of the merge is."""
    if side is None:
        # Git applies a stash without a word of that: its own side is what was put aside.
        return _STASH if ws.repo.refs.get("refs/stash") is not None else "?"
    span = [side, f"^{other}"] if other else [side]
    for args in ([*span, "--", f":(literal){path}"], [side]):
        found = ws.repo.git("log", "-1", "--no-merges", "--format=%an", *args, check=False)
        name = printable(found.out.decode("utf-8", "replace").strip())
        if name:
            return name
    return "?"


def _named(pieces: list[Piece]) -> list[tuple[Conflict, tuple[str, ...] | None]]:
    """The conflicts of a file, those inside the front matter with the fields in them."""
    found: list[tuple[Conflict, tuple[str, ...] | None]] = []
    before = b""
    for raw, conflict in pieces:
        if conflict is None:
            before += raw
            continue
        mine, theirs = _parts(conflict.ours_lines), _parts(conflict.theirs_lines)
        names = None
        if _in_head(before) and mine is not None and theirs is not None:
            names = tuple(dict.fromkeys([*mine, *theirs])) or None
        found.append((conflict, names))
        before += b"".join(conflict.ours_lines)
    return found


def _in_head(before: bytes) -> bool:
    """Whether text that ends here has opened front matter and not closed it."""
    lines = before.removeprefix(b"\xef\xbb\xbf").splitlines()
    return lines[:1] == [b"---"] and not any(line.rstrip() in _FENCES for line in lines[1:])


def _parts(lines: tuple[bytes, ...]) -> dict[str, HeadField] | None:
    """Lines of front matter by field; None where they are no whole fields."""
    try:
        fields = read_head(b"---\n" + b"".join(lines) + b"---\n").fields
    except FormatError:
        return None
    return {one.name: one for one in fields}


def resolve(ws: Workspace, options: ResolveOptions) -> Resolved:
    """Settle a field, the body, or all that conflicts in one file; stage it when nothing is left.

    Raises UsageError ``resolve.target`` or ``resolve.take``, RefusedError ``resolve.nothing``,
    ``resolve.together`` where git's markers enclose more than the field, ``resolve.unreadable``
    where the result would not parse.
    """
    if options.field is None and options.take not in (OURS, THEIRS):
        raise UsageError(
            "resolve.take", f"--take {options.take!r}: without --field it is ours or theirs",
            hint="give a field its value: --field NAME --take VALUE",
        )  # fmt: skip
    one = _pick(ws, options.target)
    pieces = one.pieces()
    if not any(piece.conflict for piece in pieces):
        if options.field is None and not options.body:
            return _whole(ws, one, options.take)
        raise _nothing(one, options)
    data, settled, left = _settle(pieces, one, options)
    if not settled:
        raise _nothing(one, options)
    if not left:
        _check(one, data)
    write_atomic(one.file, data, mode=one.file.stat().st_mode & 0o777)
    if not left:
        ws.repo.git("add", "--sparse", "--", f":(literal){one.path}")
    return Resolved(one.path, settled, staged=not left)


def _pick(ws: Workspace, target: str) -> _Open:
    """The one file in conflict that a path, an id or the beginning of an id names."""
    found = _unmerged(ws)
    root = ws.work_tree().root.resolve()
    here = (ws.host.cwd / target).resolve()
    for one in found:
        if one.path == target or root / one.path == here:
            return one
    ids = [(one, _id(ws, {n: _head(ws, oid) for n, oid in one.stages.items()})) for one in found]
    fits = [one for one, ident in ids if ident and ident.startswith(target)]
    exact = [one for one, ident in ids if ident == target]
    if len(exact or fits) == 1:
        return (exact or fits)[0]
    known = ", ".join(ident or one.path for one, ident in ids)
    raise UsageError(
        "resolve.target",
        f"{target!r} names no file in conflict" if not fits else f"{target!r} names several files",
        hint=f"in conflict: {known}" if known else "nothing is in conflict here: git status",
    )


def _settle(
    pieces: list[Piece], one: _Open, options: ResolveOptions
) -> tuple[bytes, tuple[str, ...], bool]:
    """The file with the chosen conflicts settled, what they were, and whether any is left."""
    names = dict(_named(pieces))
    data = b""
    settled: list[str] = []
    left = False
    for raw, conflict in pieces:
        fields = names[conflict] if conflict is not None else None
        if conflict is None or not _wanted(fields, options):
            data += raw
            left = left or conflict is not None
            continue
        if options.field is not None and fields != (options.field,):
            raise RefusedError(
                "resolve.together",
                f"{one.path}:{conflict.base_start}: git's markers enclose"
                f" {', '.join(fields or ())} together",
                hint="let the file be merged by its fields, then again:\n"
                f"git checkout --merge -- {shell_word(one.path)}",
            )
        data += _taken(conflict, options)
        settled += fields or (f"line {conflict.base_start}",)
    return data, tuple(settled), left


def _wanted(fields: tuple[str, ...] | None, options: ResolveOptions) -> bool:
    if options.field is not None:
        return fields is not None and options.field in fields
    return fields is None or not options.body


def _taken(conflict: Conflict, options: ResolveOptions) -> bytes:
    if options.take == OURS:
        return b"".join(conflict.ours_lines)
    if options.take == THEIRS:
        return b"".join(conflict.theirs_lines)
    lines = conflict.ours_lines or conflict.theirs_lines
    raw = b"---\n" + b"".join(lines) + b"---\n"
    document = frontmatter.parse(raw)
    name = options.field or ""
    if document is None or name not in document:
        raise UsageError("resolve.take", f"the field {name!r} cannot be given a value here")
    value: str | tuple[str, ...] = options.take
    if isinstance(document.value(name), list):
        value = tuple(part.strip() for part in options.take.split(",") if part.strip())
    return document.with_field(name, value)[4:-4]


def _check(one: _Open, data: bytes) -> None:
    """Refuse front matter that would not parse: it could not be proposed either."""
    try:
        document = frontmatter.parse(data, one.path)
        if document is not None:
            document.check()
    except FormatError as error:
        raise RefusedError(
            "resolve.unreadable", f"settled so, the front matter cannot be read: {error}",
            hint=f"edit {one.path}, then: git add {shell_word(one.path)}", where=Where(one.path),
        ) from error  # fmt: skip


def _whole(ws: Workspace, one: _Open, take: str) -> Resolved:
    """A file without markers (removed on one side, binary): all of it as one side has it."""
    if (2 if take == OURS else 3) in one.stages:
        ws.repo.git("checkout", f"--{take}", "--", f":(literal){one.path}")
        ws.repo.git("add", "--sparse", "--", f":(literal){one.path}")
    else:
        ws.repo.git("rm", "-q", "-f", "--sparse", "--", f":(literal){one.path}")
    return Resolved(one.path, (f"the file as {take} has it",), staged=True)


def _nothing(one: _Open, options: ResolveOptions) -> RefusedError:
    what = f"the field {options.field!r}" if options.field else "the body"
    if not options.field and not options.body:
        what = "nothing"
    return RefusedError(
        "resolve.nothing", f"{what} of {one.path} is not in conflict",
        hint="see what is: gitsync resolve\n"
        f"when you have settled it by hand: git add {shell_word(one.path)}",
    )  # fmt: skip
