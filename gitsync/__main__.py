"""``python -m gitsync``."""

from gitsync.cli.main import entry

if __name__ == "__main__":
    entry()
