"""Bytes to values and back, pure: each decoder raises our own error, each pair inverts."""
