"""Write every page, and part of a page, that is made from the source; ``--check`` only looks.

    python docs/reference/make_all.py
"""

from __future__ import annotations

import sys

import make_commands
import make_errors
import make_examples
import make_json

if __name__ == "__main__":
    parts = (make_errors, make_commands, make_json, make_examples)
    sys.exit(max([part.main(sys.argv[1:]) for part in parts]))
