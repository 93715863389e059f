"""The deterministic three-way merge that every snapshot is replayed with."""
