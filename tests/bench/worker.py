"""One timed process of ours: ``python -m tests.bench.worker VERB REPOSITORY KEY``.

Does what the command of the same name does, without the command line around it, and prints one
line of JSON: what was done, and the largest memory of this process in MB.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def _memory() -> float:
    """The peak of resident memory in MB (VmHWM; a child's ru_maxrss would count its parent's)."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _work(verb: str, folder: str, key: str) -> dict[str, float]:
    from gitsync.services.host import Host
    from gitsync.services.workspace import Workspace

    host = Host(
        cwd=Path(folder), env=os.environ, home=Path(os.environ["HOME"]), now=time.time,
        random=os.urandom, sleep=time.sleep, monotonic=time.monotonic,
    )  # fmt: skip
    ws = Workspace.open(host)
    if verb == "witness":
        from gitsync.services.witnessing import WitnessOptions, run_once

        report = run_once(ws, WitnessOptions(key=key))
        return {
            "before": report.before,
            "after": report.after,
            "receipts": len(report.receipts),
            "refused": sum(not one.yes for one in report.receipts),
        }
    from gitsync.services.pulling import verify_view
    from gitsync.services.sources import known_view

    full = verb == "verify-full"
    verified = verify_view(ws, known_view(ws), full=full, fresh=full)
    return {"number": verified.state.number, "replayed": verified.replayed}


if __name__ == "__main__":
    import gc

    gc.set_threshold(50_000, 20, 50)  # as the command itself does
    found = _work(*sys.argv[1:4])
    print(json.dumps(found | {"memory": _memory()}))
