"""everstore without ``await``: each verb waits for its answer, on whichever thread calls it.

::

    from everstore import sync

    with sync.open_store() as store:  # EVERSTORE_BACKEND decides; memory by default
        session = store.create_session("a first session")
        work = store.session(session.id)
        work.files.write_file("notes.txt", "hello")
        work.storage.increment_value("step")

One store is enough for a process and all its threads. A process that forks opens it after the fork.
"""

from everstore.sync.bound import BoundFiles, BoundStorage
from everstore.sync.interfaces import OpenFileSystem, SecretRotation, SessionStorageStore, SessionStore
from everstore.sync.opening import open_store
from everstore.sync.store import BoundSession, Store

__all__ = [
    "BoundFiles",
    "BoundSession",
    "BoundStorage",
    "OpenFileSystem",
    "SecretRotation",
    "SessionStorageStore",
    "SessionStore",
    "Store",
    "open_store",
]
