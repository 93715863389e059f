"""Memory: a bundle of any size is written with the same."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MIB = 1 << 20
# A process inherits what getrusage says of the one that started it, which may be a large one.
PROGRAM = """
import re, resource, sys
from pathlib import Path
from gitsync.storage.bundlefile import bundle_pieces

size = sum(map(len, bundle_pieces(Path(sys.argv[1]), b"", [], [sys.argv[2]])))
print(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
print(size)
"""


def git(folder, *args, **more):
    done = subprocess.run(
        ["git", "-c", "core.compression=0", *args], cwd=folder, check=True, capture_output=True,
        **more,
    )  # fmt: skip
    return done.stdout.decode().strip()


@pytest.mark.parametrize("packed", [True, False])
def test_git_does_not_hold_what_it_sends(tmp_path, packed):
    """Neither the pack that it reads, nor large files that are in none yet."""
    if not sys.platform.startswith("linux"):
        pytest.skip("ru_maxrss is counted otherwise here")
    git(tmp_path, "init", "-q", "--bare", ".")
    git(tmp_path, "config", "core.compression", "0")
    if packed:
        git(tmp_path, "config", "core.bigFileThreshold", "1m")  # such go into a pack at once
    names = []
    for at in range(6):
        blob = git(tmp_path, "hash-object", "-w", "--stdin", input=os.urandom(40 * MIB))
        names.append(f"100644 blob {blob}\tnoise{at}\n")
    tree = git(tmp_path, "mktree", input="".join(names).encode())
    who = ("-c", "user.name=a", "-c", "user.email=a@x.example")
    commit = git(tmp_path, *who, "commit-tree", "-m", "noise", tree)
    if packed:
        git(tmp_path, "update-ref", "refs/heads/main", commit)
        git(tmp_path, "repack", "-q", "-a", "-d")
        git(tmp_path, "config", "--unset", "core.bigFileThreshold")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), commit], capture_output=True, check=True
    )
    ours, theirs, size = map(int, done.stdout.split())
    assert size > 240 * MIB
    assert ours < 100 * 1024
    assert theirs < 190 * 1024
