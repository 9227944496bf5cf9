"""Mistakes with what is over or replaced: too much of it is removed, or nothing ever."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EverstoreError
from everstore.models import new_session_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []


def _sweeping(broken: Broken, setter: str, remove: str, *, by_name: bool = False) -> None:
    """Ends are noted by the setter, and never struck out; any other write removes what they name."""
    ends: dict[tuple[Any, str], float] = {}

    def noted(call: Call) -> Call:
        async def set_it(session_id: Any, name: str, value: str, **options: Any) -> None:
            await call(session_id, name, value, **options)
            if isinstance(options.get("ttl"), int | float):
                ends[session_id, name] = time.monotonic() + options["ttl"]

        return set_it

    def swept(call: Call) -> Call:
        async def write(session_id: Any, *args: Any, **options: Any) -> Any:
            for owner, name in [place for place, end in ends.items() if end < time.monotonic()]:
                del ends[owner, name]
                for each in {owner, session_id} if by_name else {owner}:
                    await getattr(broken.storage, remove)(each, name)
            return await call(session_id, *args, **options)

        return write

    broken.around(noted, ["storage"], [setter])
    broken.around(swept, ["storage"], ["set_value", "set_secret", "increment_value"])


@mutant("values.expiry.sweep")
def sweeps_by_old_ends(broken: Broken) -> None:
    """A sweep removes values by the ends that they once had."""
    _sweeping(broken, "set_value", "delete_value")


@mutant("values.expiry.sweep")
def sweeps_secrets_by_old_ends(broken: Broken) -> None:
    """A sweep removes secrets by the ends that they once had."""
    _sweeping(broken, "set_secret", "delete_secret")


@mutant("values.expiry.sweep")
def sweeps_namesakes(broken: Broken) -> None:
    """A sweep of secrets removes values, which have the same names."""
    _sweeping(broken, "set_secret", "delete_value", by_name=True)


def _striking_out(broken: Broken, *, strikes: Callable[[Any, str], bool]) -> None:
    """Ends of values are noted, and struck out by the sets and deletions for which ``strikes`` holds."""
    ends: dict[tuple[Any, str], float] = {}

    def noted(call: Call) -> Call:
        async def change(session_id: Any, key: str, *args: Any, **options: Any) -> Any:
            for place in [place for place, end in ends.items() if end < time.monotonic()]:
                del ends[place]
                await broken.storage.delete_value(*place)
            answer = await call(session_id, key, *args, **options)
            if strikes(session_id, key):
                ends.pop((session_id, key), None)
            if isinstance(options.get("ttl"), int | float):
                ends[session_id, key] = time.monotonic() + options["ttl"]
            return answer

        return change

    broken.around(noted, ["storage"], ["set_value", "delete_value"])


@mutant("values.expiry.sweep")
def sweeps_what_was_touched(broken: Broken) -> None:
    """A sweep goes by ends that are struck out when a value is set or deleted, and not when it is touched."""
    _striking_out(broken, strikes=lambda _, __: True)


@mutant("values.expiry.sweep")
def sweeps_what_came_after_a_purge(broken: Broken) -> None:
    """A purge leaves the ends that were noted, and what is set under the same keys goes by them."""
    purged = set[Any]()

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: Any) -> Any:
            purged.add(session_id)
            return await call(session_id)

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])
    _striking_out(broken, strikes=lambda session_id, key: session_id not in purged or key != "purged")


def _hoarding(broken: Broken, name: str, *, only_with_ttl: bool = False) -> None:
    """Whatever this verb is given stays in the storage for good, where nobody finds it."""

    def wrap(call: Call) -> Call:
        async def hoarded(session_id: Any, *args: Any, **options: Any) -> Any:
            if "ttl" in options or not only_with_ttl:
                content = str(args[1]) if args[1:] else "x" * 6000
                await broken.storage.set_value(new_session_id(), "contents", content)
            return await call(session_id, *args, **options)

        return hoarded

    broken.around(wrap, names=[name])


@mutant("durability.space.write_onto", durable=True)
def keeps_every_content(broken: Broken) -> None:
    """The content of every file that was ever written stays."""
    _hoarding(broken, "write_file")


@mutant("durability.space.set_secret_onto", durable=True)
def keeps_every_secret(broken: Broken) -> None:
    """Every secret that was ever set stays."""
    _hoarding(broken, "set_secret")


@mutant("durability.space.match", durable=True)
def keeps_what_was_matched(broken: Broken) -> None:
    """What a file was when it was replaced under a condition stays."""
    _hoarding(broken, "write_file_if_content_matches")


@mutant("durability.space_of.values_that_are_over", durable=True)
def keeps_what_is_over(broken: Broken) -> None:
    """What is past its time to live stays."""
    _hoarding(broken, "set_value", only_with_ttl=True)


@mutant("durability.space_of.sessions", durable=True)
def keeps_deleted_sessions(broken: Broken) -> None:
    """Something of every session stays when it is deleted."""
    _hoarding(broken, "delete_session")


def _keeping(broken: Broken, ends: type[BaseException]) -> None:
    """The content of a write is stored beside its place first, and stays when the call ends so."""

    def wrap(call: Call) -> Call:
        async def written(session_id: Any, path: str, content: str, *args: Any, **options: Any) -> Any:
            try:
                return await call(session_id, path, content, *args, **options)
            except ends:
                await broken.storage.set_value(new_session_id(), "contents", content)
                raise

        return written

    broken.around(wrap, names=["write_file", "append_file"])


@mutant("durability.space_after.cancelled", durable=True)
def keeps_what_was_cancelled(broken: Broken) -> None:
    """The content of a write that is cancelled stays beside its place."""
    _keeping(broken, asyncio.CancelledError)


@mutant("durability.space_after.refused", durable=True)
def keeps_what_was_refused(broken: Broken) -> None:
    """The content of a write that is refused stays beside its place."""
    _keeping(broken, EverstoreError)


def _leaving(broken: Broken, role: str, name: str) -> None:
    """Each call of a verb leaves something in the storage for good, where nobody finds it."""

    def wrap(call: Call) -> Call:
        async def leaving(*args: Any, **options: Any) -> Any:
            await broken.storage.set_value(new_session_id(), "contents", "x" * 48_000)
            return await call(*args, **options)

        return leaving

    broken.around(wrap, [role], [name])


@mutant("durability.space_of.copies_of_the_same", durable=True)
def keeps_what_copies_replace(broken: Broken) -> None:
    """What a copy takes the place of stays, where that has the same content."""
    _leaving(broken, "file_system", "copy_file")


@mutant("durability.space_of.touched_values_that_are_over", durable=True)
def keeps_what_was_touched(broken: Broken) -> None:
    """What is over by a touch among other changes stays."""
    _leaving(broken, "storage", "change_values")


@mutant("durability.space_of_forked_ends", durable=True)
def keeps_what_is_over_in_forks(broken: Broken) -> None:
    """What is over in a fork stays."""
    _leaving(broken, "storage", "fork_session")
