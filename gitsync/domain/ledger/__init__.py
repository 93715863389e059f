"""The rules of a witnessed ledger: what may land, in which order, and what a snapshot states."""
