"""What can be configured: ``EVERSTORE_LMDB_*``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from everstore.compat import override
from everstore.settings import PluginSettings

__all__ = ["LmdbSettings"]


class LmdbSettings(PluginSettings):
    """The settings of one LMDB environment."""

    model_config = SettingsConfigDict(env_prefix="EVERSTORE_LMDB_")

    path: Path = Path("everstore.lmdb")
    """The folder, created when missing; what it is in must exist. Relative to the working directory."""
    max_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 46)] = 64 << 30
    """The largest the storage may become. It takes up addresses of the process, and no room on the disk."""
    synchronous: Literal["full", "normal"] = "full"
    """``full``: what was acknowledged survives a power cut. ``normal``: it survives the process only."""
    direct_reads: bool = True
    """Look single entries up on the event loop's own thread; turn it off where the disk is slow."""

    @override
    def unmade(self) -> Path | None:
        path = self.path.expanduser().absolute()
        return None if path.is_file() or (path / "data.mdb").exists() or not path.parent.is_dir() else path
