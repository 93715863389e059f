"""Bundles: what one clone writes to a stick, and what another one takes from it."""
