"""Which paths may enter a ledger: what every file system of every reader can hold apart.

Stock git's own checks (receive.fsckObjects) pass backslashes, device names, case twins and
control characters; a ledger is read on Windows and macOS too, and printed on terminals.
"""

from __future__ import annotations

import unicodedata

from gitsync.domain.lateregex import late_regex
from gitsync.domain.objects import MODE_FILE, MODE_TREE, Tree

_MARKDOWN = (".md", ".markdown")

MAX_SEGMENT_BYTES = 200
MAX_PATH_BYTES = 1024
MAX_DEPTH = 24

_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
    | {f"com{i}" for i in "0123456789¹²³"}
    | {f"lpt{i}" for i in "0123456789¹²³"}
)
# Control and formatting characters, line separators, private use. A fixed table and not
# unicodedata: whether a path may enter must not depend on the reader's version of Python.
_UNSEEN = late_regex(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\uf8ff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\U000f0000-\U0010ffff]"
)
_FORBIDDEN = frozenset('<>:"|?*\\/')
# Characters that HFS+ ignores when it compares names: ".g\u200cit" opens ".git" there.
_HFS_IGNORED = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)


def segment_problem(name: bytes) -> str | None:
    """Why one path segment may not enter, in words; None when it may."""
    if name.isalnum() and name.isascii() and len(name) <= MAX_SEGMENT_BYTES:
        return "is a device name on Windows" if name.decode().lower() in _DEVICES else None
    if not name or name in (b".", b".."):
        return "is not a name"
    if len(name) > MAX_SEGMENT_BYTES:
        return f"is longer than {MAX_SEGMENT_BYTES} bytes"
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return "is not UTF-8"
    if _UNSEEN.search(text):
        return "holds a control or formatting character"
    if _FORBIDDEN.intersection(text):
        return "holds a character that some file systems refuse"
    if text[-1] in ". " or text[0] == " ":
        return "begins or ends with a dot or a space that some file systems drop"
    if text.partition(".")[0].rstrip().lower() in _DEVICES:
        return "is a device name on Windows"
    return _git_look_alike(text)


def _git_look_alike(text: str) -> str | None:
    folded = unicodedata.normalize("NFKC", text).translate(_HFS_IGNORED).casefold()
    if folded == ".git" or folded.startswith((".git ", ".git.", ".git:")):
        return "is git's own folder"
    if folded.startswith("git~") and folded[4:].isdigit():
        return "is the short name of git's own folder"
    if folded in (".gitmodules", ".gitattributes") or folded.startswith(("gitmod~", "gitatt~")):
        return "would configure git in every reader's clone"
    return None


def mode_problem(mode: bytes) -> str | None:
    """Why an entry's mode may not enter; None for a plain file or a folder."""
    if mode in (MODE_FILE, MODE_TREE):
        return None
    kinds = {
        b"120000": "is a symbolic link",
        b"160000": "is a submodule",
        b"100755": "is executable",
    }
    return kinds.get(mode, f"has the odd mode {mode.decode('ascii', 'replace')}")


def fold(name: bytes) -> str:
    """The form under which case-folding, normalising file systems take two names for one."""
    text = name.decode("utf-8", "replace")
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def collision(tree: Tree, added: bytes) -> bytes | None:
    """Another name in ``tree`` that some file system takes for ``added``; None if there is none."""
    wanted = fold(added)
    for name in tree:
        # The length test spares folding a whole folder: ASCII names can only meet at equal length.
        comparable = len(name) == len(added) or not (name.isascii() and added.isascii())
        if comparable and name != added and fold(name) == wanted:
            return name
    return None


def is_markdown(path: str) -> bool:
    """Whether a file is Markdown: its name says so."""
    return path.lower().endswith(_MARKDOWN)
