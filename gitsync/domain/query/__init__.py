"""The query language of ``gitsync list``: text to terms, and terms against artifacts."""
