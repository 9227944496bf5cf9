"""Every error that everstore raises, and what each one means.

::

    EverstoreError
    ├── InvalidArgumentError (ValueError)      an argument no backend could accept
    │   ├── InvalidSessionIdError
    │   ├── InvalidPathError
    │   ├── InvalidContentError
    │   │   └── InvalidKeyError
    │   ├── InvalidPatternError
    │   └── InvalidArchiveError
    ├── ReadOnlyFileError (PermissionError)
    ├── ReadOnlySessionError (PermissionError) a checkpoint was to be changed
    ├── PolicyError (PermissionError)          a policy of the host's refuses it
    ├── ParentNotDirectoryError (NotADirectoryError)
    ├── PathIsDirectoryError (IsADirectoryError)
    ├── PathNotDirectoryError (NotADirectoryError)
    ├── DirectoryNotEmptyError (OSError)
    ├── PathExistsError (FileExistsError)
    ├── PathNotFoundError (FileNotFoundError)
    ├── EditError                              no match, or an ambiguous one
    ├── RevisionConflictError                  somebody else wrote first
    ├── MergeConflictError                     both sides changed the same differently
    ├── SessionNotFoundError (LookupError)
    ├── CheckpointNotFoundError (LookupError)
    ├── SessionNotEmptyError                   a fork, an import or a copy needs an empty place
    ├── QuotaExceededError
    ├── UnsupportedError                       the backend does not claim this
    ├── StoreClosedError
    ├── SecretsKeyMissingError                 a durable backend and no key to encrypt with
    ├── SecretDecryptionError                  a wrong key, a tampered or a moved ciphertext
    ├── StoreContextError                      the wrong process, event loop or async framework
    ├── BackendError                           what a driver threw, with its cause
    │   ├── BackendUnavailableError            ... and a retry may help
    │   ├── DataDamagedError                   ... and what is stored there is damaged
    │   └── StorageReplacedError               ... and the storage is no longer the one that was opened
    ├── SettingsError
    │   └── UnknownBackendError
    └── PluginError
        └── PluginVersionError                 made for another version of everstore

Each class has a stable ``code`` (a word for logs and scripts); each instance keeps its facts as
attributes. No error carries file content, a value or a secret (contract §7.2).
"""

from __future__ import annotations

from typing import cast

from everstore.errors.arguments import (
    InvalidArchiveError,
    InvalidArgumentError,
    InvalidContentError,
    InvalidKeyError,
    InvalidPathError,
    InvalidPatternError,
    InvalidSessionIdError,
)
from everstore.errors.editing import EditError
from everstore.errors.limits import PolicyError, QuotaExceededError
from everstore.errors.operation import (
    BackendError,
    BackendUnavailableError,
    DataDamagedError,
    PluginError,
    PluginVersionError,
    SecretDecryptionError,
    SecretsKeyMissingError,
    SettingsError,
    StorageReplacedError,
    StoreClosedError,
    StoreContextError,
    UnknownBackendError,
    UnsupportedError,
)
from everstore.errors.places import (
    DirectoryNotEmptyError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
)
from everstore.errors.root import EverstoreError, _rebuild
from everstore.errors.sessions import (
    CheckpointNotFoundError,
    MergeConflictError,
    ReadOnlySessionError,
    RevisionConflictError,
    SessionNotEmptyError,
    SessionNotFoundError,
)

__all__ = [
    "BackendError",
    "BackendUnavailableError",
    "CheckpointNotFoundError",
    "DataDamagedError",
    "DirectoryNotEmptyError",
    "EditError",
    "EverstoreError",
    "InvalidArchiveError",
    "InvalidArgumentError",
    "InvalidContentError",
    "InvalidKeyError",
    "InvalidPathError",
    "InvalidPatternError",
    "InvalidSessionIdError",
    "MergeConflictError",
    "ParentNotDirectoryError",
    "PathExistsError",
    "PathIsDirectoryError",
    "PathNotDirectoryError",
    "PathNotFoundError",
    "PluginError",
    "PluginVersionError",
    "PolicyError",
    "QuotaExceededError",
    "ReadOnlyFileError",
    "ReadOnlySessionError",
    "RevisionConflictError",
    "SecretDecryptionError",
    "SecretsKeyMissingError",
    "SessionNotEmptyError",
    "SessionNotFoundError",
    "SettingsError",
    "StorageReplacedError",
    "StoreClosedError",
    "StoreContextError",
    "UnknownBackendError",
    "UnsupportedError",
]

# A traceback names them by their module, and a pickle finds them there: it is this one, the door.
for _each in (*(globals()[_name] for _name in __all__), _rebuild):
    _each.__module__ = __name__


def code_of(error: BaseException) -> str:
    """The stable code of an error, for logs: an everstore code, or the exception's class name."""
    return (
        cast("str", getattr(error, "code", None))
        if isinstance(error, EverstoreError)
        else type(error).__name__
    )


def shown(value: object) -> str:
    """A wrong argument for a message: a number itself, of all else its type.

    What was passed in the wrong place may be content or a secret, endless, or raise when it is looked at.
    """
    if value is None or type(value) in {bool, float}:
        return repr(value)
    if type(value) is int:
        return repr(value) if value.bit_length() <= 128 else f"an int of {value.bit_length()} bits"
    return f"a value of type {type(value).__name__}"
