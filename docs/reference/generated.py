"""What the scripts beside this have in common: write a page, or say that it is out of date."""

from __future__ import annotations

from pathlib import Path


def write_or_check(page: Path, text: str, script: str, argv: list[str]) -> int:
    """Write ``text`` as ``page``; with ``--check`` only compare. Returns the exit code."""
    if "--check" not in argv:
        page.write_text(text, "utf-8")
        return 0
    if page.exists() and page.read_text("utf-8") == text:
        return 0
    print(f"{page.name} is out of date: python docs/reference/{Path(script).name}")
    return 1
