"""Leases over subgraphs: who holds what, who asked, and what each act does to that."""
