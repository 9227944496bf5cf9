"""What concurrent calls share, as plain sequential objects: a register, a counter, a set of names.

Each is a function for ``explain_history``: the states that one operation can lead to. Arguments and
answers are what JSON can carry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from everstore.conformance.linearizability import Operation

__all__ = ["LINEAGE", "counter", "names", "register"]

LINEAGE = 1000
"""Numbers that are set are multiples of it, and what is added to them stays below it."""

_Held = tuple[str, str | None]  # a content and its revision, which is None while nobody has seen it


class _Over(NamedTuple):
    """What was held until its time to live was over."""

    held: _Held


_LOOKS = {"end", "get", "read", "stat"}


def register(state: _Held | _Over | None, operation: Operation) -> Iterable[_Held | _Over | None]:
    """One file, or one value, which may be absent.

    ``read`` -> ``[content, revision]`` or ``None``; ``get`` -> the content only, ``stat`` -> the revision
    only. ``write`` of a content -> the revision, if it is told.
    ``write_if`` of ``[content, revision]`` (``None``: if absent) -> ``{"revision": ...}``, or
    ``{"conflict": ...}`` with the current one. ``match`` of ``[expected, content]`` -> the revision or
    ``None``. ``append`` of a text -> ``[size, revision]``. ``edit`` of ``[old, new]`` -> ``[content,
    revision]``, ``"missing"`` or ``"no match"``. ``delete`` -> whether it was there. ``take`` -> the content
    that is gone, or ``None``. ``delete_if`` of a revision -> ``{}``, or ``{"conflict": ...}``. ``touch`` ->
    whether it is there. ``add`` of an amount -> the sum. ``end`` of a content -> nothing: its time to live
    is over, and that of the numbers that were counted from it.

    Nobody who looks sees what is over. A change that was at it before may still be made from it: between its
    look at the clock and its commit others may have looked.
    """
    if not isinstance(state, _Over):
        return _REGISTER[operation.action](state, operation)
    as_absent = [after or state for after in _REGISTER[operation.action](None, operation)]
    if operation.action in _LOOKS:
        return as_absent
    return [*as_absent, *_REGISTER[operation.action](state.held, operation)]


# An unknown outcome has no answer, so what was written then has no revision that anybody knows. That it
# did nothing at all need not be said.


def _read(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    return [] if operation.is_unknown else _seen(state, operation.answer)


def _get(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    return [state] if operation.answer == (state[0] if state else None) else []


def _stat(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    return [] if operation.is_unknown else _with_revision(state, operation.answer)


def _write(_state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    return [(operation.argument, operation.answer)]


def _write_if(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    content, wanted = operation.argument
    answer = operation.answer or {"revision": None}
    if "conflict" in answer:
        return [] if answer["conflict"] == wanted else _with_revision(state, answer["conflict"])
    return [(content, answer["revision"]) for _ in _with_revision(state, wanted)]


def _match(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    expected, content = operation.argument
    matches = state is not None and state[0] == expected
    if operation.answer is None and not operation.is_unknown:
        return [] if matches else [state]
    return [(content, operation.answer)] if matches else []


def _append(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    whole = (state[0] if state else "") + operation.argument
    size, revision = operation.answer or (len(whole.encode()), None)
    return [(whole, revision)] if size == len(whole.encode()) else []


def _delete(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    return [None] if operation.is_unknown or operation.answer is (state is not None) else []


def _delete_if(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    wanted, answer = operation.argument, operation.answer or {}
    if "conflict" in answer:
        return [] if answer["conflict"] == wanted else _with_revision(state, answer["conflict"])
    return [None for _ in _with_revision(state, wanted)]


def _touch(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    return [state] if operation.is_unknown or operation.answer is (state is not None) else []


def _edit(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    old, new = operation.argument
    problem = "missing" if state is None else None if state[0].count(old) == 1 else "no match"
    if state is None or problem:
        return [state] if operation.answer == problem else []
    whole = state[0].replace(old, new)
    if operation.is_unknown:
        return [(whole, None)]
    return [(whole, operation.answer[1])] if operation.answer[0] == whole else []


def _take(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    return [None] if operation.is_unknown or operation.answer == (state[0] if state else None) else []


def _add(state: _Held | None, operation: Operation) -> Iterable[_Held | None]:
    total = int(state[0] if state else 0) + operation.argument
    return [(str(total), None)] if operation.is_unknown or operation.answer == total else []


def _end(state: _Held | None, operation: Operation) -> Iterable[_Held | _Over | None]:
    if state is None:
        return []
    held, ended = state[0], operation.argument
    is_over = held == ended or (held.isdecimal() and int(held) // LINEAGE == int(ended) // LINEAGE)
    return [_Over(state)] if is_over else []


_REGISTER: dict[str, Callable[[_Held | None, Operation], Iterable[_Held | _Over | None]]] = {
    "add": _add,
    "edit": _edit,
    "end": _end,
    "take": _take,
    "append": _append,
    "delete": _delete,
    "delete_if": _delete_if,
    "touch": _touch,
    "get": _get,
    "match": _match,
    "read": _read,
    "stat": _stat,
    "write": _write,
    "write_if": _write_if,
}


def _seen(state: _Held | None, seen: Any) -> Iterable[_Held | None]:
    """The state, if this is what a reader of it sees."""
    if state is None or seen is None:
        return [state] if state is seen is None else []
    return _with_revision(state, seen[1]) if state[0] == seen[0] else []


def _with_revision(state: _Held | None, revision: str | None) -> Iterable[_Held | None]:
    """The state, if its revision can be this one; ``None`` is that of nothing."""
    if state is None or revision is None:
        return [state] if state is None and revision is None else []
    return [(state[0], revision)] if state[1] in {None, revision} else []


def counter(state: int | None, operation: Operation) -> Iterable[int | None]:
    """A value that is counted: ``add`` of an amount -> the sum, ``read`` -> the number or ``None``."""
    if operation.action == "read":
        return [state] if operation.is_unknown or operation.answer == state else []
    total = (state or 0) + operation.argument
    return [total] if operation.is_unknown or operation.answer == total else []


def names(state: frozenset[str] | None, operation: Operation) -> Iterable[frozenset[str]]:
    """The names in a directory.

    ``add`` of a name -> ``True`` if it was not there, ``False`` if it was. ``remove`` of a name -> whether
    it was there. ``rename`` of ``[a, b]`` -> ``"done"``, ``"missing"`` (no ``a``) or ``"exists"`` (a ``b``).
    ``list`` -> all names, sorted.
    """
    held = state or frozenset()
    action, argument, answer = operation.action, operation.argument, operation.answer
    if action == "list":
        return [held] if operation.is_unknown or answer == sorted(held) else []
    if action == "rename":
        source, destination = argument
        outcome = "missing" if source not in held else "exists" if destination in held else "done"
        after = held - {source} | {destination} if outcome == "done" else held
        return [after] if operation.is_unknown or answer == outcome else []
    was_there = argument in held
    after = held | {argument} if action == "add" else held - {argument}
    expected = not was_there if action == "add" else was_there
    return [after] if operation.is_unknown or answer is expected else []
