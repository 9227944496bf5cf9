"""The conformance suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.conformance import Subject, pytest_suite

if TYPE_CHECKING:
    from pathlib import Path


def subject(directory: Path) -> Subject:
    """A new database for every check."""
    small = {"sqlite_path": "{directory}/small.db", "sqlite_max_bytes": 1 << 20}
    return Subject({"backend": "sqlite", "sqlite_path": str(directory / "everstore.db")}, full=small)


TestConformance = pytest_suite(subject, level="durable")
