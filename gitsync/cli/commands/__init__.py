"""One module a command; ``gitsync.cli.table`` lists them."""
