"""What stands before a store of values and secrets."""

from everstore.guards.storage.guard import DurableStorageGuard, StorageGuard

__all__ = ["DurableStorageGuard", "StorageGuard"]
