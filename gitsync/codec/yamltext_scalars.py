"""YAML scalars: what a plain one resolves to, what needs quotes, and how quotes are undone.

Reading follows the core schema of YAML 1.2 (section 10.3.2). Writing is more careful than that:
a value gets quotes when readers of YAML 1.1, too, would take it for something other than text.
"""

from __future__ import annotations

import re

from gitsync.domain.errors import FormatError
from gitsync.domain.lateregex import late_regex

MAX_NUMBER_CHARS = 64

# YAML's printable set without the marks that older readers break lines at (NEL, LS, PS) and
# without the byte order mark: readers disagree about those.
FORBIDDEN = late_regex(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INT = late_regex(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = late_regex(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)

_OLD_BOOLS = frozenset(
    form for word in ("y", "n", "yes", "no", "on", "off", "true", "false")
    for form in (word, word.capitalize(), word.upper())
)  # fmt: skip
_OLD_NUMBER = late_regex(
    r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+"
    r"|[0-9][0-9_]*(?::[0-5]?[0-9])*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"
    r"|\.[0-9_]+(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
_DATE = late_regex(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
    r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?"
)

_NEVER_FIRST = frozenset("-?:,[]{}#&*!|>'\"%@` \t")
_BREAKS_PLAIN = late_regex(r": | #|[\t\n\r]|[: ]\Z")
_FLOW_MARKS = late_regex(r"[,\[\]{}]|:\Z")

_ESCAPE = late_regex(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f",
    "r": "\r", "e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0",
    "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_NEEDS_ESCAPE = late_regex(rf'[\\"\n\t\r]|{FORBIDDEN.pattern}')


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar. Raises FormatError ``yaml.number`` for an endless number."""
    if not text or text[0] in "nN~":
        return None if text in NULLS else text
    if text in _BOOLS:
        return _BOOLS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        _bound(text)
        if text[:2] in ("0o", "0x"):
            return int(text[2:], 8 if text[1] == "o" else 16)
        return int(text)
    if _FLOAT.fullmatch(text):
        _bound(text)
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _bound(text: str) -> None:
    if len(text) > MAX_NUMBER_CHARS:
        raise FormatError(
            "yaml.number", f"a number of {len(text)} characters; at most {MAX_NUMBER_CHARS} fit"
        )


def kind(text: str) -> str:
    """What a plain scalar may be taken for: text, null, bool, number, date or special."""
    if text in NULLS:
        return "null"
    if text in _OLD_BOOLS:
        return "bool"
    if text in {"=", "<<"}:
        return "special"
    if text[0] in "+-.0123456789":
        if _OLD_NUMBER.fullmatch(text):
            return "number"
        if _DATE.fullmatch(text):
            return "date"
    return "text"


def plain_fits(text: str, *, flow: bool = False) -> bool:
    """Whether ``text`` can stand without quotes as one line, whatever it would resolve to."""
    if not text or text[0] in _NEVER_FIRST or text.startswith("..."):
        return False
    if _BREAKS_PLAIN.search(text) or FORBIDDEN.search(text):
        return False
    return not (flow and _FLOW_MARKS.search(text))


def quote(value: str, *, old: str | None = None, flow: bool = False) -> str:
    """``value`` as one-line YAML that reads back as that text.

    ``old`` is the token that it replaces: its quotes are kept where they can hold the value, and
    a plain number, date or truth value may be followed by another of its kind without quotes.
    ``flow``: the token stands inside ``[...]``.
    """
    style = old[:1] if old else ""
    if style == "'" and not FORBIDDEN.search(value) and not re.search(r"[\n\r]", value):
        return "'" + value.replace("'", "''") + "'"
    if style not in {"'", '"'} and plain_fits(value, flow=flow):
        found = kind(value)
        if found == "text" or (found not in {"null", "special"} and old and kind(old) == found):
            return value
    return '"' + _NEEDS_ESCAPE.sub(_escape, value) + '"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unquote(token: str) -> str:
    """The text in a quoted scalar that stands on one line.

    Raises FormatError ``yaml.escape`` for an escape that YAML does not know.
    """
    inner = token[1:-1]
    if token[0] == "'":
        return inner.replace("''", "'")
    return _ESCAPE.sub(_unescape, inner) if "\\" in inner else inner


def _unescape(match: re.Match[str]) -> str:
    name = match[1]
    if len(name) == 1:
        char = _ESCAPES.get(name)
    else:
        code = int(name[1:], 16)
        char = chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else None
    if char is None:
        raise FormatError("yaml.escape", "an escape in double quotes that YAML does not know")
    return char
