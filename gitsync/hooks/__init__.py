"""What git's own hooks call."""
