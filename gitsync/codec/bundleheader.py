"""The header of a git bundle (gitformat-bundle, version 2): signature, prerequisites, refs.

Read strictly: ids in full, names that are printable ASCII, every ref once. Version 3 is read far
enough to name the capability that it asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitsync.codec.manifest import MAX_NEEDS, MAX_REF_BYTES, MAX_REFS
from gitsync.domain.errors import FormatError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex
from gitsync.domain.objects import Oid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIGNATURE: Final = b"# v2 git bundle\n"
_SIGNATURE_3: Final = b"# v3 git bundle\n"
#: No line of a header is longer: an id, a space, a name.
MAX_LINE_BYTES: Final = 44 + MAX_REF_BYTES
#: Git names these for itself; everything of a ledger is below refs/.
_NEED = late_regex(rb"-([0-9a-f]{40})(?: [^\n]*)?")
_REF = late_regex(rb"([0-9a-f]{40}) (HEAD|refs/[\x21-\x7e]+)")


@frozen
class Header:
    """A bundle's header: commits that the reader must have, and refs by name in their order."""

    needs: tuple[Oid, ...]
    refs: Mapping[str, Oid]


def encode(needs: Sequence[Oid], refs: Mapping[str, Oid]) -> bytes:
    """The header with the empty line that ends it."""
    lines = [SIGNATURE]
    lines += [b"-%s\n" % oid.encode() for oid in needs]
    lines += [b"%s %s\n" % (oid.encode(), ref.encode()) for ref, oid in refs.items()]
    return b"".join([*lines, b"\n"])


def parse(data: bytes) -> Header:
    """Read a header, given up to and with its empty line.

    Raises FormatError ``bundle.not-one``, ``bundle.capability``, ``bundle.header``.
    """
    check_signature(data)
    if not data.endswith(b"\n\n"):
        raise _bad("it is cut")
    needs: list[Oid] = []
    refs: dict[str, Oid] = {}
    for line in data[len(SIGNATURE) : -2].split(b"\n"):
        need = _NEED.fullmatch(line)
        if need is not None and not refs:
            needs.append(Oid(need[1].decode()))
            continue
        ref = _REF.fullmatch(line)
        if ref is None or len(line) > MAX_LINE_BYTES:
            raise _bad("it has a line that is neither a commit to have nor a ref")
        name = ref[2].decode()
        if name in refs:
            raise _bad("it lists a ref twice")
        refs[name] = Oid(ref[1].decode())
    if len(needs) > MAX_NEEDS or len(refs) > MAX_REFS + 3:
        raise FormatError("bundle.too-many-refs", f"a bundle has at most {MAX_REFS} refs")
    return Header(tuple(needs), refs)


def check_signature(data: bytes) -> None:
    """Whether bytes begin like a bundle that can be read here. Raises as :func:`parse` does."""
    if data.startswith(SIGNATURE):
        return
    if data.startswith(_SIGNATURE_3):
        line = data[len(_SIGNATURE_3) :].partition(b"\n")[0][:60]
        said = line.decode("ascii", "replace") if line.startswith(b"@") else "version 3"
        raise FormatError(
            "bundle.capability", f"the bundle asks for {said!r}, which gitsync does not know"
        )
    raise FormatError("bundle.not-one", "this is not a git bundle")


def _bad(why: str) -> FormatError:
    return FormatError("bundle.header", f"the bundle's header cannot be read: {why}")
