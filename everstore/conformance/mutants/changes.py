"""Mistakes with several changes in one call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.changes import AnyFileChange, Append, Delete, Edit, Write
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import (
    EverstoreError,
    InvalidArgumentError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    QuotaExceededError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__: list[str] = []

_ARGUMENTS = (InvalidArgumentError, PathIsDirectoryError)


def _is_list(changes: Any) -> bool:
    return isinstance(changes, list) and all(isinstance(change, AnyFileChange) for change in changes)


@mutant("changes.in_order")
def makes_the_last_of_a_kind(broken: Broken) -> None:
    """Of several changes of one kind at one path only the last is made."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Sequence[AnyFileChange]) -> Any:
        if _is_list(changes):
            last = {(type(change), *change.places()): change for change in changes}
            changes = [change for change in changes if last[type(change), *change.places()] is change]
        return await broken.files.apply_changes(session_id, changes)


@mutant("changes.see_edits")
def edits_what_was_there_before(broken: Broken) -> None:
    """An edit of one of several changes is worked out beforehand, from the content before all of them."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Sequence[AnyFileChange]) -> Any:
        worked_out = changes
        if _is_list(changes):
            worked_out = [await _worked_out(broken, session_id, change) for change in changes]
        return await broken.files.apply_changes(session_id, worked_out)


async def _worked_out(broken: Broken, session_id: Any, change: AnyFileChange) -> AnyFileChange:
    if not isinstance(change, Edit) or change.replace_all:
        return change
    try:
        found = await broken.files.read_file(session_id, change.path)
    except EverstoreError:
        return change
    if found is None or not found.content or found.content.count(change.old or "\0") != 1:
        return change
    return Write(change.path, found.content.replace(change.old, change.new))


@mutant("changes.answers")
def answers_as_the_verbs_do(broken: Broken) -> None:
    """Each change is answered as by its verb: with files and their contents, and True for a deletion."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Sequence[AnyFileChange]) -> Any:
        answers = await broken.files.apply_changes(session_id, changes)
        return [
            True if info is None else await broken.files.read_file(session_id, info.path) for info in answers
        ]


@mutant("changes.nothing.edit_no_match")
def leaves_what_was_made_before(broken: Broken) -> None:
    """The changes before the one that is refused stay."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Sequence[AnyFileChange]) -> Any:
        try:
            return await broken.files.apply_changes(session_id, changes)
        except EverstoreError as error:
            place = getattr(error, "index", 0)
            await broken.files.apply_changes(session_id, changes[:place] if place else [])
            raise


@mutant("changes.index.alone")
def tells_no_place_of_the_only_one(broken: Broken) -> None:
    """The error of the only change has no place."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Sequence[AnyFileChange]) -> Any:
        try:
            return await broken.files.apply_changes(session_id, changes)
        except EverstoreError as error:
            if _is_list(changes) and len(changes) == 1:
                raise type(error)(str(error)) from None
            raise


@mutant("changes.deletes_strictly")
def passes_over_what_is_gone(broken: Broken) -> None:
    """A deletion of what is not there is passed over, unless it says itself that it is strict."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Sequence[AnyFileChange]) -> Any:
        try:
            return await broken.files.apply_changes(session_id, changes)
        except PathNotFoundError as error:
            place: int = getattr(error, "index", 0)
            change = changes[place]
            if not isinstance(change, Delete) or change.strict or len(changes) == 1:
                raise
            return await apply_changes(session_id, [*changes[:place], *changes[place + 1 :]])


def _in_their_turn(broken: Broken, kinds: tuple[type[EverstoreError], ...]) -> None:
    """What is wrong with a change in one of these ways is found when those before it are made."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Sequence[AnyFileChange]) -> Any:
        try:
            return await broken.files.apply_changes(session_id, changes)
        except kinds as error:
            place = getattr(error, "index", 0)
            if place:
                await broken.files.apply_changes(session_id, changes[:place])
            raise


@mutant("changes.checked_first")
def looks_at_each_in_its_turn(broken: Broken) -> None:
    """Arguments are looked at when the changes before are made."""
    _in_their_turn(broken, _ARGUMENTS)


@mutant("changes.too_large")
def measures_each_in_its_turn(broken: Broken) -> None:
    """What is too large by itself is told when the changes before are made."""
    _in_their_turn(broken, (QuotaExceededError,))


@mutant("changes.limits.entries")
def makes_room_first(broken: Broken) -> None:
    """What is deleted by a later change makes room for those before it."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Sequence[AnyFileChange]) -> Any:
        try:
            return await broken.files.apply_changes(session_id, changes)
        except QuotaExceededError as error:
            place = getattr(error, "index", 0)
            later = [change for change in changes[place:] if isinstance(change, Delete)]
            others = [change for change in changes[place:] if not isinstance(change, Delete)]
            if not later:
                raise
            return await broken.files.apply_changes(session_id, [*changes[:place], *later, *others])


@mutant("changes.no_list.generator")
def takes_whatever_can_be_gone_through(broken: Broken) -> None:
    """A generator of changes is taken for a list of them."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Any) -> Any:
        given: list[Any] | None = None
        if hasattr(changes, "__next__"):
            given = [change for change in changes if isinstance(change, AnyFileChange)]
        return await broken.files.apply_changes(session_id, changes if given is None else given)


@mutant("changes.one_step")
def makes_changes_by_halves(broken: Broken) -> None:
    """The changes are made in two steps."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Sequence[AnyFileChange]) -> Any:
        if not _is_list(changes) or len(changes) != 4 or not isinstance(changes[1], Append):
            return await broken.files.apply_changes(session_id, changes)
        first = await broken.files.apply_changes(session_id, changes[:2])
        await asyncio.sleep(0)
        return first + await broken.files.apply_changes(session_id, changes[2:])


@mutant("tree.directory.new")
def is_content_with_a_directory(broken: Broken) -> None:
    """create_directory(exist_ok=False) is content with a directory that is there."""

    @broken.verb
    async def create_directory(session_id: Any, path: str, *, exist_ok: bool = True) -> Any:
        if exist_ok is False:
            return await broken.files.create_directory(session_id, path)
        return await broken.files.create_directory(session_id, path, exist_ok=exist_ok)


@mutant("concurrency.directory_new_once")
def looks_before_it_creates(broken: Broken) -> None:
    """create_directory(exist_ok=False) looks in one step, and creates in another."""

    @broken.verb
    async def create_directory(session_id: Any, path: str, *, exist_ok: bool = True) -> Any:
        if exist_ok is not False:
            return await broken.files.create_directory(session_id, path, exist_ok=exist_ok)
        found = await broken.files.stat_file(session_id, path)
        if found is not None:
            raise PathExistsError.at(found.path)
        await asyncio.sleep(0)
        return await broken.files.create_directory(session_id, path)
