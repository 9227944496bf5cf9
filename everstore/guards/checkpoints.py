"""Nothing changes a checkpoint: which sessions a verb changes, told from its signature.

Whatever is not known to read, changes: a verb that somebody adds is refused on a checkpoint until it is named
here. An id says of itself that it is a checkpoint's, so looking at the arguments is all that it takes.
"""

from __future__ import annotations

import functools
import inspect
import re
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from everstore.errors import ReadOnlySessionError, UnsupportedError
from everstore.ids import is_checkpoint
from everstore.models import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.interfaces import Capabilities

__all__ = ["changeable", "changed_by", "require_forks"]

_READING = frozenset(
    {
        *("read_file", "read_bytes", "read_lines", "stat_file", "list_directory", "list_tree"),
        *("grep_files", "glob_files", "diff_sessions", "usage", "session_ids"),
        *("get_value", "get_values", "read_value", "read_values", "list_keys", "stat_value"),
        *("get_secret", "list_secrets", "scan_secrets", "get_session", "list_sessions"),
    }
)

_ONLY_READ = {"fork_session": {"source"}}
"""The sessions that a verb leaves as they are, though it changes others."""

_A_SESSION = re.compile(r"\b(UUID|Session)\b")


@functools.cache  # every store that opens asks of the same verbs
def changed_by(name: str, member: Callable[..., object]) -> tuple[str, ...]:
    """The parameters of a verb that are sessions which it changes: their ids, or their records."""
    if name in _READING:
        return ()
    return tuple(
        parameter.name
        for parameter in inspect.signature(member).parameters.values()
        if _A_SESSION.search(str(parameter.annotation)) and parameter.name not in _ONLY_READ.get(name, ())
    )


T = TypeVar("T")


def changeable(given: T) -> T:
    """What was given as a session, unless it is a checkpoint (``ReadOnlySessionError``)."""
    session_id = given.id if isinstance(given, Session) else given
    if isinstance(session_id, UUID) and is_checkpoint(session_id):
        raise ReadOnlySessionError.of(session_id)
    return given


def require_forks(capabilities: Capabilities) -> None:
    """``UnsupportedError`` where a backend does not claim them."""
    if not capabilities.forks:
        raise UnsupportedError("this backend offers no forks, checkpoints and differences of sessions")
