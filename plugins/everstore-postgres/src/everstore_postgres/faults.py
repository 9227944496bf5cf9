"""What the driver throws, and which of everstore's errors it becomes: all of it in one table.

No message repeats the server's words, which may hold values; they are in the ``__cause__``. The URL
and its password are in none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
from everstore.errors import BackendError, BackendUnavailableError, EverstoreError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CONNECTION_LOST", "DRIVER_ERRORS", "at_opening", "at_work"]

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""Everything that a call may throw, when it is not our own mistake."""

CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    ConnectionError,
)
"""The connection is gone; another one may be had at once."""

Table = "Sequence[tuple[tuple[type[BaseException], ...], type[EverstoreError], str]]"

_WORK: Table = (
    ((asyncpg.DataError,), BackendError, "an argument does not fit into its column"),
    ((TimeoutError, asyncpg.QueryCanceledError), BackendUnavailableError,
     "took longer than EVERSTORE_POSTGRES_STATEMENT_TIMEOUT, and was cancelled"),
    ((asyncpg.TooManyConnectionsError,), BackendUnavailableError,
     "the server takes no more connections; lower EVERSTORE_POSTGRES_POOL_MAX_SIZE or raise its max_connections"),
    ((asyncpg.DiskFullError,), BackendUnavailableError, "the server's disk is full"),
    ((asyncpg.InsufficientResourcesError,), BackendUnavailableError, "the server is out of resources"),
    ((asyncpg.ReadOnlySQLTransactionError,), BackendUnavailableError,
     "the server takes no writes (a standby, or failing over)"),
    ((asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError), BackendUnavailableError,
     "the server rolled the call back; nothing was written"),
    ((asyncpg.OperatorInterventionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError,
      asyncpg.InternalClientError, OSError), BackendUnavailableError, "the connection to the server was lost, or cannot be made"),
    ((asyncpg.InsufficientPrivilegeError,), BackendError,
     "the role of EVERSTORE_POSTGRES_URL lacks a right on the schema"),
    ((asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError), BackendError,
     "the schema is gone, or is of another version; open the store again"),
)  # fmt: skip

_OPENING: Table = (
    ((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError), SettingsError,
     "EVERSTORE_POSTGRES_URL: the server refuses this user or password"),
    ((asyncpg.InvalidCatalogNameError,), SettingsError, "EVERSTORE_POSTGRES_URL: the server has no such database"),
    ((TimeoutError,), BackendUnavailableError,
     "EVERSTORE_POSTGRES_URL: the server did not answer within EVERSTORE_POSTGRES_CONNECT_TIMEOUT"),
    ((asyncpg.ClientConfigurationError, ValueError), SettingsError,
     "EVERSTORE_POSTGRES_URL: not a URL of the form postgresql://user:password@host:port/database"),
    ((asyncpg.InsufficientPrivilegeError,), SettingsError,
     "EVERSTORE_POSTGRES_URL: the role may not do this; grant it USAGE and CREATE on the schema of "
     "EVERSTORE_POSTGRES_SCHEMA_NAME (and CREATE on the database, to make that), or let another role run "
     "'everstore migrate'"),
    ((OSError, asyncpg.CannotConnectNowError), BackendUnavailableError,
     "EVERSTORE_POSTGRES_URL: the server cannot be reached; is it running, and are host and port right?"),
    *_WORK,
)  # fmt: skip


def at_work(error: BaseException) -> EverstoreError:
    """The error of a call that failed."""
    return _explained(_WORK, error)


def at_opening(error: BaseException) -> EverstoreError:
    """The error of a store that cannot be opened, which names the setting to change."""
    return _explained(_OPENING, error)


def _explained(table: Table, error: BaseException) -> EverstoreError:
    for kinds, ours, message in table:
        if isinstance(error, kinds):
            return ours(f"postgres: {message}")
    state = getattr(error, "sqlstate", None)
    return BackendError(f"postgres: the call failed with {type(error).__name__}{f' ({state})' if state else ''}")
