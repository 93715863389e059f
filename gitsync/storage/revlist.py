"""Which commits some tips bring in, by stock git: it keeps this fast in repositories of any age."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.objects import Oid
from gitsync.storage import gitcli

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def new_commits(
    git_dir: Path,
    tips: Iterable[Oid],
    known: Iterable[Oid],
    env: Mapping[str, str] | None = None,
) -> set[Oid]:
    """The commits that ``tips`` reach and ``known`` do not. ``env`` is added to git's own.

    Raises GitError when an object is missing.
    """
    lines = [*tips, *(f"^{oid}" for oid in known)]
    done = gitcli.run(
        ["rev-list", "--stdin"],
        cwd=git_dir,
        stdin="".join(f"{line}\n" for line in lines).encode(),
        env=env,
    )
    return {Oid(line) for line in done.out.decode("ascii").split()}
