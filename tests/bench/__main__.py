"""All benchmarks: ``python -m tests.bench [--quick] [--source BUNDLE_OR_CLONE]``.

Exits with 0 also when a figure misses its bound: a benchmark tells, it does not judge.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time

from tests.bench import (
    bundles,
    carried,
    driver,
    hooks,
    index,
    leases,
    receiving,
    replay,
    startup,
    verify,
    witness,
)


def _load(when: str) -> None:
    """Say what else the machine is doing: a ratio suffers when that comes and goes."""
    if hasattr(os, "getloadavg"):
        now, _, _ = os.getloadavg()
        print(f"load {when}: {now:.1f}")


def main() -> int:
    """Run everything and sum up."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, about a minute")
    parser.add_argument("--source", help="a bundle or clone of ethereum/EIPs to replay")
    parser.add_argument("--since", help="with --source: found with the files before this date")
    parser.add_argument("--backlog", help="the command of Backlog.md, if it is not on PATH")
    asked = parser.parse_args()
    begin = time.monotonic()
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    print(f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()},"
          f" Python {platform.python_version()}, {git.strip()}")  # fmt: skip
    _load("before")
    figures = startup.run(count=5 if asked.quick else 15)
    figures += hooks.run(count=5 if asked.quick else 25)
    figures += driver.run(count=5 if asked.quick else 15)
    figures += index.run(index.QUICK if asked.quick else index.Sizes(), asked.backlog)
    figures += witness.run(witness.QUICK if asked.quick else witness.Sizes())
    figures += verify.run(verify.QUICK if asked.quick else verify.Sizes())
    figures += leases.run(leases.QUICK if asked.quick else leases.Sizes())
    figures += receiving.run(receiving.QUICK if asked.quick else receiving.Sizes())
    figures += bundles.run(bundles.QUICK if asked.quick else bundles.Sizes())
    if asked.source:
        limit = 200 if asked.quick else None
        figures += replay.run(asked.source, since=asked.since, limit=limit)
        figures += carried.run(asked.source, since=asked.since, limit=limit and 1_000)
    _load("after")
    missed = [one for one in figures if one.ok is False]
    print(f"\n{time.monotonic() - begin:.0f} s; {len(missed)} of"
          f" {sum(one.ok is not None for one in figures)} bounds missed")  # fmt: skip
    for one in missed:
        print(f"  {one.name}: {one.value:.3g} {one.unit}, wanted {one.wanted}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
