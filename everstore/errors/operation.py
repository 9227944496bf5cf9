"""What fails, or is missing, in a store that runs, or is to be opened."""

# Annotations are no texts here: they would be looked up in the module that the classes name, the door.

from typing import Literal, Self

from everstore.errors.root import EverstoreError

__all__ = [
    "BackendError",
    "BackendUnavailableError",
    "DataDamagedError",
    "PluginError",
    "PluginVersionError",
    "SecretDecryptionError",
    "SecretsKeyMissingError",
    "SettingsError",
    "StorageReplacedError",
    "StoreClosedError",
    "StoreContextError",
    "UnknownBackendError",
    "UnsupportedError",
]


class UnsupportedError(EverstoreError):
    """The backend does not offer this, and nothing happened."""

    code = "unsupported"

    @classmethod
    def lacks(cls, backend: object, verb: str, so: str) -> Self:
        """The refusal of a verb that a backend's author left out; ``so`` says what that means."""
        kind = type(backend)
        return cls(f"{kind.__module__}.{kind.__qualname__} lacks {verb}, {so}; its author has to add it")


class StoreClosedError(EverstoreError):
    """The store was used after it was closed."""

    code = "store_closed"

    @classmethod
    def refusing(cls, verb: str) -> Self:
        """The answer of a closed store to a verb."""
        return cls(f"{verb}: the store is closed")


class StoreContextError(EverstoreError):
    """The store is used where it cannot be: after a fork, on another event loop, or without asyncio (§7.6).

    Nothing happened. Open a store of its own there; in a process that is forked, fork before any is opened.
    """

    code = "store_context"

    @classmethod
    def of_fork(cls, verb: str) -> Self:
        """The answer to a verb in a process that was forked from that of the store."""
        return cls(
            f"{verb}: the store belongs to the process that this one was forked from;"
            " open one in each process after the fork, or start processes with 'spawn'"
        )


class SecretsKeyMissingError(EverstoreError):
    """A durable backend takes no secret until there is a key to encrypt it with (§6.4)."""

    code = "secrets_key_missing"


class SecretDecryptionError(EverstoreError):
    """A stored secret does not open: wrong key, tampered with, or copied from elsewhere (§6.4)."""

    code = "secret_decryption_failed"


class BackendError(EverstoreError):
    """The backend failed; the driver's own exception is the ``__cause__``."""

    code = "backend_error"


class BackendUnavailableError(BackendError):
    """The backend could not be reached or is overloaded; trying again may help (§7.2.4).

    ``happened`` is ``False`` when the call certainly did not happen, so that it may be made again
    whatever it is, and ``None`` when it may have happened: read before writing again. A backend that
    raises this passes ``happened=False`` where it is certain: nothing was sent, the storage rolled the call
    back, or it only reads. A connection lost before the answer to a change, and a time-out, leave ``None``.
    """

    code = "backend_unavailable"
    happened: Literal[False] | None = None


class DataDamagedError(BackendError):
    """What is stored at one place is damaged; the message says so, and where (§7.2.5).

    ``place`` is the path, key, name or session, where one alone is damaged.
    """

    code = "data_damaged"

    @classmethod
    def found(cls, place: object, reason: str, **facts: object) -> Self:
        """The damage at a place; ``reason`` says what is wrong there, and holds nothing of what is stored."""
        message = f"{str(place)!r} is damaged: {reason}; write it anew or delete it, or restore a backup"
        return cls(message, place=place, **facts)


class StorageReplacedError(BackendError):
    """The storage was moved, removed or replaced under the open store; nothing is acknowledged any more.

    Close the store, see to the storage, and open it again.
    """

    code = "storage_replaced"


class SettingsError(EverstoreError, ValueError):
    """A setting is wrong, misspelt or missing; the message names it.

    Where several may be wrong at once, ``problems`` has what is told of each, by its name.
    """

    code = "settings"


class UnknownBackendError(SettingsError):
    """No installed plugin has the name that the configuration gives."""

    code = "unknown_backend"


class PluginError(EverstoreError):
    """A plugin is broken, blocked, installed twice, or lacks what the configuration asks of it."""

    code = "plugin"
    plugin: str


class PluginVersionError(PluginError):
    """A plugin states that it is made for other versions of everstore than the one that is installed.

    It was not imported. Its distribution's requirements are the statement.
    """

    code = "plugin_version"
