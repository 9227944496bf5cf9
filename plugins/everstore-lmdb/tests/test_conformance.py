"""The conformance suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.conformance import Subject, pytest_suite

if TYPE_CHECKING:
    from pathlib import Path


def subject(directory: Path) -> Subject:
    """A new folder for every check."""
    small = {"lmdb_path": "{directory}/small.lmdb", "lmdb_max_bytes": 1 << 20}
    return Subject({"backend": "lmdb", "lmdb_path": str(directory / "everstore.lmdb")}, full=small)


TestConformance = pytest_suite(subject, level="durable")
