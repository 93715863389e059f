"""Standard input, output and error that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = ["--version", "--help", "lint . --preset plans"]
GITSYNC = f"{sys.executable} -m gitsync"


def shell(folder, line):
    return subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True,
                          check=False)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_file_is_as_one_that_nobody_reads(tmp_path, command, closed):
    done = shell(tmp_path, f"{GITSYNC} {command} {closed}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_no_file_of_ours_takes_the_place_of_a_closed_one(tmp_path, closed):
    """What is opened next would get its number, and be written into by whoever means to speak."""
    shell(tmp_path, "git init -q .")
    (tmp_path / "a.md").write_text("---\nstatus: [\n---\n")
    done = shell(tmp_path, f"{GITSYNC} lint . --preset plans {closed}; echo $? > code")
    assert (tmp_path / "code").read_text().strip() == "1"
    assert done.returncode == 0
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"malformed" not in path.read_bytes(), path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_said_in_a_line(tmp_path, command):
    done = shell(tmp_path, f"{GITSYNC} {command} > /dev/full")
    assert done.returncode == 3
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe_that_is_closed_ends_it_as_it_ends_git(tmp_path, command):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*GITSYNC.split(), *command.split()], cwd=tmp_path, stdout=write,
                          stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
