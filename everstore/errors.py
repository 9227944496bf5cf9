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

from errno import ENOTEMPTY
from typing import TYPE_CHECKING, ClassVar, Literal, Self, cast

from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

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


class EverstoreError(Exception):
    """The root of all errors raised here; its message is one line that says what to do.

    ``facts`` become attributes: ``ReadOnlyFileError(message, path="/a").path == "/a"``. Errors
    can be pickled, so that they cross processes with their facts. The error of one of several changes
    has its place among them, from 0, as ``index``.
    """

    code: ClassVar[str] = "error"
    words: ClassVar[str] = "refused"
    facts: dict[str, object]
    index: int

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts
        self.__dict__.update(facts)

    @override
    def __str__(self) -> str:
        # OSError, which some subclasses also are, would print its own errno form.
        return str(self.args[0])

    @override
    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self.facts)

    def tell(self, **facts: object) -> None:
        """Keep further facts, as attributes, too."""
        self.facts.update(facts)
        self.__dict__.update(facts)

    @classmethod
    def at(cls, path: str, message: str | None = None) -> Self:
        """An error about one path, which its message ends with; the class has words for the usual case."""
        return cls(f"{message or cls.words}: {path!r}", path=path)


def _rebuild(cls: type[EverstoreError], message: str, facts: dict[str, object]) -> EverstoreError:
    return cls(message, **facts)


class InvalidArgumentError(EverstoreError, ValueError):
    """An argument that no backend could accept; nothing was called and nothing was written."""

    code = "invalid_argument"


class InvalidSessionIdError(InvalidArgumentError):
    """A session id that is no ``uuid.UUID`` (or, at the edge, no text form of one)."""

    code = "invalid_session_id"


class InvalidPathError(InvalidArgumentError):
    """A path that the contract refuses (§2.2, §2.3), a move or copy into itself, or to a name too long."""

    code = "invalid_path"
    path: str


class InvalidContentError(InvalidArgumentError):
    """Content, or a value, that cannot be stored or used as asked (§3.3, §4.6, §6.1)."""

    code = "invalid_content"


class InvalidKeyError(InvalidContentError):
    """A key or a secret's name that is empty, too long, or holds NUL or a lone surrogate (§6.1)."""

    code = "invalid_key"


class InvalidPatternError(InvalidArgumentError):
    """A regular expression that is not RE2 syntax, or a pattern with a lone surrogate (§5.4)."""

    code = "invalid_pattern"
    pattern: str


class InvalidArchiveError(InvalidArgumentError):
    """An archive of a session that is damaged, cut off, of another format, or never was one."""

    code = "invalid_archive"


class ReadOnlyFileError(EverstoreError, PermissionError):
    """The call would have changed a read-only file (§3.9)."""

    code = "read_only_file"
    words = "file is read-only"
    path: str


class ReadOnlySessionError(EverstoreError, PermissionError):
    """The call would have changed a checkpoint; nothing happened."""

    code = "read_only_session"
    session_id: UUID

    @classmethod
    def of(cls, session_id: UUID) -> Self:
        """The refusal to change a checkpoint."""
        return cls(
            f"session {session_id} is a checkpoint, which is read-only; fork_session() makes one to change,"
            " delete_checkpoint() removes it",
            session_id=session_id,
        )


class PolicyError(EverstoreError, PermissionError):
    """A policy of the host's (``everstore.middleware``) refuses the call; nothing happened.

    ``path`` is what it is about, ``None`` where that is no path; ``reason`` says why, in the policy's words.
    """

    code = "policy"
    path: str | None
    reason: str

    @classmethod
    def of(cls, path: str | None, reason: str) -> Self:
        """The refusal of a call that is about a path, or about something else."""
        message = f"refused: {reason}" if path is None else f"{path!r} is refused: {reason}"
        return cls(message, path=path, reason=reason)


class ParentNotDirectoryError(EverstoreError, NotADirectoryError):
    """The path leads through a file (§3.4), which is ``file`` where that is known."""

    code = "parent_not_directory"
    path: str
    file: str | None = None

    @classmethod
    def through(cls, path: str, file: str) -> Self:
        """The refusal of a path that leads through ``file``."""
        error = cls.at(path, f"{file!r} is a file, so nothing can be below it")
        error.tell(file=file)
        return error


class PathIsDirectoryError(EverstoreError, IsADirectoryError):
    """A file was asked for where a directory is (§3.4)."""

    code = "path_is_directory"
    words = "a directory is there"
    path: str


class PathNotDirectoryError(EverstoreError, NotADirectoryError):
    """A directory was to be listed where a file is (§3.13)."""

    code = "path_not_directory"
    words = "a file is there, which has nothing to list"
    path: str


class DirectoryNotEmptyError(EverstoreError, OSError):
    """A directory with something in it was to be deleted without ``recursive`` (§3.13)."""

    code = "directory_not_empty"
    words = "directory is not empty; recursive=True deletes it with all that is in it"
    path: str
    errno = ENOTEMPTY


class PathExistsError(EverstoreError, FileExistsError):
    """Something is already there and the call was not told to replace it (§3.4, §4.5)."""

    code = "path_exists"
    words = "something is already there"
    path: str


class PathNotFoundError(EverstoreError, FileNotFoundError):
    """What an edit, a move or a copy needs, or a strict call is about (§3.13), does not exist."""

    code = "path_not_found"
    words = "no such file or directory"
    path: str


class EditError(EverstoreError):
    """The text to replace is not in the file, or is there more than once (§4.4).

    ``matches`` is how often it was found, ``lines`` the numbers of the lines where it begins, the first ten
    at most. Where it was not, ``nearest`` are the numbers of lines that are like it, three at most, the
    likeliest first; ``differs`` is ``"line ends"`` or ``"white space"`` when nothing else does at the first.
    """

    code = "edit_failed"
    path: str
    matches: int
    lines: tuple[int, ...] = ()
    nearest: tuple[int, ...] = ()
    differs: Literal["line ends", "white space"] | None = None
    _searched: str | None = None

    @classmethod
    def unless_once(cls, path: str, matches: int, searched: str | None = None) -> Self:
        """The refusal of a text that is in the file ``matches`` times, overlapping ones too.

        What was ``searched`` stays with it until ``take_text`` takes it out: no error carries content.
        """
        words = "is not in" if not matches else "is more than once in"
        error = cls(f"the text to replace {words} {path!r}", path=path, matches=matches)
        if matches:
            error.args = (f"{error}; {cls._REMEDY}",)
        error._searched = searched
        return error

    _REMEDY: ClassVar[str] = "give more of the text around it, or pass replace_all=True"

    def take_text(self) -> str | None:
        """The text that was searched, which is not kept here any more; ``None`` when it is not known."""
        searched, self._searched = self._searched, None
        if searched is None and isinstance(self.__cause__, EditError):  # of which this is a caller's own copy
            return self.__cause__.take_text()
        return searched

    def tell_lines(self, lines: tuple[int, ...], *, and_others: bool) -> None:
        """Tell where it is; ``and_others`` says that these are not all."""
        self.tell(lines=lines)
        where = _in_words(lines, "others" if and_others else None)
        self.args = (f"the text to replace is more than once in {self.path!r}, at {where}; {self._REMEDY}",)

    def tell_nearest(
        self, nearest: tuple[int, ...], differs: Literal["line ends", "white space"] | None = None
    ) -> None:
        """Tell which lines are like it, the likeliest first, and what alone differs at that one."""
        self.tell(nearest=nearest, differs=differs)
        if differs:
            verb = "differs" if differs == "white space" else "differ"
            self.args = (f"{self}, but only its {differs} {verb} at line {nearest[0]}",)
        elif nearest:
            self.args = (f"{self}; nearest to it, the likeliest first: {_in_words(nearest)}",)


def _in_words(lines: tuple[int, ...], rest: str | None = None) -> str:
    *first, last = [*map(str, lines), *([rest] if rest else [])]
    return f"lines {', '.join(first)} and {last}" if first else f"line {last}"


class RevisionConflictError(EverstoreError):
    """``if_revision`` or ``if_absent`` did not hold; nothing was written (§4.2).

    ``current_revision`` is the revision found, ``None`` when nothing is there.
    """

    code = "revision_conflict"
    current_revision: str | None

    @classmethod
    def found(cls, place: str, wanted: str | None, current: str | None) -> Self:
        """The conflict at a path or key where ``current`` was found; ``None`` stands for nothing there."""
        expected = f"revision {wanted!r}" if wanted is not None else "nothing"
        actual = f"revision {current!r}" if current is not None else "nothing"
        return cls(
            f"{place!r} changed meanwhile: expected {expected} there, found {actual}",
            place=place, expected_revision=wanted, current_revision=current,
        )  # fmt: skip

    @classmethod
    def require(cls, place: str, wanted: str | None, current: str | None) -> None:
        """Raise the conflict unless what is there is wanted; ``None`` stands for nothing."""
        if current != wanted:
            raise cls.found(place, wanted, current)


class SessionNotFoundError(EverstoreError, LookupError):
    """The session has no record (only verbs that change a record raise this)."""

    code = "session_not_found"
    session_id: UUID

    @classmethod
    def of(cls, session_id: UUID) -> Self:
        """The refusal to change the record of a session that has none."""
        return cls(f"session {session_id} has no record", session_id=session_id)


class CheckpointNotFoundError(EverstoreError, LookupError):
    """There is no such checkpoint, or it is another session's."""

    code = "checkpoint_not_found"
    checkpoint_id: UUID

    @classmethod
    def of(cls, checkpoint_id: UUID, session_id: UUID | None = None) -> Self:
        """The refusal of an id that no checkpoint has: none at all, or none of this session."""
        owner = "" if session_id is None else f"session {session_id} has "
        return cls(f"{owner or 'there is '}no checkpoint {checkpoint_id}", checkpoint_id=checkpoint_id)


class SessionNotEmptyError(EverstoreError):
    """A fork, an import or a copy was to go where something else is already; nothing happened."""

    code = "session_not_empty"
    session_id: UUID

    @classmethod
    def of(cls, session_id: UUID) -> Self:
        """The refusal to fork into a session that holds something."""
        message = f"session {session_id} is not empty, and a fork replaces nothing; fork into a new session"
        return cls(message, session_id=session_id)


class MergeConflictError(EverstoreError):
    """Both sides changed the same places, each in another way; nothing was merged.

    ``paths`` and ``keys`` are all of these places, in order.
    """

    code = "merge_conflict"
    paths: tuple[str, ...]
    keys: tuple[str, ...]

    @classmethod
    def of(cls, paths: Collection[str], keys: Collection[str]) -> Self:
        """The refusal to merge what both sides changed at these paths and keys."""
        places = [*map(repr, paths), *(f"key {key!r}" for key in keys)]
        told = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
        message = f"both sides changed {told}; prefer= takes one side's, or change one side and merge again"
        return cls(message, paths=tuple(paths), keys=tuple(keys))


class QuotaExceededError(EverstoreError):
    """A limit would have been exceeded; nothing was written or truncated (§7.4).

    ``limit`` is the name of the setting, or of the capability where the backend's own is the lower
    one; ``allowed`` is its value, ``wanted`` what there would have been, both in ``unit``; ``place`` is
    the path, key or name that the call was to write.
    """

    code = "quota_exceeded"
    limit: str
    allowed: int
    wanted: int
    unit: str
    place: str | None

    @classmethod
    def over(
        cls, limit: str, wanted: int, allowed: int, place: str | None = None, what: str | None = None
    ) -> Self:
        """The refusal of a call that would have brought what ``limit`` counts to ``wanted``.

        ``what`` is to be called at ``place``, where the limit's name does not tell: a key, a secret.
        """
        who, unit = _counted(limit, place, what)
        setting = f"EVERSTORE_LIMITS__{limit.upper()}"
        if limit.startswith("session_"):
            setting += " or create_session(limits=)"
        message = f"{who} would have {wanted:,} {unit}; {setting} allows {allowed:,}"
        return cls(message, limit=limit, allowed=allowed, wanted=wanted, unit=unit, place=place)

    @classmethod
    def beyond(
        cls, capability: str, wanted: int, allowed: int, place: str | None = None, what: str | None = None
    ) -> Self:
        """The refusal of ``wanted`` bytes in one place, where the backend keeps ``allowed`` at most."""
        who, unit = _counted(capability.removeprefix("max_"), place, what)
        message = (
            f"{who} would have {wanted:,} {unit}; this backend keeps {allowed:,} in one place, so split it"
        )
        return cls(message, limit=capability, allowed=allowed, wanted=wanted, unit=unit, place=place)


_COUNTED = {
    "file_bytes": ("file", " ", "bytes"),
    "session_entries": ("the session", " with ", "files and directories"),
    "session_bytes": ("the session's files", " with ", "bytes"),
    "key_bytes": ("key", " ", "bytes"),
    "value_bytes": ("value", " ", "bytes"),
    "session_keys": ("the session", " with ", "values and secrets"),
    "session_value_bytes": ("the session's values and secrets", " with ", "bytes"),
}
"""Of each limit: what holds that which is counted, how the place follows, and the unit."""


def _counted(limit: str, place: str | None, what: str | None) -> tuple[str, str]:
    """What a refusal says of who would have too much, and of what."""
    who, joint, unit = _COUNTED.get(limit, ("this", " at ", "bytes" if "bytes" in limit else "entries"))
    who = what or who
    if place is None:
        return who, unit
    return f"{who}{joint}{place[:100]!r}{'...' if len(place) > 100 else ''}", unit


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
