r"""everstore: what an agent's session keeps, in whatever backend the environment names.

A session has a private file system, values, secrets and a record::

    import everstore

    async with everstore.open_store() as store:  # EVERSTORE_BACKEND decides; memory by default
        session = await store.create_session("a first session")
        work = store.session(session.id)
        await work.files.write_file("notes.txt", "hello\nworld\n")
        await work.files.edit_file("notes.txt", "world", "everstore")
        [match] = await work.files.grep_files("ever")
        await work.storage.set_value("step", "1")
        await work.storage.increment_value("step")

What every verb promises stands at the interfaces: ``SessionFileSystem``, ``SessionStorageStore``
and ``SessionStore``. All errors are in ``everstore.errors``.
"""

from typing import TYPE_CHECKING

from everstore import errors
from everstore.interfaces import (
    Capabilities,
    DurableStorageStore,
    KeyRing,
    OpenFileSystem,
    SessionFileSystem,
    SessionFileSystemFactory,
    SessionStorageStore,
    SessionStore,
)
from everstore.models import (
    Checkpoint,
    EditedFile,
    FileChange,
    FileInfo,
    FileLines,
    FileStat,
    FileUsage,
    GrepMatch,
    InitialFile,
    KeyInfo,
    Merged,
    NumberedLine,
    SecretInfo,
    Session,
    SessionFile,
    SessionUsage,
    StorageUsage,
    StoredValue,
    ValueChange,
    is_checkpoint,
    new_checkpoint_id,
    new_session_id,
    to_dict,
)
from everstore.opening import open_store
from everstore.paths import parse_session_id, session_id_of
from everstore.session import BoundSession
from everstore.store import Store

if TYPE_CHECKING:
    from everstore.hookspecs import hookimpl, hookspec
    from everstore.middleware.base import Middleware
    from everstore.telling.observing import CallRecord

    __version__: str

__all__ = [
    "BoundSession",
    "CallRecord",
    "Capabilities",
    "Checkpoint",
    "DurableStorageStore",
    "EditedFile",
    "FileChange",
    "FileInfo",
    "FileLines",
    "FileStat",
    "FileUsage",
    "GrepMatch",
    "InitialFile",
    "KeyInfo",
    "KeyRing",
    "Merged",
    "Middleware",
    "NumberedLine",
    "OpenFileSystem",
    "SecretInfo",
    "Session",
    "SessionFile",
    "SessionFileSystem",
    "SessionFileSystemFactory",
    "SessionStorageStore",
    "SessionStore",
    "SessionUsage",
    "StorageUsage",
    "Store",
    "StoredValue",
    "ValueChange",
    "errors",
    "hookimpl",
    "hookspec",
    "is_checkpoint",
    "new_checkpoint_id",
    "new_session_id",
    "open_store",
    "parse_session_id",
    "session_id_of",
    "to_dict",
]


if not TYPE_CHECKING:  # pragma: no branch - to a type checker every name would be there
    _LATER = {
        "hookimpl": "everstore.hookspecs",
        "hookspec": "everstore.hookspecs",
        "CallRecord": "everstore.telling.observing",
        "Middleware": "everstore.middleware.base",
    }

    def __getattr__(name: str) -> object:
        """What few use, at first need: pluggy takes 10 ms, and only plugins use it."""
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415 - reads a file

            return version("everstore")
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - loads when needed

        return getattr(import_module(_LATER[name]), name)
