"""everstore on LMDB: files, values, secrets and session records in one folder, without a server.

All verbs are those of ``everstore.engine``: what is here is a transaction of LMDB's, and its life cycle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from everstore import hookimpl
from everstore_lmdb.engine import LmdbEngine
from everstore_lmdb.settings import LmdbSettings

if TYPE_CHECKING:
    from everstore.context import PluginContext

__all__ = ["LmdbEngine", "LmdbSettings"]


@hookimpl
def everstore_settings() -> type[LmdbSettings]:
    """``EVERSTORE_LMDB_*``."""
    return LmdbSettings


@hookimpl
def everstore_engine(context: PluginContext) -> LmdbEngine:
    """All three roles, in one folder."""
    return LmdbEngine(cast("LmdbSettings", context.settings))
