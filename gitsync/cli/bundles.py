"""Words and JSON about bundles, shared by the commands that carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitsync.cli.output import Piece, Styled
from gitsync.cli.text import day, plural
from gitsync.domain.carrying import ANYBODY, Fate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.cli.app import App
    from gitsync.domain.carrying import Manifest, Verdict
    from gitsync.services.carrying.creating import Created
    from gitsync.services.carrying.looking import Proof, Seen
    from gitsync.services.carrying.sticks import Synced
    from gitsync.services.carrying.taking import Haul, Taken

_SHOWN = 8
_LARGE = 100_000  # bytes; what is smaller is written before anybody wonders


def size(count: int) -> str:
    """Bytes for people: ``934 bytes``, ``8 kB``, ``1.3 MB``."""
    if count < 1000:
        return plural(count, "byte")
    for unit, bytes_ in (("GB", 10**9), ("MB", 10**6)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count / 1000:.0f} kB"


def whom(manifest: Manifest) -> str:
    """The recipient in words."""
    return "anybody" if manifest.recipient == ANYBODY else manifest.recipient


def title(manifest: Manifest) -> str:
    """What names a bundle: ``bundle 4 from alice to james``."""
    return f"bundle {manifest.sequence} from {manifest.sender} to {whom(manifest)}"


# -- create ---------------------------------------------------------------------------------


def created_lines(app: App, found: Created, seconds: float) -> None:
    """What was written, or that there was nothing to write."""
    out, manifest = app.out, found.manifest
    if found.written is None:
        out.line(f"nothing new for {whom(manifest)}: no bundle was written")
        return
    for path in found.written.files:
        out.line(str(path))
    builds = _builds(manifest)
    rows: list[tuple[str, Piece]] = [
        ("  bundle", f"{manifest.sequence}, to {whom(manifest)}, {builds}"),
        ("  holds", f"{manifest.space}@{manifest.number}, {plural(len(manifest.changes), 'ref')}"),
        ("  size", f"{size(found.written.size)}{_time(seconds)}"),
    ]
    if found.encrypted:
        rows.append(
            ("  encrypted", f"to {whom(manifest)}; its size and for whom is all that shows")
        )
    out.fields(rows)


def _builds(manifest: Manifest) -> str:
    if manifest.complete:
        return "complete"
    return f"builds on bundle {manifest.basis}" if manifest.basis else "builds on what was there"


def _time(seconds: float) -> str:
    return f", in {seconds:.0f} seconds" if seconds >= 2 else ""


def created_fields(found: Created) -> dict[str, Any]:
    """A written bundle as JSON."""
    written = found.written
    return {
        "written": written is not None,
        "path": str(written.path) if written is not None else None,
        "files": [str(one) for one in written.files] if written is not None else [],
        "bytes": written.size if written is not None else 0,
        "encrypted": found.encrypted,
        "manifest": found.ident,
        **manifest_fields(found.manifest),
    }


def manifest_fields(manifest: Manifest) -> dict[str, Any]:
    """What a manifest says, as JSON."""
    return {
        "ledger": manifest.ledger,
        "from": manifest.sender,
        "to": None if manifest.recipient == ANYBODY else manifest.recipient,
        "sequence": manifest.sequence,
        "after": manifest.basis or None,
        "position": f"{manifest.space}@{manifest.number}",
        "refs": [
            {"ref": one.ref, "new": one.new, "old": one.old} for one in manifest.changes
        ],
    }  # fmt: skip


# -- inspect and verify ---------------------------------------------------------------------


def seen_lines(app: App, found: list[Seen]) -> None:
    """Bundles one after the other."""
    for at, one in enumerate(found):
        if at:
            app.out.line()
        _seen(app, one)


def _seen(app: App, seen: Seen) -> None:
    out, manifest = app.out, seen.manifest
    out.line(seen.path.name)
    if manifest is None:
        out.fields([("  problem", f"{seen.problem} ({seen.code})")])
        return
    builds = _builds(manifest)
    rows: list[tuple[str, Piece]] = [
        ("  from", f"{manifest.sender}, bundle {manifest.sequence}, {day(manifest.at)}"),
        ("  to", f"{whom(manifest)}{', which is you' if seen.for_me else ''}"),
        ("  holds", f"{manifest.space}@{manifest.number}, {builds}, {size(seen.size)}"),
        ("  signed by", seen.fingerprint),
        ("  ledger", manifest.ledger),
    ]
    if seen.encrypted:
        rows.append(("  encrypted", "yes, to your key"))
    shown = manifest.changes[:_SHOWN]
    rows += [("  ref" if not at else "", _short(one.ref)) for at, one in enumerate(shown)]
    if len(manifest.changes) > _SHOWN:
        rows.append(("", f"and {plural(len(manifest.changes) - _SHOWN, 'more', 'more')}"))
    if seen.missing:
        rows.append(("  missing", f"{plural(len(seen.missing), 'commit')} that it builds on"))
    if seen.problem:
        rows.append(("  problem", f"{seen.problem} ({seen.code})"))
    out.fields(rows)


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


def seen_fields(seen: Seen) -> dict[str, Any]:
    """An inspected bundle as JSON."""
    says = None if seen.manifest is None else manifest_fields(seen.manifest)
    return {
        "path": str(seen.path), "bytes": seen.size, "encrypted": seen.encrypted,
        "fingerprint": seen.fingerprint or None, "manifest": seen.ident, "says": says,
        "for-me": seen.for_me, "missing": None if seen.missing is None else list(seen.missing),
        "problem": {"code": seen.code, "why": seen.problem} if seen.problem else None,
    }  # fmt: skip


def proof_lines(app: App, proof: Proof) -> None:
    """That a bundle is good."""
    manifest = proof.manifest
    app.out.line(f"{proof.path.name}: good, {title(manifest)}")
    app.out.fields(
        [
            ("  ledger", manifest.ledger),
            ("  holds", f"{manifest.space}@{manifest.number}, {plural(proof.objects, 'object')}"),
        ]
    )
    for ref, why in proof.left_out:
        app.out.wrapped(f"{_short(ref)}: {why}", "    ", "  would be left out: ")


def proof_fields(proof: Proof) -> dict[str, Any]:
    """A verified bundle as JSON."""
    return {
        "path": str(proof.path), "objects": proof.objects,
        "left-out": [{"ref": ref, "why": why} for ref, why in proof.left_out],
        "says": manifest_fields(proof.manifest),
    }  # fmt: skip


# -- import ---------------------------------------------------------------------------------


def haul_lines(app: App, haul: Haul, *, brief: bool = False) -> None:
    """What was taken, kept and refused; ``brief`` leaves out what brought nothing."""
    for one in haul.taken:
        if not brief or one.outcome != "nothing-new" or one.acknowledged is not None:
            taken_lines(app, one)
    for path, error in haul.refused:
        app.out.line(Styled("refused", "red"), f"  {path.name}")
        app.out.wrapped(f"{error} ({error.code})", "    ")


def left_lines(app: App, synced: Synced) -> None:
    """What was left on a stick, and taken from it."""
    out = app.out
    for one in synced.written:
        assert one.written is not None  # noqa: S101 - only what was written is listed
        large = f", {size(one.written.size)}" if one.written.size >= _LARGE else ""
        out.line(f"wrote {one.written.path.name}{large}")
    for kept in synced.sealed:
        out.wrapped(f"kept for {', '.join(kept.recipients)}, unread: {kept.name}", "  ", "")
    for path in synced.passed_on:
        out.line(f"passed on {path.name}")
    for path in synced.cleared:
        out.line(f"cleared {path.name}")
    for repo in synced.repositories:
        if repo.problem:
            out.line(Styled("left alone", "yellow"), f"  {repo.path.name}")
            out.wrapped(f"{repo.problem} ({repo.code})", "    ")
        else:
            counts = f"{plural(len(repo.taken), 'ref')} in, {plural(len(repo.sent), 'ref')} out"
            out.line(f"repository {repo.path.name}: {counts}")


def synced_fields(synced: Synced) -> dict[str, Any]:
    """What a stick brought and got, as JSON."""
    return {
        **haul_fields(synced.haul),
        "written": [created_fields(one) for one in synced.written],
        "passed-on": [str(one) for one in synced.passed_on],
        "cleared": [str(one) for one in synced.cleared],
        "kept-sealed": [
            {"path": str(one.path), "to": list(one.recipients)} for one in synced.sealed
        ],
        "repositories": [
            {
                "path": str(one.path), "taken": list(one.taken), "sent": list(one.sent),
                "problem": {"code": one.code, "why": one.problem} if one.problem else None,
            }
            for one in synced.repositories
        ],
    }  # fmt: skip


def taken_lines(app: App, taken: Taken) -> None:
    """One bundle."""
    out, manifest = app.out, taken.manifest
    dry = "would be " if taken.dry_run else ""
    if taken.outcome == "nothing-new":
        out.line(f"nothing new in {title(manifest)}")
    elif taken.outcome == "relayed":
        out.line(f"{dry}kept for {whom(manifest)}: {title(manifest)}")
    elif taken.outcome == "held":
        out.line(Styled(f"{dry}kept for later", "yellow"), f": {title(manifest)}")
        _missing(app, taken)
    else:
        space = manifest.space
        moved = f", {space}@{taken.before} -> {space}@{taken.after}"
        out.line(f"{dry}imported {title(manifest)}{moved if taken.after != taken.before else ''}")
    new, gone = taken.of(Fate.NEW), taken.of(Fate.GONE)
    _refs(app, "new", new)
    _refs(app, "gone", gone)
    for one in taken.of(Fate.REFUSED):
        out.wrapped(f"{_short(one.change.ref)}: {one.why} ({one.code})", "    ", "  left out: ")
    if taken.acknowledged is not None:
        out.line(f"  {manifest.sender} has your bundle {taken.acknowledged}")


def _missing(app: App, taken: Taken) -> None:
    sender = taken.manifest.sender
    if taken.awaited is not None:
        app.out.wrapped(f"bundle {taken.awaited} of {sender} has not come yet", "    ", "  ")
    else:
        app.out.wrapped(
            "what it builds on is not here any more; ask for a complete one:"
            f" gitsync bundle create DEST --for {taken.manifest.recipient} --full", "    ", "  ",
        )  # fmt: skip


def _refs(app: App, label: str, found: Iterable[Verdict]) -> None:
    names = [_short(one.change.ref) for one in found]
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        app.out.wrapped(", ".join(names[:_SHOWN]) + more, "    ", f"  {label}: ")


def haul_fields(haul: Haul) -> dict[str, Any]:
    """All that became of several bundles, as JSON."""
    return {
        "bundles": [taken_fields(one) for one in haul.taken],
        "refused": [
            {"path": str(path), "code": error.code, "why": str(error)}
            for path, error in haul.refused
        ],
    }  # fmt: skip


def taken_fields(taken: Taken) -> dict[str, Any]:
    """One bundle as JSON."""
    space = taken.manifest.space
    return {
        "path": str(taken.path), "outcome": taken.outcome, "manifest": taken.ident,
        "from": taken.manifest.sender, "to": manifest_fields(taken.manifest)["to"],
        "sequence": taken.manifest.sequence,
        "before": f"{space}@{taken.before}" if taken.before else None,
        "after": f"{space}@{taken.after}" if taken.after else None,
        "refs": [
            {"ref": one.change.ref, "fate": one.fate.value, "code": one.code or None,
             "why": one.why or None}
            for one in taken.verdicts
        ],
        "awaited": taken.awaited, "acknowledged": taken.acknowledged, "dry-run": taken.dry_run,
    }  # fmt: skip
