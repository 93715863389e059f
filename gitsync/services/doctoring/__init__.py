"""What is wrong with a clone and its home, and how it is mended: small checks, run in order."""
