"""``python -m gitsync.hooks NAME``: what the shims in a repository call."""

from __future__ import annotations

import sys
from importlib import import_module

_HOOKS = {"pre-receive": "pre_receive", "post-receive": "post_receive"}


def main(args: list[str]) -> int:
    """Run one hook; returns its exit code."""
    module = _HOOKS.get(args[0] if args else "")
    if module is None:
        sys.stderr.write(f"gitsync: there is no hook {' '.join(args[:1]) or 'without a name'}\n")
        return 2
    code: int = import_module(f"gitsync.hooks.{module}").entry()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
