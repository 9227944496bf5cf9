"""What the driver throws, and which of everstore's errors it becomes: all of it in one table.

No message repeats the server's words, which may hold values; they are in the ``__cause__``. The URL
and its password are in none.
"""

from __future__ import annotations

import ssl
from typing import Literal

import asyncpg

from everstore.errors import (
    BackendError,
    BackendUnavailableError,
    DataDamagedError,
    EverstoreError,
    SettingsError,
    StorageReplacedError,
)
from everstore_postgres.pool import CONNECTION_LOST, DRIVER_ERRORS, NotSentError, PoolExhaustedError

__all__ = [
    "DRIVER_ERRORS",
    "RETRIED",
    "at_connecting",
    "at_opening",
    "at_work",
    "not_sent",
    "was_refused",
]

RETRIED = (*CONNECTION_LOST, asyncpg.InterfaceError)
"""What a statement that only reads is sent again for: the driver says of a dead connection this, too."""

_UNKNOWN = (*CONNECTION_LOST, asyncpg.StatementCompletionUnknownError)
_PARAMETER_REFUSED = (
    asyncpg.UndefinedObjectError,
    asyncpg.CantChangeRuntimeParamError,
    asyncpg.InvalidParameterValueError,
    asyncpg.ProtocolViolationError,
)
_URL = "EVERSTORE_POSTGRES_URL"
_TLS = "EVERSTORE_POSTGRES_TLS"
_TLS_REFUSED = "rejected SSL upgrade"  # the driver has no error of its own for it

# Most specific first.
_WORK: tuple[tuple[type[Exception], type[EverstoreError], str], ...] = (
    (
        PoolExhaustedError,
        BackendUnavailableError,
        "no connection was free within EVERSTORE_POSTGRES_POOL_TIMEOUT",
    ),
    *(
        (kind, DataDamagedError, "what the server keeps is damaged; see the cause, and restore a backup")
        for kind in (
            asyncpg.DataCorruptedError,
            asyncpg.IndexCorruptedError,
            asyncpg.CharacterNotInRepertoireError,  # of an argument: the driver would not have sent it
            asyncpg.UntranslatableCharacterError,
        )
    ),
    (asyncpg.DataError, BackendError, "an argument does not fit into its column"),
    (
        asyncpg.ProgramLimitExceededError,
        BackendError,
        "this would have more than a value of PostgreSQL's, 1 GiB",
    ),
    (
        asyncpg.QueryCanceledError,
        BackendUnavailableError,
        "the server cancelled the call; nothing was written",
    ),
    (
        TimeoutError,
        BackendUnavailableError,
        "the call took longer than EVERSTORE_POSTGRES_STATEMENT_TIMEOUT, and was stopped",
    ),
    (
        asyncpg.TooManyConnectionsError,
        BackendUnavailableError,
        "the server takes no more connections; lower EVERSTORE_POSTGRES_POOL_MAX_SIZE, or raise its limit",
    ),
    (
        asyncpg.LockNotAvailableError,
        BackendUnavailableError,
        "the server gave up waiting for a lock; nothing was written",
    ),
    (asyncpg.DiskFullError, BackendUnavailableError, "the server's disk is full"),
    (asyncpg.InsufficientResourcesError, BackendUnavailableError, "the server is out of resources"),
    (
        asyncpg.ReadOnlySQLTransactionError,
        BackendUnavailableError,
        "the server takes no writes: it is a standby, or failing over",
    ),
    (
        asyncpg.TransactionRollbackError,
        BackendUnavailableError,
        "the server rolled the call back; nothing was written",
    ),
    *(
        (kind, BackendUnavailableError, "the connection to the server was lost, or cannot be made")
        for kind in (
            asyncpg.OperatorInterventionError,
            asyncpg.IdleInTransactionSessionTimeoutError,
            asyncpg.PostgresConnectionError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
        )
    ),
    (asyncpg.InsufficientPrivilegeError, BackendError, f"the role of {_URL} lacks a right on the schema"),
    *(
        (kind, StorageReplacedError, "the schema is gone, or of another version; open the store again")
        for kind in (
            asyncpg.UndefinedTableError,
            asyncpg.UndefinedFunctionError,
            asyncpg.UndefinedColumnError,
            asyncpg.InvalidSchemaNameError,
        )
    ),
)

_OPENING: tuple[tuple[type[Exception], type[EverstoreError], str], ...] = (
    # Its class is a ValueError, too.
    (
        ssl.SSLCertVerificationError,
        SettingsError,
        f"{_TLS}: the server's certificate is for another host, or not from whom {_TLS}_CA_FILE trusts",
    ),
    (ssl.SSLError, SettingsError, f"{_TLS}: the server and this client agree on no way to encrypt"),
    *(
        (kind, SettingsError, f"{_URL}: the server refuses this user or password")
        for kind in (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)
    ),
    (asyncpg.InvalidCatalogNameError, SettingsError, f"{_URL}: the server has no such database"),
    (
        asyncpg.ProtocolViolationError,
        SettingsError,
        "EVERSTORE_POSTGRES_STATEMENT_CACHE: set it to false for a proxy that pools by transaction",
    ),
    (
        TimeoutError,
        BackendUnavailableError,
        f"{_URL}: the server did not answer within EVERSTORE_POSTGRES_CONNECT_TIMEOUT",
    ),
    *(
        (
            kind,
            SettingsError,
            f"{_URL}: the driver does not understand it, or a file that it names; see the cause",
        )
        for kind in (asyncpg.ClientConfigurationError, ValueError)
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        SettingsError,
        f"{_URL}: the role may not make or change the schema; let a role that may run 'everstore migrate'",
    ),
    *(
        (
            kind,
            SettingsError,
            "EVERSTORE_POSTGRES_SCHEMA_NAME: there is something else in this schema; choose another",
        )
        for kind in (
            asyncpg.DuplicateObjectError,
            asyncpg.DuplicateTableError,
            asyncpg.DuplicateFunctionError,
        )
    ),
    *(
        (kind, BackendUnavailableError, f"{_URL}: the server cannot be reached; is it running there?")
        for kind in (OSError, asyncpg.CannotConnectNowError)
    ),
    *_WORK,
)


def at_work(error: Exception, *, changes: bool) -> EverstoreError:
    """The error of a call that failed, and that may have changed something, or only reads."""
    return _explained(_WORK, error, happened=None if changes and _may_have_happened(error) else False)


def not_sent(error: NotSentError) -> EverstoreError:
    """The error of a call of which nothing was sent."""
    if isinstance(error.__cause__, TimeoutError):
        message = "postgres: the server did not answer in time, and nothing was sent to it"
        return BackendUnavailableError(message, happened=False)
    return _explained(_WORK, error.__cause__)


def was_refused(error: Exception) -> bool:
    """Whether it is the server that has refused a call, and so rolled it back."""
    cause = error.__cause__
    return isinstance(cause, asyncpg.PostgresError) and not _may_have_happened(cause)


def at_connecting(error: Exception, parameters: list[str]) -> SettingsError | None:
    """The error of a server that refuses the connection for the URL's ``parameters`` or the role's rights."""
    names = ", ".join(parameters)
    if names and isinstance(error, _PARAMETER_REFUSED):
        return SettingsError(f"postgres: {_URL}: the server refuses a parameter ({names}); take it out")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        besides = f", or not set a parameter ({names})" if names else ""
        return SettingsError(
            f"postgres: {_URL}: the role may not connect to the database{besides}; the database's owner"
            " can say: GRANT CONNECT ON DATABASE"
        )
    return None


def at_opening(error: BaseException | None) -> EverstoreError:
    """The error of a store that cannot be opened, which names the setting to change."""
    if isinstance(error, ConnectionError) and _TLS_REFUSED in str(error):
        return SettingsError(
            f"postgres: {_TLS}: the server does not encrypt; set up TLS there, or 'prefer' here"
        )
    return _explained(_OPENING, error)


def _may_have_happened(error: Exception) -> bool:
    """Whether a statement that was sent may have been committed in spite of this error.

    What the server refuses, it has rolled back. What ended the connection, or only our waiting for the
    answer, says nothing of the statement; nor does a server that names its completion unknown.
    """
    if not isinstance(error, asyncpg.PostgresError) or isinstance(error, _UNKNOWN):
        return True
    return (getattr(error, "severity_en", None) or getattr(error, "severity", None)) != "ERROR"


def _explained(
    table: tuple[tuple[type[Exception], type[EverstoreError], str], ...],
    error: BaseException | None,
    *,
    happened: Literal[False] | None = False,
) -> EverstoreError:
    for kind, ours, message in table:
        if isinstance(error, kind):
            facts = {"happened": happened} if ours is BackendUnavailableError else {}
            return ours(f"postgres: {message}", **facts)
    state = getattr(error, "sqlstate", None)
    known = f"{type(error).__name__} ({state})" if state else type(error).__name__
    return BackendError(f"postgres: the call failed with {known}")
