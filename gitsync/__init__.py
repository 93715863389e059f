"""gitsync: a notarised ledger of Markdown artifacts, through git alone."""

__version__ = "0.1.0"
