"""everstore on SQLite: files, values, secrets and session records in one file, without a server.

Named by ``EVERSTORE_BACKEND=sqlite``; see ``settings`` for what can be configured, ``schema`` for
what is in the file, ``writer`` for how a hundred writers share one fsync, and ``database`` for
which thread a call runs on.
"""

from everstore_sqlite.database import Database
from everstore_sqlite.settings import SqliteSettings

__all__ = ["Database", "SqliteSettings"]
