"""Recording what a command and every git that it starts do to a folder, by strace.

The trace holds every system call that changes a file or a name, with its data. It is followed with
a table of open files a process, so that each write is known by file and place, and comes out as
the log that :mod:`tests.faults.crash` cuts.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.crash import Disk, Node, Op, Recording

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ACK = b"gitsync-acknowledged"
_CALLS = (
    "open,openat,creat,close,write,pwrite64,writev,pwritev,ftruncate,truncate,fsync,fdatasync,"
    "sync,syncfs,rename,renameat,renameat2,link,linkat,unlink,unlinkat,symlink,symlinkat,mkdir,"
    "mkdirat,rmdir,dup,dup2,dup3,fcntl,chdir,fchdir,clone,fork,vfork,clone3,lseek,read,"
    "copy_file_range,sendfile,chmod,fchmod,fchmodat,fallocate"
)
_LINE = re.compile(r"^(\d+) +(.*)$")
_DONE = re.compile(r"^(\w+)\((.*)\) += (-?\d+|\?)(.*)$")
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
_UNFINISHED = " <unfinished ...>"
_FORKS = frozenset({"clone", "fork", "vfork", "clone3"})


def missing() -> str | None:
    """What this machine lacks for recording, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-f", "-o", os.devnull, "true"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else "strace may not trace processes here"


def record(command: Sequence[str], root: Path, trace: Path) -> Recording:
    """Run a command that changes things below ``root``. Raises CalledProcessError."""
    before = Disk.load(root)
    strace = ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000000", "-e", "signal=none"]
    subprocess.run(
        [*strace, "-e", f"trace={_CALLS}", "-o", str(trace), *command],
        check=True, capture_output=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    follower = _Follower(root, before)
    with trace.open(encoding="ascii") as lines:
        for line in lines:
            follower.line(line.rstrip("\n"))
    return Recording(follower.before, follower.log)


@dataclass
class _Open:
    """An open file description."""

    node: int
    at: int = 0
    append: bool = False


@dataclass
class _Process:
    cwd: str
    files: dict[int, _Open] = field(default_factory=dict)


class _Follower:
    """Turns system calls into the log, keeping the disk as it is while the power is on."""

    def __init__(self, root: Path, before: Disk) -> None:
        self.root = str(root)
        self.before = before
        self.now = before.copy()
        self.log: list[Op] = []
        self._processes: dict[str, _Process] = {}
        self._begun: dict[str, str] = {}
        self._forking: list[str] = []

    # -- lines ----------------------------------------------------------------------------------

    def line(self, line: str) -> None:
        match = _LINE.match(line)
        if match is None:
            return
        pid, rest = match.groups()
        process = self._process(pid)
        if rest.endswith(_UNFINISHED):
            self._begun[pid] = rest.removesuffix(_UNFINISHED)
            if rest.partition("(")[0] in _FORKS:
                self._forking.append(pid)
            return
        resumed = _RESUMED.match(rest)
        if resumed is not None:
            rest = self._begun.pop(pid, resumed[1] + "(") + resumed[2]
            if pid in self._forking:
                self._forking.remove(pid)
        done = _DONE.match(rest)
        if done is None or done[3] == "?":
            return
        call, text, result = done[1], done[2], int(done[3])
        if result < 0:
            return
        if call in _FORKS:
            self._fork(pid, str(result), text)
            return
        handler: Callable[[_Process, list[str], int], None] | None = getattr(
            self, f"_on_{call}", None
        )
        if handler is not None:
            handler(process, _arguments(text), result)

    def _process(self, pid: str) -> _Process:
        found = self._processes.get(pid)
        if found is None:
            parent = self._processes.get(self._forking[-1]) if self._forking else None
            found = _Process(parent.cwd, dict(parent.files)) if parent else _Process("/")
            self._processes[pid] = found
        return found

    def _fork(self, parent: str, child: str, text: str) -> None:
        above = self._processes[parent]
        if "CLONE_FILES" in text:
            self._processes[child] = above
        elif child not in self._processes:
            self._processes[child] = _Process(above.cwd, dict(above.files))

    # -- places ---------------------------------------------------------------------------------

    def _path(self, process: _Process, where: str, text: str) -> str:
        path = _string(text).decode("utf-8", "surrogateescape")
        base = process.cwd
        if where:
            inside = re.search(r"<([^<>]*)>", where)
            if inside is not None:
                base = _hexadecimal(inside[1]).decode()
        return os.path.normpath(os.path.join(base, path))  # noqa: PTH118 - a text, no file here

    def _find(self, path: str) -> tuple[int, str, int | None] | None:
        """(folder, name, node) of a path below the root; None elsewhere."""
        if not path.startswith(self.root + "/"):
            return None
        folder, parts = 0, path[len(self.root) + 1 :].split("/")
        for part in parts[:-1]:
            inner = (self.now.nodes[folder].names or {}).get(part)
            if inner is None:
                return None
            folder = inner
        return folder, parts[-1], (self.now.nodes[folder].names or {}).get(parts[-1])

    def _node(self, path: str) -> int | None:
        if path == self.root:
            return 0
        found = self._find(path)
        return found[2] if found is not None else None

    def _file(self, process: _Process, text: str) -> _Open | None:
        """The open file behind a descriptor, unless the number is a pipe's or the like by now."""
        path = _hexadecimal(text.partition("<")[2].partition(">")[0])
        inside = path.startswith(self.root.encode())
        return process.files.get(_number(text)) if inside else None

    def _new(self, mode: int, *, folder: bool = False) -> int:
        number = len(self.now.nodes)
        for disk in (self.now, self.before):
            disk.nodes[number] = Node(mode, names={} if folder else None)
        return number

    def _do(self, op: Op) -> None:
        self.log.append(op)
        if op.kind in ("write", "cut"):
            self.now.write(op)
        elif op.kind in ("name", "drop", "move"):
            self.now.rename(op)

    # -- calls ----------------------------------------------------------------------------------

    def _on_openat(self, process: _Process, args: list[str], result: int) -> None:
        self._open(process, self._path(process, args[0], args[1]), args[2], args[3:], result)

    def _on_open(self, process: _Process, args: list[str], result: int) -> None:
        self._open(process, self._path(process, "", args[0]), args[1], args[2:], result)

    def _open(self, process: _Process, path: str, flags: str, mode: list[str], result: int) -> None:
        process.files.pop(result, None)
        node = self._node(path)
        if node is None and "O_CREAT" in flags:
            found = self._find(path)
            if found is None:
                return
            node = self._new(int(mode[0], 8) & ~0o022 if mode else 0o644)
            self._do(Op("name", node, folder=found[0], name=found[1]))
        if node is None:
            return
        if "O_TRUNC" in flags and self.now.nodes[node].data:
            self._do(Op("cut", node))
        process.files[result] = _Open(node, append="O_APPEND" in flags)

    def _on_close(self, process: _Process, args: list[str], _: int) -> None:
        process.files.pop(_number(args[0]), None)

    def _on_dup(self, process: _Process, args: list[str], result: int) -> None:
        found = process.files.get(_number(args[0]))
        process.files.pop(result, None)
        if found is not None:
            process.files[result] = found

    _on_dup2 = _on_dup3 = _on_dup

    def _on_fcntl(self, process: _Process, args: list[str], result: int) -> None:
        if args[1].startswith("F_DUPFD"):
            self._on_dup(process, args, result)

    def _on_read(self, process: _Process, args: list[str], result: int) -> None:
        found = self._file(process, args[0])
        if found is not None:
            found.at += result

    def _on_lseek(self, process: _Process, args: list[str], result: int) -> None:
        found = self._file(process, args[0])
        if found is not None:
            found.at = result

    def _on_write(self, process: _Process, args: list[str], result: int) -> None:
        data = _string(args[1])[:result]
        found = self._file(process, args[0])
        if found is None:
            if data.startswith(ACK):
                self.log.append(Op("ack", data=data))
            return
        if found.append:
            found.at = len(self.now.nodes[found.node].data)
        self._do(Op("write", found.node, found.at, data))
        found.at += result

    def _on_writev(self, process: _Process, args: list[str], result: int) -> None:
        whole = b"".join(_string(part) for part in re.findall(r'iov_base="([^"]*)"', args[1]))
        text = "".join(f"\\x{byte:02x}" for byte in whole)
        self._on_write(process, [args[0], f'"{text}"'], result)

    def _on_pwrite64(self, process: _Process, args: list[str], result: int) -> None:
        found = self._file(process, args[0])
        if found is not None:
            self._do(Op("write", found.node, int(args[3]), _string(args[1])[:result]))

    def _on_ftruncate(self, process: _Process, args: list[str], _: int) -> None:
        found = self._file(process, args[0])
        if found is not None:
            self._do(Op("cut", found.node, int(args[1])))

    def _on_fallocate(self, process: _Process, args: list[str], _: int) -> None:
        found = self._file(process, args[0])
        size = int(args[2]) + int(args[3])
        if found is not None and size > len(self.now.nodes[found.node].data):
            self._do(Op("cut", found.node, size))

    def _on_fsync(self, process: _Process, args: list[str], _: int) -> None:
        found = self._file(process, args[0])
        if found is not None:
            self.log.append(Op("sync", found.node))

    _on_fdatasync = _on_fsync

    def _on_sync(self, _process: _Process, _args: list[str], _: int) -> None:
        self.log.append(Op("sync", None))

    _on_syncfs = _on_sync

    def _on_rename(self, process: _Process, args: list[str], _: int) -> None:
        self._move(self._path(process, "", args[0]), self._path(process, "", args[1]))

    def _on_renameat(self, process: _Process, args: list[str], _: int) -> None:
        self._move(self._path(process, args[0], args[1]), self._path(process, args[2], args[3]))

    _on_renameat2 = _on_renameat

    def _move(self, source: str, target: str) -> None:
        old, new = self._find(source), self._find(target)
        if old is not None and new is not None and old[2] is not None and old[2] != new[2]:
            self._do(Op("move", old[2], folder=old[0], name=old[1], folder2=new[0], name2=new[1]))

    def _on_link(self, process: _Process, args: list[str], _: int) -> None:
        self._link(self._path(process, "", args[0]), self._path(process, "", args[1]))

    def _on_linkat(self, process: _Process, args: list[str], _: int) -> None:
        self._link(self._path(process, args[0], args[1]), self._path(process, args[2], args[3]))

    def _link(self, source: str, target: str) -> None:
        node, new = self._node(source), self._find(target)
        if node is not None and new is not None:
            self._do(Op("name", node, folder=new[0], name=new[1]))

    def _on_unlink(self, process: _Process, args: list[str], _: int) -> None:
        self._drop(self._path(process, "", args[0]))

    _on_rmdir = _on_unlink

    def _on_unlinkat(self, process: _Process, args: list[str], _: int) -> None:
        self._drop(self._path(process, args[0], args[1]))

    def _drop(self, path: str) -> None:
        found = self._find(path)
        if found is not None and found[2] is not None:
            self._do(Op("drop", found[2], folder=found[0], name=found[1]))

    def _on_mkdir(self, process: _Process, args: list[str], _: int) -> None:
        self._folder(self._path(process, "", args[0]))

    def _on_mkdirat(self, process: _Process, args: list[str], _: int) -> None:
        self._folder(self._path(process, args[0], args[1]))

    def _folder(self, path: str) -> None:
        found = self._find(path)
        if found is not None:
            node = self._new(0o755, folder=True)
            self._do(Op("name", node, folder=found[0], name=found[1]))

    def _on_chdir(self, process: _Process, args: list[str], _: int) -> None:
        process.cwd = self._path(process, "", args[0])

    def _on_fchdir(self, process: _Process, args: list[str], _: int) -> None:
        process.cwd = self._path(process, args[0], '""')


def _arguments(text: str) -> list[str]:
    """The arguments of a call; strings are hexadecimal, so a comma always parts two of them."""
    depth, start, found = 0, 0, []
    for place, char in enumerate(text):
        if char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        elif char == "," and depth == 0:
            found.append(text[start:place].strip())
            start = place + 1
    return [*found, text[start:].strip()]


def _number(text: str) -> int:
    return int(text.partition("<")[0])


def _string(text: str) -> bytes:
    return _hexadecimal(text.removeprefix('"').partition('"')[0])


def _hexadecimal(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else b""
