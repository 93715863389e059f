"""Objects: torn ones, packs, and what the refs need and is not there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitsync.domain.lateregex import late_regex
from gitsync.domain.objects import Oid
from gitsync.services.doctoring.finding import Finding, Kind, Remedy
from gitsync.storage.durable import remove_file
from gitsync.storage.looseobjects import torn_objects, torn_packs
from gitsync.storage.refetch import present, rebuilt_from_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.services.doctoring.examination import Examination
    from gitsync.storage.looseobjects import Torn
    from gitsync.storage.place import Place

AREA = "objects"
# A crash tears what was written last. Reading this many small files takes about a second.
NEWEST = 7000

_MISSING = late_regex(r"missing (blob|tree|commit|tag) ([0-9a-f]{40})")
_POINTER = late_regex(r"invalid sha1 pointer ([0-9a-f]{40})")


def loose(exam: Examination) -> Iterator[Finding]:
    """Every loose object inflates and is what its name says."""
    for one in torn_objects(exam.place.objects_dir, None if exam.options.full else NEWEST):
        yield Finding(
            AREA, "object.torn", Kind.TORN, f"the object {str(one.oid)[:12]}: {one.why}",
            str(one.oid), "gitsync doctor --fix",
            Remedy("move it away and fetch it again", partial(_replace, exam, one)), blocks=True,
        )  # fmt: skip


def _replace(exam: Examination, one: Torn) -> str:
    said = [f"moved to {exam.put_away(one.path)}"]
    if one.oid is not None and not present(exam.place, [one.oid]):
        again = rebuilt_from_files(exam.place, [one.oid])
        said.append("written again from the file it is of" if again else exam.refetch([one.oid]))
    return "; ".join(part for part in said if part)


def packs(exam: Examination) -> Iterator[Finding]:
    """Every pack is whole and has its index."""
    for one in torn_packs(exam.place.objects_dir, full=exam.options.full):
        yield Finding(
            AREA, "pack.torn", Kind.TORN, f"{exam.place.short(one.path)}: {one.why}",
            one.path.name, "gitsync doctor --fix",
            Remedy("make its index anew, or move it away", partial(_index, exam, one)), blocks=True,
        )  # fmt: skip


def _index(exam: Examination, one: Torn) -> str:
    """A whole pack gets a new index; any other goes away, and what it held is fetched later."""
    pack, index = one.path.with_suffix(".pack"), one.path.with_suffix(".idx")
    said = []
    if index.exists():
        said.append(f"moved to {exam.put_away(index)}")
    if pack.exists():
        made = exam.place.run(
            "-c", "core.fsync=all", "index-pack", "--strict", "-o", str(index), str(pack)
        )
        if made.code == 0:
            return "; ".join([*said, "its index was made anew from the pack"])
        remove_file(index)
        said.append(f"moved to {exam.put_away(pack)}")
    return "; ".join(said)


def complete(exam: Examination) -> Iterator[Finding]:
    """Nothing that refs, reflogs and git's index reach is missing.

    Asked with ``--full``, and for as long as something torn lies aside: a run that was cut off
    after it moved a file away goes on here.
    """
    if not exam.options.full and not any(exam.place.damaged_dir.glob("*/*")):
        return
    lost = missing_objects(exam.place)
    if not lost:
        return
    names = ", ".join(f"{kind} {oid[:12]}" for oid, kind in list(lost.items())[:5])
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    yield Finding(
        AREA, "object.lost", Kind.MISSING, f"not in this repository: {names}{more}",
        " ".join(sorted(lost)), "gitsync doctor --fix\n"
        "or name a clone that may have it: gitsync doctor --fix --remote URL",
        Remedy("fetch it, or write it again from the files", partial(_bring, exam, list(lost))),
    )  # fmt: skip


def _bring(exam: Examination, lost: list[Oid]) -> str:
    said = []
    again = rebuilt_from_files(exam.place, lost)
    if again:
        said.append(f"{len(again)} written again from the files")
    left = [one for one in lost if one not in again]
    if left:
        said.append(exam.refetch(left) or "there is no remote to fetch from")
    return "; ".join(said)


def missing_objects(place: Place) -> dict[Oid, str]:
    """Id -> kind of every object that is reached and not there, by ``git fsck``."""
    done = place.run("fsck", "--connectivity-only", "--no-dangling", "--no-progress")
    said = done.out.decode("utf-8", "replace") + done.err
    found = {Oid(oid): kind for kind, oid in _MISSING.findall(said)}
    return {Oid(oid): "commit" for oid in _POINTER.findall(said)} | found


def is_complete(place: Place, oid: Oid) -> bool:
    """Whether an object and everything that it reaches are there, by stock git."""
    return place.run("rev-list", "--quiet", "--objects", oid, "--").code == 0


def has_files(place: Place, oid: Oid) -> bool:
    """Whether a commit's own tree and files are there, whatever lies before it."""
    return place.run("rev-list", "--quiet", "--objects", "--no-walk", oid, "--").code == 0
