"""Lists of changes: each is checked by the guard of the verb that it stands for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args

from msgspec.structs import asdict

from everstore.changes import AnyFileChange, AnyValueChange, Delete
from everstore.errors import EverstoreError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

__all__ = ["FILE_CHANGES", "VALUE_CHANGES", "ChangeKinds"]

C = TypeVar("C")


class ChangeKinds(Generic[C]):
    """The kinds of changes that a list may have: one a class of ``everstore.changes``."""

    def __init__(self, union: object) -> None:
        """``union`` is of the classes."""
        kinds: dict[str, type[Any]] = {kind.verb: kind for kind in get_args(union)}
        self._taken = frozenset(kinds.values())
        self._names = ", ".join(kind.__name__ for kind in kinds.values())
        self.made: Any = SimpleNamespace(**{verb: _maker(kind) for verb, kind in kinds.items()})
        """In the place of a backend: each verb that a change stands for answers with that change."""

    def checked(self, guard: object, session_id: UUID, changes: object) -> list[C]:
        """The changes in plain and canonical form, as ``guard``, one over ``made``, lets them through.

        A ``Delete`` is strict. ``InvalidArgumentError`` for what is no list of these changes; the error about
        one of them has its place as ``index``.
        """
        if not isinstance(changes, (list, tuple)):
            raise InvalidArgumentError(f"changes is a list of {self._names}, not {type(changes).__name__}")
        checked: list[C] = []
        for index, change in enumerate(changes):
            try:
                checked.append(self._checked(guard, session_id, change))
            except EverstoreError as error:
                error.tell(index=index)
                raise
        return checked

    def _checked(self, guard: object, session_id: UUID, change: object) -> C:
        kind: Any = type(change)
        if kind in self._taken:
            arguments = asdict(change)  # type: ignore[arg-type]  # a struct, being one of the kinds
        else:
            kind = self._kind_of(change)
            arguments = {name: getattr(change, name) for name in kind.__struct_fields__}
        if kind is Delete:
            arguments["strict"] = True
        made: C = getattr(guard, kind.verb)(session_id, **arguments)
        return made

    def _kind_of(self, change: object) -> Any:
        """The class that a change of a class of its own is of."""
        kind = next((kind for kind in self._taken if isinstance(change, kind)), None)
        if kind is None:
            raise InvalidArgumentError(
                f"a change is one of everstore.changes: {self._names}; not {type(change).__name__}"
            )
        return kind


def _maker(kind: type[Any]) -> Callable[..., Any]:
    def made(session_id: UUID, *arguments: Any, **options: Any) -> Any:
        del session_id
        return kind(*arguments, **options)

    return made


FILE_CHANGES = ChangeKinds[AnyFileChange](AnyFileChange)
VALUE_CHANGES = ChangeKinds[AnyValueChange](AnyValueChange)
