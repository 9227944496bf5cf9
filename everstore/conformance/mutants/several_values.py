"""Mistakes with several changes of values in one call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from everstore.changes import DeleteValue, Increment, SetValue, TouchValue
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EverstoreError, InvalidContentError, QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


def _giving(broken: Broken, change: Callable[[list[Any]], Any]) -> None:
    """``change`` makes something else of the list that is given."""

    @broken.verb
    async def change_values(session_id: Any, changes: Any) -> Any:
        given = change(list(changes)) if isinstance(changes, list) else changes
        return await broken.storage.change_values(session_id, given)


def _one_by_one(broken: Broken, *, when: Callable[[list[Any]], bool], pause: bool = False) -> None:
    """The changes are made one by one, and those before a refusal stay."""

    @broken.verb
    async def change_values(session_id: Any, changes: Any) -> Any:
        if not isinstance(changes, list) or not when(changes):
            return await broken.storage.change_values(session_id, changes)
        answers: list[Any] = []
        for index, change in enumerate(changes):
            try:
                answers += await broken.storage.change_values(session_id, [change])
            except EverstoreError as error:
                error.tell(index=index)
                raise
            if pause:
                await asyncio.sleep(0)
        return answers


def _has(kind: type[Any], **fields: Any) -> Callable[[list[Any]], bool]:
    """Whether a list has a change of a kind, in which these are given."""

    def has(changes: list[Any]) -> bool:
        return any(
            isinstance(change, kind) and fields.items() <= asdict(change).items() for change in changes
        )

    return has


@mutant("values.changes.in_order")
def counts_first(broken: Broken) -> None:
    """Counters are counted before anything else is done."""
    _giving(
        broken,
        lambda changes: (
            sorted(changes, key=lambda change: not isinstance(change, Increment))
            if len(changes) == 8
            else changes
        ),
    )


@mutant("values.changes.answers")
def answers_deletions_with_nothing(broken: Broken) -> None:
    """A deletion among several changes is answered with None."""

    @broken.verb
    async def change_values(session_id: Any, changes: Any) -> Any:
        answers = await broken.storage.change_values(session_id, changes)
        deleted = [isinstance(change, DeleteValue) for change in changes]
        return [None if gone else answer for answer, gone in zip(answers, deleted, strict=True)]


@mutant("values.changes.for_a_while")
def keeps_for_ever(broken: Broken) -> None:
    """Among several changes times to live are dropped."""

    def kept(changes: list[Any]) -> list[Any]:
        return [
            replace(change, ttl=None)
            if isinstance(change, (SetValue, TouchValue)) and change.ttl == 3600
            else change
            for change in changes
        ]

    _giving(broken, kept)


@mutant("values.changes.nothing.set_if_revision")
def keeps_what_was_before_a_condition(broken: Broken) -> None:
    """What was changed before an outdated revision stays."""
    _one_by_one(broken, when=_has(SetValue, if_revision="0"))


@mutant("values.changes.nothing.set_if_absent")
def keeps_what_was_before_a_key(broken: Broken) -> None:
    """What was changed before a key that is there already stays."""
    _one_by_one(broken, when=lambda changes: len(changes) == 6 and _has(SetValue, if_absent=True)(changes))


@mutant("values.changes.nothing.delete_if_revision")
def deletes_on_no_condition(broken: Broken) -> None:
    """The condition of a deletion counts by itself only."""

    def unconditional(changes: list[Any]) -> list[Any]:
        return [
            replace(change, if_revision=None)
            if isinstance(change, DeleteValue) and change.if_revision == "0"
            else change
            for change in changes
        ]

    _giving(broken, unconditional)


@mutant("values.changes.nothing.increment")
def tells_the_place_before(broken: Broken) -> None:
    """The error of a counter tells the place of the change before it."""

    @broken.verb
    async def change_values(session_id: Any, changes: Any) -> Any:
        try:
            return await broken.storage.change_values(session_id, changes)
        except InvalidContentError as error:
            index = getattr(error, "index", None)
            if index is not None and isinstance(changes[index], Increment):
                error.tell(index=index - 1)
            raise


@mutant("values.changes.alone")
def tells_no_place_of_a_change(broken: Broken) -> None:
    """The error of a change that is alone has no place."""

    @broken.verb
    async def change_values(session_id: Any, changes: Any) -> Any:
        try:
            return await broken.storage.change_values(session_id, changes)
        except EverstoreError as error:
            if len(changes) == 1:
                error.tell(index=None)
            raise


def _trying_the_first(broken: Broken, when: Callable[[Any], bool]) -> None:
    """The first of two changes is tried before the other is looked at."""

    @broken.verb
    async def change_values(session_id: Any, changes: Any) -> Any:
        if (
            isinstance(changes, list)
            and len(changes) == 2
            and _has(SetValue, if_absent=True)(changes)
            and when(changes[1])
        ):
            await broken.storage.change_values(session_id, changes[:1])
        return await broken.storage.change_values(session_id, changes)


@mutant("values.changes.first.key")
def tries_before_keys(broken: Broken) -> None:
    """Keys are looked at one change after the other."""
    _trying_the_first(broken, lambda change: not change.key)


@mutant("values.changes.first.value")
def tries_before_texts(broken: Broken) -> None:
    """Values are looked at one change after the other."""
    _trying_the_first(broken, lambda change: not change.value.isprintable())


@mutant("values.changes.too_large")
def tries_before_sizes(broken: Broken) -> None:
    """What is too large is told of behind what the values do not allow."""

    @broken.verb
    async def change_values(session_id: Any, changes: Any) -> Any:
        try:
            return await broken.storage.change_values(session_id, changes)
        except QuotaExceededError as error:
            if getattr(error, "index", 0) == 1:
                await broken.storage.change_values(session_id, changes[:1])
            raise


@mutant("values.changes.one_step")
def changes_step_by_step(broken: Broken) -> None:
    """Sets and counts are made one after another."""
    _one_by_one(
        broken,
        when=lambda changes: len(changes) == 3 and all(isinstance(each, SetValue) for each in changes[:2]),
        pause=True,
    )


@mutant("values.changes.beside")
def adds_before_the_condition(broken: Broken) -> None:
    """What stands before a condition is done before it is looked at."""
    _one_by_one(
        broken,
        when=lambda changes: len(changes) == 2 and getattr(changes[1], "if_revision", None) is not None,
    )


@mutant("values.changes.told")
def tells_no_bytes_of_several(broken: Broken) -> None:
    """Several changes of values are told as two calls."""
    _one_by_one(
        broken,
        when=lambda changes: (
            len(changes) == 3 and isinstance(changes[2], Increment) and changes[0].value == "xxx"
        ),
    )
