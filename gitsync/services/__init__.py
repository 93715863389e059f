"""What the commands do, as plain functions: they orchestrate storage and domain."""
