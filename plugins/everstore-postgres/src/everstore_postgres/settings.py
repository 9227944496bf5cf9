"""``EVERSTORE_POSTGRES_*``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from everstore.errors import SettingsError
from everstore.settings import PluginSettings

__all__ = ["PostgresSettings"]


class PostgresSettings(PluginSettings):
    """Where the database is, and how it is used."""

    model_config = SettingsConfigDict(env_prefix="EVERSTORE_POSTGRES_")

    url: SecretStr | None = None
    """``postgresql://user:password@host:port/database``, or ``?host=/a/socket/folder``; shown nowhere."""
    schema_name: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,47}$")] = "everstore"
    """The schema that everything is kept in."""
    auto_migrate: bool = True
    """Whether opening a store installs and updates the schema; else ``everstore migrate`` does."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    """Into how many tables the sessions are spread; counts when the schema is installed."""
    search_index: bool = False
    """Whether texts are indexed by their trigrams (extension pg_trgm), for searches of large sessions."""
    pool_min_size: Annotated[int, Field(ge=1)] = 1
    """Connections opened at the beginning, and kept."""
    pool_max_size: Annotated[int, Field(ge=1)] = 10
    """The most connections of this store."""
    pool_timeout: Annotated[float, Field(gt=0)] = 30.0
    """Seconds that a call waits for a free connection."""
    connect_timeout: Annotated[float, Field(gt=0)] = 10.0
    """Seconds that connecting may take."""
    statement_timeout: Annotated[float, Field(gt=0)] = 60.0
    """Seconds that a call may take in the database; past it it is cancelled there."""
    statement_cache: bool = True
    """Whether connections keep prepared statements; not behind a proxy that pools by transaction."""
    tls: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] | None = None
    """How the connection is encrypted, in libpq's words; without it, as ``sslmode`` in the URL says."""
    tls_ca_file: str | None = None
    """The certificates that ``verify-ca`` and ``verify-full`` trust; without it, the system's."""

    @property
    def address(self) -> str:
        """The URL; ``SettingsError`` without one."""
        if self.url is None:
            raise SettingsError(
                "postgres: EVERSTORE_POSTGRES_URL is not set, and has no default; "
                "a host may hand over a pool in its place: open_store(pool, backend='postgres')"
            )
        return self.url.get_secret_value()

    @property
    def schema_in_sql(self) -> str:
        """The schema's name as statements have it: any name, a word of SQL's too."""
        return f'"{self.schema_name}"'
