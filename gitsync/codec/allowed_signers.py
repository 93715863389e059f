"""The roster's file: OpenSSH's allowed_signers (ssh-keygen(1), ALLOWED SIGNERS), its plain core.

Each line is ``NAME[,NAME] namespaces="git" KIND BASE64 [COMMENT]``. Stock ``ssh-keygen -Y verify``
and git read the same file. Whatever would make them and us read a line differently, or make its
meaning depend on a clock, is refused.
"""

from __future__ import annotations

from typing import NoReturn

from gitsync.codec.sshkeys import KINDS, ODD_CHARACTERS, encode_public, parse_fields
from gitsync.domain.errors import FormatError, UsageError, Where
from gitsync.domain.lateregex import late_regex
from gitsync.domain.roster import PublicKey, Roster, RosterEntry

ROSTER_FILE = ".gitsync/allowed_signers"
MAX_ROSTER_BYTES = 1024 * 1024
OPTION = 'namespaces="git"'

# OpenSSH reads C strings and splits at blanks and CR: nothing may be in the file that it sees
# otherwise than we do, nor anything that a reviewer's terminal would not show.
_ODD = late_regex(f"[{ODD_CHARACTERS}]")
_BLANKS = late_regex("[ \t]+")
_SHAPE = f"write it as: NAME[,NAME] {OPTION} ssh-ed25519 AAAA... COMMENT"


def parse(data: bytes, file: str = ROSTER_FILE) -> Roster:
    """Read a roster. Errors name ``file`` and the line.

    Raises FormatError: ``roster.too-large``, ``roster.text`` (not clean UTF-8), ``roster.line``
    (not the fields above), ``roster.options``, ``roster.name``, ``roster.key``, and those of
    ``Roster``.
    """
    text = _decode(data, file)
    return Roster(
        _parse_line(line, Where(file, number))
        for number, line in enumerate(text.split("\n"), 1)
        if _is_entry(line)
    )


def encode(roster: Roster) -> bytes:
    """The file of a roster: one line an entry, in order."""
    return b"".join(_line(entry.names, entry.key) for entry in roster.entries)


def add_line(data: bytes, names: tuple[str, ...], key: PublicKey, file: str = ROSTER_FILE) -> bytes:
    """``data`` with one line more at its end; every other byte stays.

    ``data`` may be empty, for a new roster. Raises what ``parse`` raises when the result is no
    roster, for example because the key is listed already.
    """
    # Names first: one with a line break inside would write lines of its own.
    Roster([RosterEntry(names, key)])
    gap = b"\n" if data and not data.endswith(b"\n") else b""
    result = data + gap + _line(names, key)
    parse(result, file)
    return result


def remove_name(data: bytes, name: str, file: str = ROSTER_FILE) -> bytes:
    """``data`` without ``name``: it leaves each line that lists it, and a line left without names
    goes. Every other byte stays. ``alice.desk`` stays when ``alice`` goes.

    Raises UsageError ``roster.unknown-name``; FormatError ``roster.empty`` when nobody would be
    left; and what ``parse`` raises.
    """
    if not parse(data, file).keys_of(name):
        raise UsageError("roster.unknown-name", f"nobody on the roster is called {name!r}")
    kept = [_without(line, name) for line in data.decode("utf-8").split("\n")]
    result = "\n".join(line for line in kept if line is not None).encode()
    parse(result, file)
    return result


def _without(line: str, name: str) -> str | None:
    if not _is_entry(line):
        return line
    body = line.lstrip(" \t")
    names = _BLANKS.split(body, maxsplit=1)[0]
    rest = body[len(names) :]
    left = [other for other in names.split(",") if other != name]
    return line[: len(line) - len(body)] + ",".join(left) + rest if left else None


def _is_entry(line: str) -> bool:
    body = line.lstrip(" \t")
    return bool(body) and not body.startswith("#")


def _line(names: tuple[str, ...], key: PublicKey) -> bytes:
    return f"{','.join(names)} {OPTION} ".encode() + encode_public(key) + b"\n"


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_ROSTER_BYTES:
        raise FormatError(
            "roster.too-large",
            f"the roster has more than {MAX_ROSTER_BYTES} bytes",
            where=Where(file),
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError("roster.text", "not UTF-8", where=Where(file, line)) from None
    odd = _ODD.search(text)
    if odd:
        raise FormatError(
            "roster.text",
            f"the character U+{ord(odd.group()):04X} does not belong in a roster",
            where=Where(file, text.count("\n", 0, odd.start()) + 1),
        )
    return text


def _parse_line(line: str, where: Where) -> RosterEntry:
    fields = _BLANKS.split(line.strip(" \t"), maxsplit=4)
    if len(fields) < 4 or fields[1] != OPTION:
        _refuse_shape(fields, where)
    names = tuple(fields[0].split(","))
    return RosterEntry(names, _key(fields[2:], where), where)


def _key(fields: list[str], where: Where) -> PublicKey:
    try:
        return parse_fields(*fields)
    except FormatError as error:
        raise FormatError("roster.key", error.message, hint=error.hint, where=where) from None


def _refuse_shape(fields: list[str], where: Where) -> NoReturn:
    """Say which of the ways to write a line that OpenSSH knows is not allowed here, and why."""
    options = fields[1].casefold() if len(fields) > 1 else ""
    if "cert-authority" in options:
        why = "certificate authorities are not accepted: each key is listed itself"
    elif "valid-after" in options or "valid-before" in options:
        why = "dates are not accepted: a key counts by position, while the roster lists it"
    elif options in KINDS or options.startswith("namespaces="):
        why = f"the option is not exactly {OPTION}"
    elif len(fields) > 3:
        why = f"only the option {OPTION} is accepted"
    else:
        raise FormatError("roster.line", "the line is incomplete", hint=_SHAPE, where=where)
    raise FormatError("roster.options", why, hint=_SHAPE, where=where)
