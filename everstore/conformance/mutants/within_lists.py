"""Mistakes within a list of changes: with what was there before it, and with what a refused one leaves."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.changes import (
    Append,
    AppendBytes,
    DeleteValue,
    Edit,
    Increment,
    Move,
    SetValue,
    TouchValue,
    Write,
    WriteBytes,
)
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EverstoreError, QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__: list[str] = []

_MONTH = 30 * 86_400


def _giving(broken: Broken, verb: str, change: Callable[[Any], Any]) -> None:
    """Each change of a list of two and more is made something else of by ``change``."""
    role = broken.files if verb == "apply_changes" else broken.storage

    async def changed(session_id: Any, changes: Any) -> Any:
        several = isinstance(changes, list) and len(changes) > 1
        given = [change(each) for each in changes] if several else changes
        return await getattr(role, verb)(session_id, given)

    changed.__name__ = verb
    broken.verb(changed)


def _taking_conditions_as_held(
    broken: Broken, verb: str, look: Callable[[Any, Any], Awaitable[Any]], name: str
) -> None:
    """Conditions are looked at before all changes; those that hold then are taken to hold."""
    role = broken.files if verb == "apply_changes" else broken.storage

    async def changed(session_id: Any, changes: Any) -> Any:
        given = []
        for each in changes if isinstance(changes, list) else ():
            condition, absent = getattr(each, "if_revision", None), getattr(each, "if_absent", False)
            found = await look(session_id, getattr(each, name)) if condition or absent else None
            if condition and found is not None and found.revision == condition:
                given.append(replace(each, if_revision=None))
            elif absent and found is None:
                given.append(replace(each, if_absent=False))
            else:
                given.append(each)
        return await getattr(role, verb)(session_id, given or changes)

    changed.__name__ = verb
    broken.verb(changed)


@mutant("changes.conditions.write_if_revision")
def writes_on_conditions_of_before(broken: Broken) -> None:
    """Conditions of several changes are looked at before all of them."""
    _taking_conditions_as_held(broken, "apply_changes", broken.files.stat_file, "path")


@mutant("values.changes.conditions.set_if_revision")
def sets_on_conditions_of_before(broken: Broken) -> None:
    """Conditions of several changes of values are looked at before all of them."""
    _taking_conditions_as_held(broken, "change_values", broken.storage.stat_value, "key")


@mutant("changes.times")
def has_one_time_for_a_list(broken: Broken) -> None:
    """All that a list of changes has left has the time of the last of them."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Any) -> Any:
        found = await broken.files.apply_changes(session_id, changes)
        last = max((info.updated_ns for info in found if info is not None), default=0)
        return [info and replace(info, updated_ns=last) for info in found]


def _counting_on(broken: Broken, verb: str, put: str, limit: str) -> None:
    """What a refused list would have put there is counted, and nothing fits any more."""
    role = broken.files if verb == "apply_changes" else broken.storage
    counted = set[Any]()

    async def changed(session_id: Any, changes: Any) -> Any:
        try:
            return await getattr(role, verb)(session_id, changes)
        except QuotaExceededError:
            raise
        except EverstoreError:
            counted.add(session_id)
            raise

    async def alone(session_id: Any, *given: Any, **options: Any) -> Any:
        if session_id in counted:
            raise QuotaExceededError.over(limit, 101, 100, "b")
        return await getattr(role, put)(session_id, *given, **options)

    changed.__name__, alone.__name__ = verb, put
    broken.verb(changed)
    broken.verb(alone)


@mutant("limits.refused_lists.files")
def counts_what_was_undone(broken: Broken) -> None:
    """What a refused list of changes would have written is counted."""
    _counting_on(broken, "apply_changes", "write_file", "session_bytes")


@mutant("limits.refused_lists.values")
def counts_values_that_were_undone(broken: Broken) -> None:
    """What a refused list of changes would have set is counted."""
    _counting_on(broken, "change_values", "set_values", "session_value_bytes")


@mutant("values.changes.ends.touched")
def undoes_without_ends(broken: Broken) -> None:
    """What a refused list of changes would have changed is put back, and its end is not."""

    @broken.verb
    async def change_values(session_id: Any, changes: Any) -> Any:
        try:
            return await broken.storage.change_values(session_id, changes)
        except EverstoreError:
            for each in changes:
                if isinstance(each, (TouchValue, SetValue, DeleteValue)):
                    await broken.storage.touch_value(session_id, each.key, ttl=None)
            raise


# -- what comes by a list


@mutant("content.kept.among_changes")
def patches_in_text_mode(broken: Broken) -> None:
    """What is written or appended among other changes gets plain line ends."""

    def plain(change: Any) -> Any:
        is_text = isinstance(change, (Write, Append)) and isinstance(change.content, str)
        return replace(change, content=change.content.replace("\r\n", "\n")) if is_text else change

    _giving(broken, "apply_changes", plain)


@mutant("content.kept.bytes_among_changes")
def patches_bytes_without_zeros(broken: Broken) -> None:
    """Zero bytes at the end of what comes as bytes among other changes are padding."""

    def stripped(change: Any) -> Any:
        is_bytes = isinstance(change, (WriteBytes, AppendBytes))
        return replace(change, data=bytes(change.data).rstrip(b"\0")) if is_bytes else change

    _giving(broken, "apply_changes", stripped)


@mutant("content.kept.edit_among_changes")
def patches_composed(broken: Broken) -> None:
    """What an edit among other changes puts in is normalised."""

    def composed(change: Any) -> Any:
        if not isinstance(change, Edit):
            return change
        return replace(change, new=unicodedata.normalize("NFC", change.new))

    _giving(broken, "apply_changes", composed)


@mutant("content.kept.path_among_changes")
def patches_to_tidy_names(broken: Broken) -> None:
    """Blanks and dots at the end of a destination get lost where a file is moved among other changes."""

    def tidy(change: Any) -> Any:
        if not isinstance(change, Move) or not isinstance(change.destination, str):
            return change
        return replace(change, destination=change.destination.rstrip(" .") or change.destination)

    _giving(broken, "apply_changes", tidy)


@mutant("content.kept.key_among_changes")
def counts_under_tidy_keys_among_changes(broken: Broken) -> None:
    """A counter's key is stripped among other changes."""

    def tidy(change: Any) -> Any:
        if not isinstance(change, (Increment, TouchValue)):
            return change
        return replace(change, key=change.key.strip() or change.key)

    _giving(broken, "change_values", tidy)


@mutant("values.lives.change_values")
def sets_among_others_for_whole_seconds(broken: Broken) -> None:
    """Among other changes a time to live is cut to whole seconds."""

    def whole(change: Any) -> Any:
        ttl = change.ttl if isinstance(change, SetValue) else None
        return change if ttl is None or ttl <= 1 else replace(change, ttl=int(ttl))

    _giving(broken, "change_values", whole)


@mutant("values.lives.touch_value")
def touches_among_others_for_a_month(broken: Broken) -> None:
    """Among other changes a touch lasts a month at most."""

    def cut(change: Any) -> Any:
        ttl = change.ttl if isinstance(change, TouchValue) else None
        return change if ttl is None else replace(change, ttl=min(ttl, _MONTH))

    _giving(broken, "change_values", cut)


@mutant("values.lives.set_values")
def sets_many_for_a_month(broken: Broken) -> None:
    """Many values last a month at most."""

    @broken.verb
    async def set_values(session_id: Any, values: Any, *, ttl: Any = None, **options: Any) -> Any:
        cut = None if ttl is None else min(ttl, _MONTH)
        return await broken.storage.set_values(session_id, values, ttl=cut, **options)


@mutant("values.touch")
def touches_for_25_days(broken: Broken) -> None:
    """A touch keeps its time to live in milliseconds, in 31 bits."""

    @broken.verb
    async def touch_value(session_id: Any, key: str, *, ttl: Any = None) -> Any:
        held = ttl if ttl is None or ttl < 1 else int(ttl * 1000) % (1 << 31) / 1000
        return await broken.storage.touch_value(session_id, key, ttl=held)


@mutant("values.touch")
def touches_for_whole_seconds(broken: Broken) -> None:
    """A touch lasts for whole seconds, a second at least."""

    @broken.verb
    async def touch_value(session_id: Any, key: str, *, ttl: Any = None) -> Any:
        whole = None if ttl is None else max(1, int(ttl))
        return await broken.storage.touch_value(session_id, key, ttl=whole)
