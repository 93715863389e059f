"""``python -m tests.fuzz SECONDS [READER ...]``: every reader in turn, each for its part.

Prints a line a reader: inputs tried, how many of them were taken as valid, seconds, failures. The
smallest input that fails is printed. Ends with 1 if any failed.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import time
import traceback

from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz.damage import damaged
from tests.fuzz.readers import READERS, Reader, read
from tests.fuzz.watch import no_longer_than

MEMORY_BYTES = 2 << 30
INPUT_SECONDS = 10
ROUND = 500


def fuzz(reader: Reader, seconds: float, first: int) -> tuple[int, int, float, int]:
    """(inputs, taken, seconds, failures) of one reader."""
    tried: list[bool] = []
    began = time.monotonic()

    for number in itertools.count(first):

        @seed(number)
        @settings(
            database=None, deadline=None, max_examples=ROUND, print_blob=False,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(damaged(reader.seeds, reader.words))
        def look(data: bytes) -> None:
            with no_longer_than(INPUT_SECONDS):
                tried.append(read(reader, data))

        try:
            look()
        except Exception:  # noqa: BLE001 - whatever it is, it is what we are looking for
            print(f"-- {reader.name}, seed {number}", file=sys.stderr)
            traceback.print_exc(limit=-6)
            return len(tried), sum(tried), time.monotonic() - began, 1
        if time.monotonic() - began > seconds:
            break
    return len(tried), sum(tried), time.monotonic() - began, 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("seconds", type=float)
    parser.add_argument("reader", nargs="*")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    readers = [one for one in READERS if not args.reader or one.name in args.reader]
    failed = total = 0
    print(f"{'reader':26} {'inputs':>9} {'taken':>8} {'seconds':>8} {'failures':>8}", flush=True)
    for reader in readers:
        tried, taken, took, failures = fuzz(reader, args.seconds / len(readers), args.seed)
        print(f"{reader.name:26} {tried:9} {taken:8} {took:8.1f} {failures:8}", flush=True)
        failed, total = failed + failures, total + tried
    print(f"readers={len(readers)} inputs={total} failures={failed} seed={args.seed}")
    return 1 if failed or not readers else 0


if __name__ == "__main__":
    raise SystemExit(main())
