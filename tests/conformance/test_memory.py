"""Memory keeps the contract at the level of what it can be: it forgets, so it is not durable."""

from __future__ import annotations

from everstore.conformance import Subject, pytest_suite


def subject(directory):
    return Subject({"backend": "memory"})


TestMemory = pytest_suite(subject, level="standard")
