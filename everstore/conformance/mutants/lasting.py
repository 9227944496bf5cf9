"""Mistakes with how long something lasts: an end outlives what it was of, or is put off, or counted anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from everstore.clock import now_ns
from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []

_MONTH = 30 * 86_400


class _Setting(NamedTuple):
    """A set, and what a broken backend may know when it makes it: seconds, ``None`` for good."""

    ttl: float | None
    left: float | None
    last: float | None
    was_deleted: bool
    is_there: bool
    options: dict[str, Any]


def _of(mistake: str, row: str, change: Callable[[_Setting], float | None]) -> None:
    """A mutant that sets a value, or a secret, for as long as ``change`` says."""
    kind = row.partition("_")[0]

    def breaks(broken: Broken) -> None:
        sound, told = getattr(broken.storage, f"set_{kind}"), dict[Any, float | None]()
        deleted = set[Any]()

        async def put(session_id: Any, key: str, text: str, *, ttl: Any = None, **options: Any) -> Any:
            left, is_there = await _left(broken, kind, session_id, key)
            place = session_id, key
            setting = _Setting(ttl, left, told.get(place), place in deleted, is_there, options)
            answer = await sound(session_id, key, text, ttl=change(setting), **options)
            told[place] = ttl if ttl is not None else told.get(place)
            return answer

        async def delete(session_id: Any, key: str, **options: Any) -> bool:
            deleted.add((session_id, key))
            answer: bool = await getattr(broken.storage, f"delete_{kind}")(session_id, key, **options)
            return answer

        put.__name__, delete.__name__ = f"set_{kind}", f"delete_{kind}"
        broken.verb(put)
        broken.verb(delete)

    breaks.__name__ = f"lasts_wrongly_where_{row}"
    breaks.__doc__ = mistake
    mutant(f"values.lives.{'set_if_revision' if 'if_revision' in row else f'set_{kind}'}")(breaks)


async def _left(broken: Broken, kind: str, session_id: Any, key: str) -> tuple[float | None, bool]:
    """For how many more seconds something is there, and whether it is."""
    found: Any = None
    if kind == "value":
        found = await broken.storage.stat_value(session_id, key)
    for info in await broken.storage.list_secrets(session_id) if kind == "secret" else ():
        found = info if info.name == key else found
    if found is None or found.expires_ns is None:
        return None, found is not None
    return (found.expires_ns - now_ns()) / 1e9, True


for _kind in ("value", "secret"):
    _of(
        f"A {_kind} that is set again ends when it would have ended, if that is sooner",
        f"{_kind}_set_again",
        lambda at: min(at.ttl, at.left) if at.ttl and at.left else at.ttl,
    )
    _of(
        f"A {_kind} of more than a month that is set again for good still ends",
        f"{_kind}_set_again_for_good",
        lambda at: at.left if at.ttl is None and (at.left or 0) > _MONTH else at.ttl,
    )
    _of(
        f"The time to live of a {_kind} that was deleted is found by its key again",
        f"{_kind}_deleted_and_set_for_good",
        lambda at: at.last if at.was_deleted and at.ttl is None else at.ttl,
    )
    _of(
        f"The time to live of a {_kind} that is over is given to what is set in its place",
        f"{_kind}_over_and_set_for_good",
        lambda at: at.last if not (at.was_deleted or at.is_there or at.ttl) else at.ttl,
    )

_of(
    "A conditional set keeps the time to live that was there",
    "value_set_if_revision_for_good",
    lambda at: at.left if at.options.get("if_revision") and at.ttl is None else at.ttl,
)


@mutant("values.lives.set_value")
def extends_what_is_looked_at(broken: Broken) -> None:
    """A value that is read lasts a day longer, as in a cache whose entries slide."""

    @broken.verb
    async def get_value(session_id: Any, key: str) -> str | None:
        found = await broken.storage.get_value(session_id, key)
        info = await broken.storage.stat_value(session_id, key)
        if found is not None and info is not None and info.expires_ns is not None:
            left = (info.expires_ns - now_ns()) / 1e9
            await broken.storage.set_value(session_id, key, found, ttl=left + 86_400)
        return found


@mutant("values.lives.set_secret")
def shortens_secrets_that_are_listed(broken: Broken) -> None:
    """A secret that was handed out ends within a week."""

    @broken.verb
    async def get_secret(session_id: Any, name: str) -> str | None:
        found = await broken.storage.get_secret(session_id, name)
        left, _ = await _left(broken, "secret", session_id, name)
        if found is not None and left is not None and left > 7 * 86_400:
            await broken.storage.set_secret(session_id, name, found, ttl=7 * 86_400)
        return found


@mutant("values.lives.set_value")
def notes_the_end_before_it_looks(broken: Broken) -> None:
    """The time to live is noted first, and the condition looked at then."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        found = await broken.storage.get_value(session_id, key)
        if found is not None and options.get("if_absent"):
            await broken.storage.set_value(session_id, key, found, ttl=ttl)
        return await broken.storage.set_value(session_id, key, value, ttl=ttl, **options)


def _increments(broken: Broken, remember: Callable[[float | None, float | None], float | None]) -> None:
    """An increment that is a get and a set; ``remember`` has what is left, and what was set last."""
    told: dict[Any, Any] = {}

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        info = await broken.storage.set_value(session_id, key, value, ttl=ttl, **options)
        told[session_id, key] = ttl
        return info

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        left, _ = await _left(broken, "value", session_id, key)
        total = await broken.storage.increment_value(session_id, key, amount)
        ttl = remember(left, told.get((session_id, key)))
        await broken.storage.set_value(session_id, key, str(total), ttl=ttl)
        return total


@mutant("values.lives.set_value")
def counts_anew_from_each_increment(broken: Broken) -> None:
    """An increment starts the time to live again, as for a limit of calls by the hour."""
    _increments(broken, lambda left, last: last if left else None)


@mutant("values.lives.set_value")
def gives_what_is_over_another_turn(broken: Broken) -> None:
    """A counter that is over begins at nothing again, with the time to live that it had."""
    _increments(broken, lambda left, last: left or last)
