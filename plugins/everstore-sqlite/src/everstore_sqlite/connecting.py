"""How every connection is made, and why none is after a fork that met an open one.

SQLite keeps for the whole process which files are open, which locks it holds on them, and which of its
threads is inside. A fork copies all of that, and neither a lock nor a thread. A child that opens what its
parent had open takes itself to hold locks that it does not hold, and the parent, when it closes, removes the
log that the child goes on writing to; and whatever a child opens, it may wait for ever for a thread that was
inside at the fork. So every open connection is known here: where there was one at the fork, the child gets
none, and those of the parent are never closed there, not by the interpreter's end either. What else of
SQLite the parent had made, such as a statement that waits for the collector of garbage, is never freed there,
for freeing its memory waits for the same locks.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import weakref
from typing import TYPE_CHECKING, Any

from everstore.compat import override
from everstore.errors import StoreContextError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["connect"]


def connect(path: Path, how: str = "", *, timeout: float = 0.0, cached_statements: int = 128) -> _Connection:
    """A connection to the file, for any thread, outside of any transaction; ``how`` is of SQLite's URIs.

    It waits ``timeout`` seconds for a lock. ``StoreContextError`` in a child that was forked while a
    connection was open.
    """
    if _inherited:
        raise StoreContextError(
            "sqlite: this process was forked while a store was open, and SQLite cannot be used after that;"
            " close every store before forking, or start processes with 'spawn'"
        )
    return _Connection(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=cached_statements,
    )


class _Connection(sqlite3.Connection):
    """A connection that is known from before it is opened until after it is closed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        _open.add(self)
        try:
            super().__init__(*args, **options)
        except BaseException:
            _open.discard(self)
            raise

    @override
    def close(self) -> None:
        super().close()
        _open.discard(self)


_open: weakref.WeakSet[_Connection] = weakref.WeakSet()
_inherited: list[_Connection] = []


def _keep_after_fork() -> None:
    if not _open:
        return
    import ctypes  # noqa: PLC0415 - only in a forked child

    gc.freeze()  # cycles of the parent's objects are let be: a cursor may be in one
    for connection in _open:
        _inherited.append(connection)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))  # the interpreter's end forgets the list


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_after_fork)
