"""Mistakes that only show in much: ten thousand of something, megabytes, or the hundredth call."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []

_MANY = 10_000
_MUCH = 40 << 20
_SLOTS = 126


def _cut(broken: Broken, verb: str, most: int = _MANY) -> None:
    """What the verb answers with ends after so many."""

    def wrap(call: Call) -> Call:
        async def answered(*args: Any, **kwargs: Any) -> Any:
            return (await call(*args, **kwargs))[:most]

        return answered

    broken.around(wrap, names=[verb])


@mutant("large.directory")
def lists_ten_thousand(broken: Broken) -> None:
    """A listing has ten thousand entries at most."""
    _cut(broken, "list_directory")


@mutant("large.tree.grep")
def finds_ten_thousand(broken: Broken) -> None:
    """A search answers with ten thousand matches at most."""
    _cut(broken, "grep_files")


@mutant("large.keys.values")
def lists_ten_thousand_values(broken: Broken) -> None:
    """A listing has ten thousand keys at most."""
    _cut(broken, "list_keys")


@mutant("large.keys.secrets")
def lists_ten_thousand_secrets(broken: Broken) -> None:
    """A listing has ten thousand secrets at most."""
    _cut(broken, "list_secrets")


def _loses_the_rest(broken: Broken, verb: str) -> None:
    """What a transfer takes along beyond ten thousand files is not there."""

    def wrap(call: Call) -> Call:
        async def transferred(session_id: Any, source: str, destination: str, **options: Any) -> Any:
            answer = await call(session_id, source, destination, **options)
            taken = await broken.files.glob_files(session_id, f"{destination.strip('/')}/**")
            for info in taken[_MANY:]:
                await broken.files.delete_file(session_id, info.path)
            return answer

        return transferred

    broken.around(wrap, names=[verb])


@mutant("large.tree.copy")
def copies_ten_thousand(broken: Broken) -> None:
    """A copy of a tree takes ten thousand files along."""
    _loses_the_rest(broken, "copy_file")


@mutant("large.tree.move")
def moves_ten_thousand(broken: Broken) -> None:
    """A move of a tree takes ten thousand files along, and loses the rest."""
    _loses_the_rest(broken, "move_file")


@mutant("large.tree.purge")
def purges_ten_thousand(broken: Broken) -> None:
    """A purge takes ten thousand files."""

    @broken.verb
    async def purge_session(session_id: Any) -> bool:
        found = await broken.files.glob_files(session_id, "**")
        answer = await broken.files.purge_session(session_id)
        for info in found[_MANY:]:
            await broken.files.write_file(session_id, info.path, "")
        return answer


@mutant("large.records")
def ends_after_two_thousand(broken: Broken) -> None:
    """A walk over the records ends after two thousand."""
    given = 0

    @broken.verb
    async def list_sessions(*, limit: int, after: Any = None, **rest: Any) -> Any:
        nonlocal given
        page = await broken.sessions.list_sessions(limit=limit, after=after, **rest)
        given += len(page)
        return page if given <= 2000 else []


@mutant("large.content.text")
def reads_forty_megabytes(broken: Broken) -> None:
    """Content is read back up to forty megabytes."""

    @broken.verb
    async def read_file(session_id: Any, path: str) -> Any:
        found = await broken.files.read_file(session_id, path)
        return (
            found if found is None or found.content is None else replace(found, content=found.content[:_MUCH])
        )


@mutant("large.content.base64")
def copies_forty_megabytes(broken: Broken) -> None:
    """A copy is made of the first forty megabytes."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        answer = await broken.files.copy_file(session_id, source, destination, **options)
        found = await broken.files.read_file(session_id, destination)
        if found is not None and found.content is not None and len(found.content) > _MUCH:
            await broken.files.write_file(session_id, destination, found.content[:_MUCH], found.encoding)
        return answer


def _never_forgets(broken: Broken, verb: str, most: int) -> None:
    """What a session has is counted by the calls that made it, and not set back when the session goes."""
    made = 0

    def wrap(call: Call) -> Call:
        async def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal made
            made += 1
            if made > most:
                raise BackendUnavailableError("the table of sizes is full", happened=False)
            return await call(*args, **kwargs)

        return counted

    broken.around(wrap, names=[verb])


@mutant("large.usage.entries")
def counts_entries_for_ever(broken: Broken) -> None:
    """A table notes every entry that was ever made, and takes twenty thousand."""
    _never_forgets(broken, "write_file", 20_000)


@mutant("large.usage.keys")
def counts_keys_for_ever(broken: Broken) -> None:
    """A table notes every key that was ever set, and takes thirty thousand."""
    _never_forgets(broken, "set_value", 30_000)


@mutant("large.usage.bytes", without=("limits__session_bytes",))
def loses_a_large_limit(_broken: Broken) -> None:
    """The limit of a session's bytes gets lost on the way."""


@mutant("large.usage.value_bytes", without=("limits__session_value_bytes",))
def loses_a_large_limit_of_values(_broken: Broken) -> None:
    """The limit of the bytes of a session's values gets lost on the way."""


def _uses_up(broken: Broken, *verbs: str) -> None:
    """Every hundredth call of one of these verbs keeps its slot, and there are 126 for all that look."""
    calls = dict.fromkeys(verbs, 0)
    looking = ("read_file", "stat_file", "grep_files", "glob_files", "get_value", "list_keys", "get_session")

    def of(verb: str) -> Callable[[Call], Call]:
        def wrap(call: Call) -> Call:
            async def looked(*args: Any, **kwargs: Any) -> Any:
                if verb in calls:
                    calls[verb] += 1
                if max(calls.values()) > 100 * _SLOTS:
                    raise BackendUnavailableError("no slot for a reader is left", happened=False)
                return await call(*args, **kwargs)

            return looked

        return wrap

    for verb in {*verbs, *looking}:
        broken.around(of(verb), names=[verb])


@mutant("large.calls.list_records")
def uses_up_slots_of_records(broken: Broken) -> None:
    """Every hundredth look at a record keeps its reader's slot."""
    _uses_up(broken, "list_sessions")


@mutant("large.calls.get_secret")
def uses_up_slots_of_secrets(broken: Broken) -> None:
    """Every hundredth look at a secret keeps its reader's slot."""
    _uses_up(broken, "get_secret")


@mutant("large.calls.glob")
def uses_up_slots_of_searches(broken: Broken) -> None:
    """Every hundredth glob keeps its reader's slot."""
    _uses_up(broken, "glob_files")


def _keeps_descriptors(broken: Broken, *verbs: str) -> None:
    """Every hundredth call of these verbs leaves a descriptor open."""
    kept: list[int] = []
    calls = 0

    def wrap(call: Call) -> Call:
        async def leaking(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls % 100 == 0:
                kept.append(os.open(os.devnull, os.O_RDONLY))
            return await call(*args, **kwargs)

        return leaking

    async def close() -> None:
        for descriptor in kept:
            with suppress(OSError):
                os.close(descriptor)
        await broken.sound.close()

    broken.around(wrap, names=verbs)
    broken.close = close


@mutant("lifecycle.many_looks")
def keeps_descriptors_of_looks(broken: Broken) -> None:
    """Every hundredth secret that is asked for leaves a descriptor open."""
    _keeps_descriptors(broken, "get_secret")


@mutant("large.calls.retitle")
def keeps_descriptors_of_records(broken: Broken) -> None:
    """Every hundredth change of a title leaves a descriptor open."""
    _keeps_descriptors(broken, "update_session_title")


@mutant("large.calls.set_secret_onto")
def keeps_descriptors_of_secrets(broken: Broken) -> None:
    """Every hundredth secret that is set leaves a descriptor open."""
    _keeps_descriptors(broken, "set_secret")


@mutant("large.calls.move_tree")
def keeps_descriptors_of_moves(broken: Broken) -> None:
    """Every hundredth move leaves a descriptor open, refused or not."""
    _keeps_descriptors(broken, "move_file")
