"""Taking, keeping and giving back leases, and answering who asks for them."""
