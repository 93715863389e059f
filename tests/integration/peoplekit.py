"""Helpers of the people's side: stock git beside the tool."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *args: str, check: bool = True) -> str:
    """Stock git in a folder, as its user would run it; returns what it prints."""
    done = subprocess.run(
        ["git", *args], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0 or not check, f"git {args}: {done.stderr}"
    return done.stdout.rstrip("\n")
