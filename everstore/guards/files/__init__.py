"""What stands before a file system: the verbs by what they are about, each over the one before."""

from everstore.guards.files.guard import FileSystemGuard

__all__ = ["FileSystemGuard"]
