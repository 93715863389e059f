"""Refs: torn files, a cut ``packed-refs``, refs that are gone or point to what is lost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitsync.domain.names import MIRROR, space_branch
from gitsync.services.doctoring.finding import Finding, Kind, Remedy
from gitsync.services.doctoring.store import has_files, is_complete, missing_objects
from gitsync.storage.durable import remove_file
from gitsync.storage.positions import PositionStore, state_home
from gitsync.storage.refetch import present
from gitsync.storage.refhealth import (
    all_refs,
    logged_refs,
    read_packed,
    remembered,
    torn_refs,
    write_packed,
)
from gitsync.storage.refs import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.services.doctoring.examination import Examination

AREA = "refs"


def packed(exam: Examination) -> Iterator[Finding]:
    """``packed-refs`` is whole: one line that is not makes git refuse the whole repository."""
    found = read_packed(exam.place.common_dir)
    if found.fault is not None:
        count = len(found.refs)
        yield Finding(
            AREA, "packed-refs.torn", Kind.TORN,
            f"packed-refs: {found.fault}; {count} ref{'s' if count != 1 else ''} in it can be read",
            "packed-refs", "gitsync doctor --fix",
            Remedy("keep the lines that are whole, and restore the other refs",
                   partial(_repack, exam)), blocks=True,
        )  # fmt: skip


def _repack(exam: Examination) -> str:
    common = exam.place.common_dir
    lines = read_packed(common).lines
    kept = exam.put_away(common / "packed-refs")
    write_packed(common, lines)
    return f"wrote {len(lines)} refs anew; the torn file is {kept}"


def torn(exam: Examination) -> Iterator[Finding]:
    """Every loose ref holds a value."""
    for ref, path in torn_refs(exam.place.common_dir):
        guess = next(iter(_guesses(exam, ref)), None)
        yield Finding(
            AREA, "ref.torn", Kind.TORN, f"{ref} holds no value", ref,
            f"git update-ref {ref} {guess}" if guess else f"rm {path}",
            Remedy(f"put it back to {guess[:12]}" if guess else "move it away",
                   partial(_restore, exam, ref, path)), blocks=True,
        )  # fmt: skip


def gone(exam: Examination) -> Iterator[Finding]:
    """No ref has vanished: git deletes a reflog with its ref, a crash does not."""
    refs = all_refs(exam.place.common_dir)
    for ref in logged_refs(exam.place.common_dir):
        path = exam.place.common_dir / ref
        guess = next(iter(_guesses(exam, ref)), None)
        if ref not in refs and guess is not None and not path.is_file():
            yield Finding(
                AREA, "ref.gone", Kind.MISSING, f"{ref} is gone; its reflog is not", ref,
                f"git update-ref {ref} {guess}",
                Remedy(f"put it back to {guess[:12]}", partial(_restore, exam, ref, path)),
                blocks=True,
            )  # fmt: skip


def _restore(exam: Examination, ref: str, path: Path) -> str:
    """Put a ref back to its newest value that is whole, after asking the remotes for the newest."""
    guesses = _guesses(exam, ref)
    if guesses and not is_complete(exam.place, guesses[0]):
        # A run that was cut off may have moved a torn object away and not fetched it yet.
        exam.refetch(guesses[:1])
        if not is_complete(exam.place, guesses[0]) and exam.unread():
            return f"left as it is: {', '.join(exam.unread())} could not be read, and may have it"
    value = next((one for one in guesses if is_complete(exam.place, one)), None)
    if path.exists() and not path.read_bytes().strip(b"\0\n "):
        remove_file(path)  # an empty file holds nothing to keep
    elif path.exists():
        exam.put_away(path)
    return _write(exam, ref, value, None)


def hollow(exam: Examination) -> Iterator[Finding]:
    """No ref stands on an object that is lost. Looked at after everything was tried for it.

    It is about the newest commit of a ref and its files. A gap further back makes no ref move.
    """
    refs = all_refs(exam.place.common_dir)
    there = present(exam.place, set(refs.values()))
    torn_aside = exam.options.full or any(exam.place.damaged_dir.glob("*/*"))
    # Each ref's files are asked about only where something is known to be missing.
    deep = torn_aside and bool(missing_objects(exam.place))
    for ref, value in sorted(refs.items()):
        if value in there and not (deep and not has_files(exam.place, value)):
            continue
        others = (one for one in _guesses(exam, ref) if one != value)
        other = next((one for one in others if is_complete(exam.place, one)), None)
        what = f"{ref} needs objects that are lost ({value[:12]})"
        if other is not None and ref == exam.branch:
            what += "; the files in the folder will not be touched"
        remedy = None
        # Where nothing better is known, a branch stays: only what can be fetched again goes.
        if other is not None or (value not in there and ref.startswith((MIRROR, "refs/tags/"))):
            plan = f"put it back to {other[:12]}" if other else "delete it, for a fetch to bring it"
            remedy = Remedy(
                f"if no remote has them, {plan}", partial(_give_up, exam, ref, other, value)
            )
        yield Finding(
            AREA, "ref.hollow", Kind.TORN, what, ref,
            "gitsync doctor --fix --remote URL   (of a clone that may have them)", remedy,
            blocks=True,
        )  # fmt: skip


def _give_up(exam: Examination, ref: str, value: Oid | None, old: Oid) -> str:
    """Let go of a lost value, once every remote has been asked for it."""
    said = exam.refetch([old])
    unread = exam.unread()
    if unread:
        return f"left as it is: {', '.join(unread)} could not be read, and may have it"
    if present(exam.place, [old]) and has_files(exam.place, old):
        return said
    done = _write(exam, ref, value, old) + f"; it was {old}"
    # A reflog that names what is lost makes every fsck fail; a copy of it is kept.
    exam.keep_copy(exam.place.common_dir / "logs" / ref)
    exam.keep_copy(exam.place.git_dir / "logs" / "HEAD")
    expire = ("reflog", "expire", "--stale-fix", "--expire=never", "--expire-unreachable=never")
    exam.place.run(*expire, "HEAD", ref)
    return done


def _guesses(exam: Examination, ref: str) -> list[Oid]:
    """What a ref may have held, newest first: by its reflog, the packed file, what was fetched
    of the home. For ``common``, the verified position alone."""
    common = exam.place.common_dir
    refs = all_refs(common)
    home = exam.settings.get("gitsync.remote", "origin")
    guesses = remembered(common, ref)
    guesses += [refs[one] for one in (ref, f"{MIRROR}{home}/{ref[5:]}") if one in refs]
    space = exam.settings.get("gitsync.space", "common")
    if ref == space_branch(space):
        # An unverified snapshot never is common: only the stored position may say so.
        own = PositionStore(
            common / "gitsync", state_home(exam.host.env, exam.host.home), space
        ).peek()
        guesses = [own.commit] if own is not None else guesses
    return list(dict.fromkeys(guesses))


def _write(exam: Examination, ref: str, value: Oid | None, old: Oid | None) -> str:
    """Move a ref by stock git, synced, and read it back."""
    message = ["-m", "gitsync: doctor"]
    sync = ["-c", "core.fsync=all"]
    if value is None:
        if old is not None:
            exam.place.run(*sync, "update-ref", *message, "-d", ref, old)
        return "deleted" if old else "moved away; no whole value is known"
    done = exam.place.run(*sync, "update-ref", *message, ref, value, old or ZERO)
    back = all_refs(exam.place.common_dir).get(ref)
    if back != value:
        return f"git did not write it: {done.err.strip()[-160:]}"
    return f"it is {value[:12]} again, read back"
