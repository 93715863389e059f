"""What a guarded home costs a push: our pre-receive against a hook that only imports pygit2.

``python -m tests.bench.receiving [--quick]``. Every figure is the time of a whole stock
``git push`` over the local transport, from start to end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixtures.make_ledger import Ledger, add_proposals, make_ledger
from gitsync.services import homehooks
from tests.bench.common import (
    Figure,
    at_least,
    at_most,
    host_of,
    median,
    ratio,
    report,
    rounds,
    run_child,
    say,
    spread,
    workspace,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sizes:
    """``singles`` pushes of one proposal are timed; ``many`` proposals go in one push."""

    artifacts: int = 20_000
    singles: int = 30
    many: int = 1_000
    rounds: int = 3


QUICK = Sizes(artifacts=1_000, singles=5, many=200, rounds=1)
IMPORTS = f"#!/bin/sh\ncat > /dev/null\nexec '{sys.executable}' -c 'import pygit2'\n"
NOTHING = "#!/bin/sh\nexit 0\n"


def homes(root: Path, sizes: Sizes) -> tuple[Ledger, list[str], dict[str, Path]]:
    """(the proposers' repository, its proposal refs, bare homes by what their hook does)."""
    source = make_ledger(root, artifacts=sizes.artifacts)
    git(source, source.path, "repack", "-q", "-a", "-d")
    plain = root / "plain.git"
    shutil.copytree(source.path, plain)
    add_proposals(source, sizes.many + sizes.singles * 3)
    refs = git(source, source.path, "for-each-ref", "--format=%(refname)",
               "refs/heads/proposals").split()  # fmt: skip
    made = {}
    for name in ("ours", "imports", "nothing"):
        made[name] = root / f"{name}.git"
        # Hard links will do: git replaces files, it never writes into them.
        shutil.copytree(plain, made[name], copy_function=os.link)
        git(source, made[name], "config", "core.bare", "true")
        # The same settings for all: what is compared is the hook.
        homehooks.install(host_of(root, source.env), made[name])
    for name, text in (("imports", IMPORTS), ("nothing", NOTHING)):
        hook = made[name] / "hooks/pre-receive"
        hook.unlink()
        hook.write_text(text)
        hook.chmod(0o755)
    return source, refs, made


def git(source: Ledger, folder: Path, *args: str) -> str:
    """Stock git in a folder."""
    return run_child(["git", *args], source.env, folder).out


def push(source: Ledger, home: Path, refs: list[str]) -> float:
    """Seconds of one push of ``refs``, which the home must hold afterwards."""
    done = run_child(
        ["git", "push", "-q", str(home), *(f"{ref}:{ref}" for ref in refs)],
        source.env, source.path,
    )  # fmt: skip
    there = git(source, home, "for-each-ref", "--format=%(refname)", *refs[:1], *refs[-1:])
    if there.split() != list(dict.fromkeys([refs[0], refs[-1]])):
        raise RuntimeError(f"{home} does not hold what was pushed")
    return done.seconds


def measure(root: Path, sizes: Sizes) -> list[Figure]:
    """One-commit pushes by what the hook does, and many proposals at once."""
    say(f"receiving: {sizes.artifacts} artifacts, {sizes.many} proposals")
    source, refs, made = homes(root, sizes)
    single = {name: iter(refs[sizes.many :]) for name in made}
    ours, imports, nothing = rounds(
        sizes.singles,
        *(
            lambda name=name: push(source, made[name], [next(single[name])])
            for name in ("ours", "imports", "nothing")
        ),
    )
    one = median(ours)
    many = [_all_at_once(source, made["ours"], refs[: sizes.many]) for _ in range(sizes.rounds)]
    return [
        Figure("git push, hook of exit 0", median(nothing) * 1e3, "ms", note=spread(nothing)),
        Figure("git push, hook imports pygit2", median(imports) * 1e3, "ms", note=spread(imports)),
        Figure("git push, our pre-receive", one * 1e3, "ms", note=spread(ours)),
        at_most("our pre-receive / import", ratio(ours, imports), "times", 1.5),
        Figure(f"{sizes.many} proposals in one push", median(many), "s", note=spread(many)),
        at_least("singly / at once", one * sizes.many / median(many), "times", 5,
                 f"single pushes: {sizes.singles} timed"),
    ]  # fmt: skip


def _all_at_once(source: Ledger, home: Path, refs: list[str]) -> float:
    seconds = push(source, home, refs)
    lines = "".join(f"delete {ref}\n" for ref in refs)
    hook = home / "hooks/reset"
    hook.write_text(lines)
    run_child(["sh", "-c", "git update-ref --stdin < hooks/reset"], source.env, home)
    hook.unlink()
    return seconds


def run(sizes: Sizes | None = None) -> list[Figure]:
    """All figures of receiving."""
    with workspace() as root:
        found = measure(root, sizes or Sizes())
    report("receiving", found)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    run(QUICK if parser.parse_args().quick else Sizes())
