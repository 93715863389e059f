"""Write every page, and part of a page, that is made from the source; ``--check`` only looks.

    python docs/reference/make_all.py
"""

from __future__ import annotations

import sys

import make_commands
import make_errors
import make_examples

if __name__ == "__main__":
    codes = [part.main(sys.argv[1:]) for part in (make_errors, make_commands, make_examples)]
    sys.exit(max(codes))
