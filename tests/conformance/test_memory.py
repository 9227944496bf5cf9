"""Memory keeps the contract at the level of what it can be: it forgets, so it is not durable."""

from __future__ import annotations

from everstore.conformance import Subject, pytest_suite


def subject(directory):
    most = {"bytes": 400_000, "value_bytes": 400_000}
    full = {f"limits__session_{what}": size for what, size in most.items()}
    return Subject({"backend": "memory"}, full=full)


TestMemory = pytest_suite(subject, level="standard")
