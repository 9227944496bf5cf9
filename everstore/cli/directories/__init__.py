"""Whole directories: into a session, out of it, and what differs between the two."""
