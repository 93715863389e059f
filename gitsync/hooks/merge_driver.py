"""git's merge driver: what the witness would make of the same three versions of a file.

``gitsync merge-driver %O %A %B %P %L %S %X %Y``: base, ours and theirs as files, the path, the size
of markers and the labels (git before 2.44 passes the last three as they stand here). The result is
written over ``%A``. Exit 0: merged; 1: a conflict, in git's markers. Whatever goes wrong, the file
gets git's own text merge and counts as a conflict, so that somebody looks at it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import FormatError, GitsyncError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitsync.codec.mergerules import MergeRules
    from gitsync.domain.merge.heads import Head
    from gitsync.domain.merge.markers import Labels
    from gitsync.domain.merge.values import FileConflict

USAGE = """\
Usage: gitsync merge-driver BASE OURS THEIRS PATH [SIZE [LABEL LABEL LABEL]]

  Merge three versions of a file as the witness does and write the result over
  OURS. Git calls it; init and join register it as merge.gitsync.driver.

  Exit 0: merged. 1: a conflict, in the file between git's markers.

Example
  gitsync merge-driver %O %A %B %P %L %S %X %Y
"""
MAX_BYTES = 16 << 20


def main(args: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Merge as git asks for it; returns the exit code and raises nothing."""
    if not 4 <= len(args) <= 8 or args[0] in ("-h", "--help"):
        wanted = args[:1] in (["-h"], ["--help"])
        (sys.stdout if wanted else sys.stderr).write(USAGE)
        return 0 if wanted else 2
    env = os.environ if env is None else env
    try:
        code = _merge(args, env)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if env.get("GITSYNC_DEBUG") == "1":
            raise
        said = error.message if isinstance(error, GitsyncError) else type(error).__name__
        sys.stderr.write(f"gitsync: {args[3]}: {said}; git's own text merge is in the file\n")
        code = _text_merge(args, env)
    _note_end(env)
    return code


def _note_end(env: Mapping[str, str]) -> None:
    """Tell whoever has git merge, and asks for it, that this call came to its end."""
    from gitsync.storage.mergerules import ENDED, NOTES

    if env.get(NOTES):
        with Path(env[NOTES]).open("a", encoding="ascii") as notes:
            notes.write(f"{ENDED}\n")


def _merge(args: Sequence[str], env: Mapping[str, str]) -> int:
    from gitsync.domain.merge.files import VERSIONS
    from gitsync.domain.merge.values import MergeContext

    found = _rules(env)
    merge = VERSIONS.get(found.version)
    if merge is None:
        raise FormatError("merge.unknown-version", f"merge version {found.version} is not known")
    base, ours, theirs = (_read(Path(name)) for name in args[:3])
    context = MergeContext(args[3], found.rules, _head_problem, _read_head)
    merged = merge(base, ours, theirs, context)
    if isinstance(merged, bytes):
        if merged != ours:
            Path(args[1]).write_bytes(merged)
        return 0
    return _conflict(args, env, merged)


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise FormatError("merge.too-large", "the file is too large to merge by fields")
    return path.read_bytes()


def _rules(env: Mapping[str, str]) -> MergeRules:
    """What policy and schema say at the verified position: from the small file, or read anew."""
    from gitsync.storage.mergerules import read_rules, state_dir

    folder = state_dir(Path.cwd(), env)
    found = read_rules(folder) if folder is not None else None
    if found is not None:
        return found
    import time

    from gitsync.services.host import Host
    from gitsync.services.mergesetup import current_rules
    from gitsync.services.workspace import Workspace

    host = Host(
        cwd=Path.cwd(), env=env, home=Path(env.get("HOME", "/")), now=time.time,
        random=os.urandom, sleep=time.sleep, monotonic=time.monotonic,
    )  # fmt: skip
    return current_rules(Workspace.open(host))


def _read_head(raw: bytes) -> Head:
    from gitsync.codec.frontmatter_parts import read_head

    return read_head(raw)


def _head_problem(raw: bytes) -> str | None:
    from gitsync.codec import frontmatter

    try:
        document = frontmatter.parse(raw)
        if document is not None:
            document.check()
    except GitsyncError as error:
        return str(error)
    return None


def _conflict(args: Sequence[str], env: Mapping[str, str], conflict: FileConflict) -> int:
    """Write the conflict where it is one of text; a binary file stays ours, as with git."""
    if not conflict.chunks:
        if any(b"\0" in Path(name).read_bytes() for name in args[:3]):
            return 1
        return _text_merge(args, env)
    from gitsync.domain.merge.markers import SIZE, render_conflicts

    size = int(args[4]) if len(args) > 4 and args[4].isdigit() else SIZE
    with_base = _style(env) in ("diff3", "zdiff3")
    data = render_conflicts(conflict.chunks, _labels(args), size=size, base=with_base)
    Path(args[1]).write_bytes(data)
    return 1


def _labels(args: Sequence[str]) -> Labels:
    from gitsync.domain.merge.markers import Labels

    given = [*args[5:8], "", "", ""]
    base, ours, theirs = ("" if one.startswith("%") else one for one in given[:3])
    return Labels(ours or "ours", base or "base", theirs or "theirs")


def _git(args: Sequence[str], env: Mapping[str, str]) -> tuple[int, bytes]:
    from gitsync.storage import gitcli

    # "git -c merge.conflictStyle=diff3 merge" reaches a driver by these.
    given = {key: one for key, one in env.items() if key.startswith("GIT_CONFIG_")}
    done = gitcli.run(args, env=given, check=False)
    return done.code, done.out


def _style(env: Mapping[str, str]) -> str:
    return _git(["config", "--get", "merge.conflictStyle"], env)[1].decode().strip()


def _text_merge(args: Sequence[str], env: Mapping[str, str]) -> int:
    """git's own merge of the three files into ours; a conflict even where the text is clean."""
    try:
        labels = _labels(args)
        size = args[4] if len(args) > 4 and args[4].isdigit() else "7"
        names = ["-L", labels.ours, "-L", labels.base, "-L", labels.theirs]
        _git(["merge-file", "-q", f"--marker-size={size}", *names, args[1], args[0], args[2]], env)
    except (GitsyncError, OSError) as error:
        sys.stderr.write(f"gitsync: {args[3]} is not merged, it is as on your side: {error}\n")
    return 1
