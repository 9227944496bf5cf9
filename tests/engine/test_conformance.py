"""What everstore makes of an engine keeps the contract, on one whose commits are lost and keys are short."""

from __future__ import annotations

from everstore.conformance import Subject, pytest_suite


def subject(directory):
    return Subject({"backend": "sorted"})


TestSortedMap = pytest_suite(subject, level="standard")
