"""What the benchmarks share: fresh copies of a ledger, timed child processes, tables.

A ratio is always taken inside one run on one machine: ours and theirs alternate, the ratio is
computed for each round, and the median of the rounds is reported. Ours syncs to disk as in real
life; theirs runs with its defaults.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.services.host import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fixtures.make_ledger import Ledger

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Figure:
    """One measured value. ``wanted`` is the bound as text, ``ok`` None where there is none."""

    name: str
    value: float
    unit: str
    wanted: str = ""
    ok: bool | None = None
    note: str = ""


def at_least(name: str, value: float, unit: str, bound: float, note: str = "") -> Figure:
    """A figure that should not be smaller than ``bound``."""
    return Figure(name, value, unit, f">= {bound:g}", value >= bound, note)


def at_most(name: str, value: float, unit: str, bound: float, note: str = "") -> Figure:
    """A figure that should not be larger than ``bound``."""
    return Figure(name, value, unit, f"<= {bound:g}", value <= bound, note)


def report(title: str, figures: Sequence[Figure]) -> None:
    """Print a plain table, then the same as JSON lines."""
    print(f"\n{title}")
    wide = max(len(one.name) for one in figures)
    for one in figures:
        verdict = {None: "", True: "ok", False: "MISSED"}[one.ok]
        value = f"{one.value:>10.4g} {one.unit:<12} {one.wanted:<9} {verdict:<6} {one.note}"
        print(f"  {one.name:<{wide}}  {value}".rstrip())
    for one in figures:
        print(json.dumps({"bench": title, "name": one.name, "value": round(one.value, 6),
                          "unit": one.unit, "wanted": one.wanted, "ok": one.ok,
                          "note": one.note}))  # fmt: skip
    sys.stdout.flush()


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"  .. {text}", file=sys.stderr, flush=True)


@contextmanager
def workspace(keep: str | None = None) -> Iterator[Path]:
    """A folder for one benchmark; gone afterwards unless ``keep`` names one."""
    if keep is not None:
        Path(keep).mkdir(parents=True, exist_ok=True)
        yield Path(keep)
        return
    folder = tempfile.mkdtemp(prefix="gitsync-bench-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy(ledger: Ledger, name: str) -> Ledger:
    """An independent copy of a ledger, with the state that its user keeps outside of it.

    Object files are shared by hard links: git and gitsync replace them, they never write in them.
    """
    root = ledger.root.parent / name
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    path = root / "ledger.git"
    shutil.copytree(ledger.path, path, ignore=lambda folder, _: (
        ["objects"] if Path(folder) == ledger.path else []))  # fmt: skip
    shutil.copytree(ledger.path / "objects", path / "objects", copy_function=os.link)
    state = Path(ledger.env["XDG_STATE_HOME"])
    if state.exists():
        shutil.copytree(state, root / "state")
    env = ledger.env | {"XDG_STATE_HOME": str(root / "state")}
    return replace(ledger, root=root, path=path, env=env)


def drop(ledger: Ledger) -> None:
    """Remove a copy again."""
    shutil.rmtree(ledger.root, ignore_errors=True)


@dataclass(frozen=True)
class Child:
    """How a child process went: wall seconds from start to end, and what it printed."""

    seconds: float
    out: str


def run_child(args: Sequence[str], env: dict[str, str], cwd: Path = PROJECT) -> Child:
    """Run a whole process and time it. Raises RuntimeError when it fails.

    It writes to a file: some programs end before a pipe has taken all that they print.
    """
    os.sync()  # what the set-up left unwritten is not the child's to wait for
    with tempfile.TemporaryFile("w+") as out:
        begin = time.perf_counter()
        done = subprocess.run(
            args, cwd=cwd, env=env, stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
        seconds = time.perf_counter() - begin
        out.seek(0)
        told = out.read()
    if done.returncode:
        raise RuntimeError(f"{' '.join(args)}: {told[-2000:]}{done.stderr[-4000:]}")
    return Child(seconds, told)


def run_worker(verb: str, ledger: Ledger) -> tuple[float, dict[str, float]]:
    """One verb of ``tests.bench.worker`` on a ledger: (wall seconds, what it reports)."""
    child = run_child(_worker(verb, ledger), ledger.env)
    return child.seconds, json.loads(child.out.splitlines()[-1])


def _worker(verb: str, ledger: Ledger) -> list[str]:
    return [sys.executable, "-m", "tests.bench.worker", verb, str(ledger.path), str(ledger.key())]


def peak_memory(verb: str, ledger: Ledger, pause: float = 0.02) -> tuple[float, dict[str, float]]:
    """As :func:`run_worker`, but (peak MB of the process and all it started, what it reports).

    Sampled every ``pause`` seconds; memory that processes share counts once. Where the system
    does not tell, the process's own peak.
    """
    with subprocess.Popen(
        _worker(verb, ledger), cwd=PROJECT, env=ledger.env, stdout=subprocess.PIPE, text=True
    ) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(_share(one) for one in _family(process.pid)))
            time.sleep(pause)
        out = process.stdout.read() if process.stdout is not None else ""
    if process.returncode:
        raise RuntimeError(f"{verb} ended with {process.returncode}: {out}")
    told = json.loads(out.splitlines()[-1])
    return max(peak, told["memory"]), told


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for one in found:
        try:
            told = Path(f"/proc/{one}/task/{one}/children").read_text("ascii")
        except OSError:
            continue
        found += [int(child) for child in told.split()]
    return found


def _share(pid: int) -> float:
    """A process's proportional share of memory in MB; 0 when it has ended."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return 0.0
    line = next((line for line in told.splitlines() if line.startswith("Pss:")), None)
    return int(line.split()[1]) / 1024 if line is not None else 0.0


def rounds(count: int, *steps: Callable[[], float]) -> list[list[float]]:
    """Run the steps in turn, ``count`` times; the values of each step."""
    found: list[list[float]] = [[] for _ in steps]
    for _ in range(count):
        for values, step in zip(found, steps, strict=True):
            values.append(step())
    return found


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def spread(values: Sequence[float], unit: str = "s") -> str:
    """The range of the rounds, for the note of a figure."""
    return f"{min(values):.3g}..{max(values):.3g} {unit} in {len(values)} rounds"


#: The installed command, beside the Python that runs this: PATH may name another one or none.
COMMAND = str(Path(sys.executable).with_name("gitsync"))


def have_command() -> bool:
    """Whether the ``gitsync`` command is there and works."""
    if not Path(COMMAND).exists():
        return False
    done = subprocess.run([COMMAND, "--version"], capture_output=True, check=False)
    return done.returncode == 0


def host_of(folder: Path, env: dict[str, str]) -> Host:
    """This machine as seen from ``folder``, with the given environment."""
    return Host(
        cwd=folder, env=env, home=Path(env["HOME"]), now=time.time, random=os.urandom,
        sleep=time.sleep, monotonic=time.monotonic,
    )  # fmt: skip
