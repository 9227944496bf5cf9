"""Lists of changes: each is checked by the guard of the verb that it stands for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast, get_args

from msgspec.structs import asdict

from everstore.changes import Delete, FileChange
from everstore.errors import EverstoreError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from everstore.interfaces import SessionFileSystem

__all__ = ["MADE", "checked_changes"]

_KINDS: dict[str, type[Any]] = {kind.verb: kind for kind in get_args(FileChange)}
_TAKEN = frozenset(_KINDS.values())
_NAMES = ", ".join(kind.__name__ for kind in _KINDS.values())


def _maker(kind: type[Any]) -> Callable[..., Any]:
    def made(session_id: UUID, *arguments: Any, **options: Any) -> Any:
        del session_id
        return kind(*arguments, **options)

    return made


MADE = cast("SessionFileSystem", SimpleNamespace(**{verb: _maker(kind) for verb, kind in _KINDS.items()}))
"""In the place of a backend: each verb that a change stands for answers with that change."""


def checked_changes(guard: SessionFileSystem, session_id: UUID, changes: object) -> list[FileChange]:
    """The changes in plain and canonical form, as ``guard`` lets them through, which is one over ``MADE``.

    A ``Delete`` is strict. ``InvalidArgumentError`` for what is no list of changes; the error about one of
    them has its place as ``index``.
    """
    if not isinstance(changes, (list, tuple)):
        raise InvalidArgumentError(f"changes is a list of {_NAMES}, not {type(changes).__name__}")
    checked: list[FileChange] = []
    for index, change in enumerate(changes):
        try:
            checked.append(_checked(guard, session_id, change))
        except EverstoreError as error:
            error.tell(index=index)
            raise
    return checked


def _checked(guard: SessionFileSystem, session_id: UUID, change: object) -> FileChange:
    kind: Any = type(change)
    if kind in _TAKEN:
        arguments = asdict(cast("FileChange", change))
    else:
        kind = _kind_of(change)
        arguments = {name: getattr(change, name) for name in kind.__struct_fields__}
    if kind is Delete:
        arguments["strict"] = True
    made: FileChange = getattr(guard, kind.verb)(session_id, **arguments)
    return made


def _kind_of(change: object) -> Any:
    """The class that a change of a class of its own is of."""
    kind = next((kind for kind in _TAKEN if isinstance(change, kind)), None)
    if kind is None:
        raise InvalidArgumentError(
            f"a change is one of everstore.changes: {_NAMES}; not {type(change).__name__}"
        )
    return kind
