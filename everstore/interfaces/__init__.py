"""What a backend implements: one abstract class a role."""

from everstore.interfaces.capabilities import Capabilities
from everstore.interfaces.file_system import SessionFileSystem, SessionFileSystemFactory
from everstore.interfaces.key_ring import KeyRing
from everstore.interfaces.open_file_system import OpenFileSystem
from everstore.interfaces.rotation import DurableStorageStore, SecretRotation, storage_interface
from everstore.interfaces.session_store import SessionStore
from everstore.interfaces.storage_store import SessionStorageStore

__all__ = [
    "Capabilities",
    "DurableStorageStore",
    "KeyRing",
    "OpenFileSystem",
    "SecretRotation",
    "SessionFileSystem",
    "SessionFileSystemFactory",
    "SessionStorageStore",
    "SessionStore",
    "storage_interface",
]
