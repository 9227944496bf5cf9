"""Mistakes with what a set tells, with many values at once, and with what is not quite a set."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.clock import now_ns
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EverstoreError, QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from everstore.models import KeyInfo

__all__: list[str] = []


def _answering(broken: Broken, change: Any) -> None:
    """``change`` makes something else of what a set answers with."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        info = await broken.storage.set_value(session_id, key, value, **options)
        return change(info, options)


@mutant("values.told.new")
def tells_no_creation(broken: Broken) -> None:
    """The answer of a new value has no time of creation."""

    def changed(info: KeyInfo, _: Any) -> KeyInfo:
        return replace(info, created_ns=0) if info.created_ns == info.updated_ns else info

    _answering(broken, changed)


@mutant("values.told.onto")
def tells_it_is_new(broken: Broken) -> None:
    """The answer tells a value that was there as if it were new."""
    _answering(broken, lambda info, _: replace(info, created_ns=info.updated_ns))


@mutant("values.told.if_absent")
def tells_nothing_if_absent(broken: Broken) -> None:
    """A set under if_absent is answered with nothing, as the others were once."""
    _answering(broken, lambda info, options: None if options.get("if_absent") else info)


@mutant("values.told.if_revision")
def tells_the_condition(broken: Broken) -> None:
    """A set under if_revision is answered with that revision."""

    def changed(info: KeyInfo, options: Any) -> KeyInfo:
        condition = options.get("if_revision")
        return info if condition is None else replace(info, version=int(condition, 16))

    _answering(broken, changed)


@mutant("values.told.for_a_while")
def tells_no_end(broken: Broken) -> None:
    """The answer has no end."""
    _answering(broken, lambda info, _: replace(info, expires_ns=None))


@mutant("values.told.beside")
def tells_what_is_there_by_then(broken: Broken) -> None:
    """The answer is looked up when the value is set."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        info = await broken.storage.set_value(session_id, key, value, **options)
        await asyncio.sleep(0)
        return await broken.storage.stat_value(session_id, key) or info


@mutant("values.many")
def answers_by_key(broken: Broken) -> None:
    """The answers to many values are in the order of their keys."""

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        infos = await broken.storage.set_values(session_id, values, **options)
        return sorted(infos, key=lambda info: info.key)


@mutant("values.many.nothing")
def refuses_to_set_nothing(broken: Broken) -> None:
    """No values are a mistake of the caller's."""

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        return await broken.storage.set_values(session_id, values, **options) or None


@mutant("values.many.of_a_view")
def sets_what_it_may_change(broken: Broken) -> None:
    """Of what is no dict, nor like one that can be changed, nothing is set."""

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        taken = values if hasattr(values, "pop") or not hasattr(values, "keys") else {}
        return await broken.storage.set_values(session_id, taken, **options)


@mutant("values.many.of_another_mapping")
def sets_of_dicts_only(broken: Broken) -> None:
    """What is of a kind of its own is taken for a list of nothing."""

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        taken = {} if hasattr(values, "data") else values
        return await broken.storage.set_values(session_id, taken, **options)


@mutant("values.many.if_absent")
def sets_until_it_is_refused(broken: Broken) -> None:
    """Many values are set one by one, and those before a refusal stay."""

    @broken.verb
    async def set_values(session_id: Any, values: Mapping[str, str], **options: Any) -> Any:
        if not hasattr(values, "items"):
            return await broken.storage.set_values(session_id, values, **options)
        infos = []
        for index, (key, value) in enumerate(values.items()):
            try:
                infos.append(await broken.storage.set_value(session_id, key, value, **options))
            except EverstoreError as error:
                error.tell(index=index)
                raise
        return infos


def _telling(broken: Broken, place: Any) -> None:
    """``place`` makes something else of the index that a refusal tells."""

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        try:
            return await broken.storage.set_values(session_id, values, **options)
        except EverstoreError as error:
            if hasattr(error, "index"):
                error.tell(index=place(error.index, len(values)))
            raise


@mutant("values.many.refused.value")
def counts_places_from_the_end(broken: Broken) -> None:
    """The place of what is refused is counted from the last one, where there are three."""
    _telling(broken, lambda index, size: index - size if size > 2 else index)


@mutant("values.many.refused.alone")
def tells_no_place_of_one(broken: Broken) -> None:
    """Where there is one value only, its refusal has no place."""
    _telling(broken, lambda index, size: None if size == 1 else index)


@mutant("values.many.refused.key")
def tells_places_of_pairs(broken: Broken) -> None:
    """Of two, the place is counted from 1."""
    _telling(broken, lambda index, size: index + 1 if size == 2 else index)


@mutant("values.many.refused.before_a_conflict")
def looks_at_conditions_first(broken: Broken) -> None:
    """The condition is looked at key by key, before the keys behind it are."""

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        if options.get("if_absent") and "k" in values:
            await broken.storage.set_values(session_id, {"k": values["k"]}, **options)
        return await broken.storage.set_values(session_id, values, **options)


@mutant("values.many.twice")
def drops_what_is_twice(broken: Broken) -> None:
    """Of two keys that spell the same the last one is set."""

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        plain = {str.__str__(key): value for key, value in values.items()} if len(values) > 1 else values
        return await broken.storage.set_values(session_id, plain, **options)


@mutant("values.many.one_step")
def sets_in_two_steps(broken: Broken) -> None:
    """Many values that are there already are set in two steps."""

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        if any(options.values()) or not isinstance(values, dict) or len(values) < 3:
            return await broken.storage.set_values(session_id, values, **options)
        *others, last = values.items()
        behind = await broken.storage.set_values(session_id, dict([last]), **options)
        await asyncio.sleep(0)
        return [*await broken.storage.set_values(session_id, dict(others), **options), *behind]


def _limiting(broken: Broken, limit: str, weight: Any) -> None:
    """Each value is held against a limit with what was there before the call, and not with the others."""
    allowed = broken.lost.get(f"limits__{limit}")

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        there = {info.key: "" for info in await broken.storage.list_keys(session_id)}
        had = sum([weight(key, await broken.storage.get_value(session_id, key)) for key in there])
        for index, (key, value) in enumerate(values.items()):
            wanted = had + weight(key, value)
            if allowed is not None and key not in there and wanted > allowed:
                error = QuotaExceededError.over(limit, wanted, allowed, key)
                error.tell(index=index)
                raise error
        return await broken.storage.set_values(session_id, values, **options)


@mutant("limits.many_values.session_keys", without=("limits__session_keys",))
def counts_each_key_alone(broken: Broken) -> None:
    """Each of many keys is the only new one to the limit."""
    _limiting(broken, "session_keys", lambda _key, _value: 1)


@mutant("limits.many_values.session_value_bytes", without=("limits__session_value_bytes",))
def counts_each_value_alone(broken: Broken) -> None:
    """The bytes of each of many values are the only new ones to the limit."""
    _limiting(broken, "session_value_bytes", lambda key, value: len(key) + len(value))


@mutant("limits.many_values.value_bytes")
def names_the_largest(broken: Broken) -> None:
    """Of many values that are too large the last one is named."""
    _telling(broken, lambda index, size: size - 1 if size == 3 and index == 1 else index)


@mutant("limits.many_values.key_bytes", without=("limits__key_bytes",))
def cuts_no_key_of_many(broken: Broken) -> None:
    """The limit of a key's size is not held against many."""
    del broken


@mutant("limits.many_values.by_itself", without=("limits__session_keys",))
def counts_keys_before_sizes(broken: Broken) -> None:
    """That a session has too many keys is told before that one of many values is too large by itself."""
    allowed = broken.lost.get("limits__session_keys")

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        keys = {info.key for info in await broken.storage.list_keys(session_id)}
        for index, key in enumerate(values):
            keys.add(key)
            if allowed is not None and len(keys) > allowed:
                error = QuotaExceededError.over("session_keys", len(keys), allowed, key)
                error.tell(index=index)
                raise error
        return await broken.storage.set_values(session_id, values, **options)


@mutant("values.delete.condition")
def deletes_whatever_is_there(broken: Broken) -> None:
    """The condition of a deletion is ignored."""

    @broken.verb
    async def delete_value(session_id: Any, key: str, **_: Any) -> Any:
        return await broken.storage.delete_value(session_id, key)


@mutant("values.delete.condition_beside")
def deletes_what_it_compared(broken: Broken) -> None:
    """A conditional deletion compares the revision, and deletes in another step."""

    @broken.verb
    async def delete_value(session_id: Any, key: str, **options: Any) -> Any:
        if options.get("if_revision") is not None:
            info = await broken.storage.stat_value(session_id, key)
            await asyncio.sleep(0)
            if info is not None and info.revision == options["if_revision"]:
                options.pop("if_revision")
        return await broken.storage.delete_value(session_id, key, **options)


def _touching(broken: Broken, ttl_of: Any) -> None:
    """``ttl_of`` makes something else of the time to live that a touch gives."""

    @broken.verb
    async def touch_value(session_id: Any, key: str, *, ttl: Any) -> Any:
        info = await broken.storage.stat_value(session_id, key)
        ttl = ttl if info is None else ttl_of(info, ttl)
        return await broken.storage.touch_value(session_id, key, ttl=ttl)


@mutant("values.touch")
def never_shortens_a_life(broken: Broken) -> None:
    """The new end counts only where it is later than the old one."""

    def longer(info: KeyInfo, ttl: Any) -> Any:
        left = None if info.expires_ns is None else (info.expires_ns - now_ns()) / 1e9
        return ttl if left is None or not isinstance(ttl, int) or isinstance(ttl, bool) else max(ttl, left)

    _touching(broken, longer)


@mutant("values.touch.for_ever")
def keeps_the_end(broken: Broken) -> None:
    """Without a time to live a touch does nothing."""

    def kept(info: KeyInfo, ttl: Any) -> Any:
        return (info.expires_ns - now_ns()) / 1e9 if ttl is None and info.expires_ns is not None else ttl

    _touching(broken, kept)


@mutant("values.touch.absent")
def touches_as_a_shell_does(broken: Broken) -> None:
    """What is absent is made, and is empty."""

    @broken.verb
    async def touch_value(session_id: Any, key: str, *, ttl: Any) -> Any:
        if await broken.storage.touch_value(session_id, key, ttl=ttl):
            return True
        await broken.storage.set_value(session_id, key, "", ttl=ttl)
        return True


@mutant("values.touch.over")
def brings_back_what_is_over(broken: Broken) -> None:
    """A touch finds what a sweep has not taken yet."""
    kept: dict[Any, str] = {}

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        info = await broken.storage.set_value(session_id, key, value, **options)
        if info.expires_ns is not None:
            kept[session_id, key] = value
        return info

    @broken.verb
    async def touch_value(session_id: Any, key: str, *, ttl: Any) -> Any:
        is_there = await broken.storage.touch_value(session_id, key, ttl=ttl)
        if not is_there and (session_id, key) in kept:
            await broken.storage.set_value(session_id, key, kept[session_id, key], ttl=ttl)
            return True
        return is_there


@mutant("values.touch.marks")
def touches_by_a_set(broken: Broken) -> None:
    """A touch sets the same text again."""

    @broken.verb
    async def touch_value(session_id: Any, key: str, *, ttl: Any) -> Any:
        info = await broken.storage.stat_value(session_id, key)
        if not await broken.storage.touch_value(session_id, key, ttl=ttl) or info is None:
            return False
        value = await broken.storage.get_value(session_id, key)
        await broken.storage.set_value(session_id, key, value or "", ttl=ttl)
        return True


@mutant("values.touch.beside")
def touches_what_it_read(broken: Broken) -> None:
    """A touch reads the value, and sets it in another step."""

    @broken.verb
    async def touch_value(session_id: Any, key: str, *, ttl: Any) -> Any:
        value = await broken.storage.get_value(session_id, key)
        await asyncio.sleep(0)
        is_there = await broken.storage.touch_value(session_id, key, ttl=ttl)
        if is_there and value is not None:
            await broken.storage.set_value(session_id, key, value, ttl=ttl)
        return is_there
