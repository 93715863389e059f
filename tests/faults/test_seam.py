"""Whatever changes a disk or starts a program goes through ``storage/effects.py``: read the source.

A call that is found here belongs into that module, or behind ``storage/durable.py`` or
``storage/gitcli.py``, which use it. Otherwise no test of faults knows that it exists.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import gitsync
from gitsync.storage import effects

SOURCE = Path(gitsync.__file__).parent
SEAM = SOURCE / "storage" / "effects.py"

_OS = frozenset(
    {
        "rename", "renames", "replace", "unlink", "remove", "removedirs", "rmdir", "link",
        "symlink", "mkdir", "makedirs", "fsync", "fdatasync", "sync", "truncate", "ftruncate",
        "write", "pwrite", "writev", "chmod", "utime", "system", "popen", "fork", "execv",
        "execve", "execvp", "posix_spawn", "posix_spawnp", "kill", "mkfifo", "copy_file_range",
        "sendfile",
    }
)  # fmt: skip
_METHODS = frozenset(
    {
        "write_text", "write_bytes", "unlink", "rename", "rmdir", "mkdir", "touch", "symlink_to",
        "hardlink_to", "chmod",
    }
)  # fmt: skip
_MODULES = frozenset({"subprocess", "shutil", "tempfile"})
# (file, call): why it is no effect.
ALLOWED = {
    ("storage/locking.py", "os.pwrite"): "the name of a lock's holder, a help for those who wait",
    ("storage/locking.py", "os.ftruncate"): "the same",
    ("storage/locking.py", "os.open(O_CREAT)"): "a lock file: it means nothing without its lock",
    ("storage/index.py", "sqlite3.connect"): "a cache; its transactions are effects",
    ("storage/indexhealth.py", "sqlite3.connect"): "opened to be read only",
    ("services/doctoring/disk.py", "shutil.which"): "only looks",
    ("services/exporting.py", "os.utime"): "dates of a draft that has no name yet",
    ("storage/batchfiles.py", "os.kill"): "signal 0: asks whether a process is there",
    ("storage/artifactdb.py", "sqlite3.connect"): "a cache",
    ("storage/artifacthints.py", "sqlite3.connect"): "opened to be read only",
    ("storage/asking.py", "os.posix_spawnp"): "a git that only reads; whoever starts one says so",
    ("storage/asking.py", "os.kill"): "the same git, which nobody waits for any more",
    ("storage/workscan.py", "os.makedirs"): "for a private copy of git's index, which is a cache",
    ("storage/workscan.py", "open(w)"): "the same",
    ("storage/workscan.py", "shutil.copyfileobj"): "the same",
    ("storage/workscan.py", "os.utime"): "the same",
    ("storage/workscan.py", "os.replace"): "the same",
    ("storage/workscan.py", "os.unlink"): "the same",
    ("storage/agefile.py", "open(w)"): "in the scratch folder that it is given",
    ("storage/exportdb.py", "sqlite3.connect"): "in the draft of an export",
    ("storage/exportdb.py", "open(w)"): "the same",
    ("hooks/merge_driver.py", ".write_bytes()"): "the file that git made for the result",
    ("hooks/merge_driver.py", "open(w)"): "in the scratch folder of whoever had git merge",
    ("storage/gitcli.py", "subprocess.PIPE"): "a constant",
    ("storage/gitcli.py", "subprocess.DEVNULL"): "a constant",
    ("storage/signing.py", "subprocess.PIPE"): "a constant",
    ("storage/signing.py", "subprocess.TimeoutExpired"): "an exception",
    ("storage/signing.py", ".write_bytes()"): "in the scratch folder that it is given",
}
_SCRATCH = frozenset({"scratch", "apart", "_private_folder"})


class Finder(ast.NodeVisitor):
    """Collects the calls of one module that look like effects."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []
        self._scratch = 0

    def visit_With(self, node: ast.With) -> None:
        scratch = any(_name(one.context_expr) in _SCRATCH for one in node.items)
        self._scratch += scratch
        self.generic_visit(node)
        self._scratch -= scratch

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name):
            owner = node.value.id
            if owner in _MODULES and not (self._scratch and owner == "shutil"):
                self.found.append((node.lineno, f"{owner}.{node.attr}"))
            if owner == "os" and node.attr in _OS:
                self.found.append((node.lineno, f"os.{node.attr}"))
            if owner == "sqlite3" and node.attr == "connect":
                self.found.append((node.lineno, "sqlite3.connect"))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Attribute) and not self._is(called.value, "effects", "os"):
            name = called.attr
            moves = name == "replace" and len(node.args) == 1 and not node.keywords
            if (name in _METHODS or moves) and not self._scratch:
                self.found.append((node.lineno, f".{name}()"))
        if _name(node) == "open" and any(_writes(one) for one in _modes(node)):
            self.found.append((node.lineno, "open(w)"))
        if any("O_CREAT" in ast.dump(one) for one in node.args):
            self.found.append((node.lineno, "os.open(O_CREAT)"))
        self.generic_visit(node)

    @staticmethod
    def _is(node: ast.expr, *names: str) -> bool:
        return isinstance(node, ast.Name) and node.id in names


def _name(node: ast.expr) -> str:
    called = node.func if isinstance(node, ast.Call) else node
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _modes(node: ast.Call) -> list[ast.expr]:
    return [*node.args, *(word.value for word in node.keywords if word.arg == "mode")]


def _writes(node: ast.expr) -> bool:
    mode = node.value if isinstance(node, ast.Constant) else ""
    return isinstance(mode, str) and set(mode) <= set("rwxab+t") and bool(set(mode) & set("wax+"))


def effects_in(source: str) -> list[tuple[int, str]]:
    finder = Finder()
    finder.visit(ast.parse(source))
    return finder.found


def modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if path != SEAM]


def test_no_effect_outside_the_seam():
    outside = []
    for path in modules():
        name = path.relative_to(SOURCE).as_posix()
        outside += [
            f"{name}:{line}: {call}"
            for line, call in effects_in(path.read_text())
            if (name, call) not in ALLOWED
        ]
    assert outside == [], "send it through gitsync/storage/effects.py"


@pytest.mark.parametrize(
    "line",
    [
        "os.replace(a, b)", "os.fsync(fd)", "path.write_text('x')", "path.unlink()",
        "path.replace(other)", "open(p, 'w')", "path.open('ab')", "subprocess.run(['x'])",
        "shutil.rmtree(p)", "os.open(p, os.O_WRONLY | os.O_CREAT)", "target.hardlink_to(p)",
        "sqlite3.connect(p)",
    ],
)  # fmt: skip
def test_the_reader_of_the_source_knows_effects(line):
    assert effects_in(line)


@pytest.mark.parametrize(
    "line",
    [
        "text.replace('a', 'b')", "replace(value, name=1)", "effects.unlink(p)", "open(p)",
        "path.open('rb')", "with effects.scratch() as folder:\n    (folder / 'x').mkdir()",
    ],
)  # fmt: skip
def test_the_reader_of_the_source_lets_the_harmless_pass(line):
    assert effects_in(line) == []


def test_no_entry_of_the_list_is_stale():
    for name, call in ALLOWED:
        assert call in {one for _, one in effects_in((SOURCE / name).read_text())}, (name, call)


def test_an_observer_may_leave_out_repeat_or_refuse(tmp_path):
    made: list[str] = []

    def twice(effect, act):
        made.append(effect.kind)
        act()
        return act()

    with effects.observed(twice):
        effects.make_folder(tmp_path / "a")
    assert made == ["folder", "sync-folder"]

    def never(effect, act):
        return None

    with effects.observed(never):
        effects.rename(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").is_dir()

    def full(effect, act):
        raise OSError(28, "No space left on device")

    with effects.observed(full), pytest.raises(OSError, match="space"):
        effects.unlink(tmp_path / "a")
