"""What can be configured: ``EVERSTORE_SQLITE_*``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from everstore.compat import override
from everstore.settings import PluginSettings

__all__ = ["SqliteSettings"]


class SqliteSettings(PluginSettings):
    """The settings of one SQLite database."""

    model_config = SettingsConfigDict(env_prefix="EVERSTORE_SQLITE_")

    path: Path = Path("everstore.db")
    """The database file, created when missing; its folder must exist. Relative to the working directory."""
    must_exist: bool = False
    """Refuse to create the database, so that a wrong path or working directory is told."""
    read_only: bool = False
    """Open for reading only: the database is neither created, changed nor migrated. Writing is refused."""
    synchronous: Literal["full", "normal"] = "full"
    """``full``: what was acknowledged survives a power cut. ``normal``: it survives the process only."""
    busy_timeout: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds to wait for another process that is writing, before ``BackendUnavailableError``."""
    search_index: bool | Literal["remove"] = False
    """Keep and use a trigram index for literal searches; ``remove`` takes it out of the database."""
    max_bytes: Annotated[int, Field(ge=1 << 20)] | None = None
    """The largest the database file may become; ``None`` is no limit but the disk's."""
    cache_bytes: Annotated[int, Field(ge=0)] = 8 << 20
    """Page cache of each connection."""
    readers: Annotated[int, Field(ge=1, le=64)] = 4
    """How many searches run at the same time, each on its own thread and connection."""
    direct_reads: bool = True
    """Look single entries up on the event loop's own thread; turn it off where the disk is slow."""

    @override
    def unmade(self) -> Path | None:
        path = Path(os.path.realpath(self.path.expanduser()))
        is_asked_for = self.must_exist or self.read_only or str(self.path) == ":memory:"
        # An empty file, as tempfile leaves it, is a database without tables.
        is_empty = path.is_file() and not path.stat().st_size
        suffixes = ("-wal", "-shm") if is_empty else ("", "-wal", "-shm")
        there = (os.path.lexists(f"{path}{suffix}") for suffix in suffixes)
        return None if is_asked_for or not path.parent.is_dir() or any(there) else path

    @field_validator("synchronous", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value
