"""Mistakes with a storage that is full."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import BackendError, BackendUnavailableError, QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.middleware.base import Call

    Refused = Callable[[Call, tuple[Any, ...], dict[str, Any], QuotaExceededError], Awaitable[Any]]

__all__: list[str] = []


def _when_refused(broken: Broken, refused: Refused, *verbs: str) -> None:
    """What these verbs answer where the sound ones are refused."""

    def wrap(call: Call) -> Call:
        async def tried(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except QuotaExceededError as error:
                return await refused(call, args, kwargs, error)

        return tried

    broken.around(wrap, names=verbs)


def _once_full(broken: Broken, *verbs: str) -> None:
    """These verbs fail from the first refusal on: they need room, too."""
    is_full = False

    def noted(call: Call) -> Call:
        async def tried(*args: Any, **kwargs: Any) -> Any:
            nonlocal is_full
            try:
                return await call(*args, **kwargs)
            except QuotaExceededError:
                is_full = True
                raise

        return tried

    def failing(call: Call) -> Call:
        async def tried(*args: Any, **kwargs: Any) -> Any:
            if is_full:
                raise QuotaExceededError("no page is left")
            return await call(*args, **kwargs)

        return tried

    broken.around(noted)
    broken.around(failing, names=verbs)


async def _acknowledged(_call: Call, _args: Any, _kwargs: Any, _error: QuotaExceededError) -> None:
    return


@mutant("full.set_new")
def acknowledges_values_when_full(broken: Broken) -> None:
    """A value that finds no room is acknowledged all the same."""
    _when_refused(broken, _acknowledged, "set_value")


@mutant("full.set_secret_new")
def acknowledges_secrets_when_full(broken: Broken) -> None:
    """A secret that finds no room is acknowledged all the same."""
    _when_refused(broken, _acknowledged, "set_secret")


@mutant("full.append")
def appends_what_fits(broken: Broken) -> None:
    """Where an append finds no room, what is there of the file is cut at a page."""

    async def refused(_call: Call, args: Any, _kwargs: Any, error: QuotaExceededError) -> Any:
        found = await broken.files.read_file(args[0], args[1])
        if found is not None and found.content:
            await broken.files.write_file(args[0], args[1], found.content[:-1])
        raise error

    _when_refused(broken, refused, "append_file")


@mutant("full.copy_tree")
def copies_what_fits(broken: Broken) -> None:
    """A tree is copied file by file, and what fitted stays."""

    async def refused(_call: Call, args: Any, _kwargs: Any, error: QuotaExceededError) -> Any:
        session_id, source, destination = args[:3]
        for info in await broken.files.glob_files(session_id, f"{source.strip('/')}/**"):
            part = destination.rstrip("/") + info.path.removeprefix(f"/{source.strip('/')}")
            try:
                await broken.files.copy_file(session_id, info.path, part)
            except QuotaExceededError:
                break
        raise error

    _when_refused(broken, refused, "copy_file")


@mutant("full.write_onto")
def makes_room_for_an_overwrite(broken: Broken) -> None:
    """The old content is let go of before the new one is kept."""

    async def refused(_call: Call, args: Any, _kwargs: Any, error: QuotaExceededError) -> Any:
        await broken.files.delete_file(*args[:2])
        raise error

    _when_refused(broken, refused, "write_file")


@mutant("full.seed_onto")
def tells_the_drivers_error(broken: Broken) -> None:
    """A full storage is just another failure of the driver."""

    async def refused(_call: Call, _args: Any, _kwargs: Any, _error: QuotaExceededError) -> Any:
        raise BackendError("the call failed with MapFullError")

    _when_refused(broken, refused, "seed_initial_file")


@mutant("full.delete_tree")
def needs_room_to_delete(broken: Broken) -> None:
    """A delete copies pages, and has none in reserve."""
    _once_full(broken, "delete_file")


@mutant("full.purge_storage")
def needs_room_to_purge(broken: Broken) -> None:
    """A purge writes a mark beside every value."""
    _once_full(broken, "purge_session")


@mutant("full.grep")
def needs_room_to_search(broken: Broken) -> None:
    """A search writes a temporary table."""
    _once_full(broken, "grep_files")


@mutant("full.retitle")
def retitles_in_two_steps(broken: Broken) -> None:
    """A title that is changed in a full storage is the old one after the record was removed."""
    is_full = False

    async def refused(_call: Call, _args: Any, _kwargs: Any, error: QuotaExceededError) -> Any:
        nonlocal is_full
        is_full = True
        raise error

    _when_refused(broken, refused, "write_file", "set_value")

    @broken.verb
    async def update_session_title(session_id: Any, title: Any) -> Any:
        if is_full:
            await broken.sessions.delete_session(session_id)
            raise BackendUnavailableError("the disk is full", happened=False)
        return await broken.sessions.update_session_title(session_id, title)


@mutant("full.goes_on")
def gives_no_room_back(broken: Broken) -> None:
    """Pages of what was deleted are not used again."""
    taken = 0

    def wrap(call: Call) -> Call:
        async def counted(session_id: Any, name: Any, content: str, *args: Any, **kwargs: Any) -> Any:
            nonlocal taken
            if taken > 1_000_000:
                raise QuotaExceededError("no page is left")
            answer = await call(session_id, name, content, *args, **kwargs)
            taken += len(content)
            return answer

        return counted

    broken.around(wrap, names=("write_file", "set_value"))


@mutant("full.at_once")
def acknowledges_a_group(broken: Broken) -> None:
    """Of writes that are kept together, one that finds no room is acknowledged with the others."""
    under_way = 0

    def wrap(call: Call) -> Call:
        async def grouped(session_id: Any, path: str, *args: Any, **kwargs: Any) -> Any:
            nonlocal under_way
            under_way += 1
            try:
                await asyncio.sleep(0)
                return await call(session_id, path, *args, **kwargs)
            except QuotaExceededError:
                if under_way == 1:
                    raise
                return await broken.files.read_file(session_id, path)
            finally:
                under_way -= 1

        return grouped

    broken.around(wrap, names=("write_file",))
