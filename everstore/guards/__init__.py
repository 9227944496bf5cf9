"""The guards: arguments are checked, paths normalised and sizes limited here, before any backend.

One explicit method a verb. None is a coroutine itself: each checks, and returns the backend's.
"""

from everstore.guards.files import FileSystemGuard
from everstore.guards.sessions import SessionStoreGuard
from everstore.guards.storage import DurableStorageGuard, StorageGuard

__all__ = ["DurableStorageGuard", "FileSystemGuard", "SessionStoreGuard", "StorageGuard"]
