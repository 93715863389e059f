"""``python -m gitsync.hooks NAME ARGS``: what the shims in a repository call."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HOOKS = {
    "pre-commit": "pre_commit",
    "commit-msg": "commit_msg",
    "pre-push": "pre_push",
    "post-merge": "post_merge",
    "post-checkout": "post_checkout",
    "pre-receive": "pre_receive",
    "post-receive": "post_receive",
}


def main(args: Sequence[str]) -> int:
    """Run one hook; returns its exit code."""
    module = HOOKS.get(args[0] if args else "")
    if module is None:
        sys.stderr.write(f"gitsync: there is no hook {args[0] if args else 'without a name'}\n")
        return 2
    code: int = import_module(f"gitsync.hooks.{module}").entry(args[1:])
    return code


if __name__ == "__main__":
    # One short look: hardly anything here is a cycle, and the process ends anyway.
    gc.disable()
    sys.exit(main(sys.argv[1:]))
