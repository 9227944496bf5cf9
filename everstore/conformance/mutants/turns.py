"""Mistakes that keep the thread of the event loop: long passes, pauses, and locks waited for on it."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any

from everstore.conformance.mutants.broken import Broken, mutant

__all__: list[str] = []

_PAUSE = 0.5  # seconds: on a busy machine, what waits for a processor is taken off it
_BATCH = 2000


# -- alone ---------------------------------------------------------------------------------------------------


@mutant("contexts.turns.file_system")
def pauses_between_batches(broken: Broken) -> None:
    """A tree is deleted in batches, with a pause for others after each, in which nobody has a turn."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False, **options: Any) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        found = await broken.files.glob_files(session_id, f"{path}/**") if recursive else []
        for _ in range(0, len(found), _BATCH):
            time.sleep(_PAUSE)  # noqa: ASYNC251 - the mistake
        return await broken.files.delete_file(session_id, path, recursive, **options)


@mutant("contexts.turns.file_system")
def sums_up_while_it_copies(broken: Broken) -> None:
    """A copy computes a checksum of each file of the tree, and of all names before it."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        names = b""
        for info in await broken.files.glob_files(session_id, f"{source}/**"):
            names += info.path.encode()
            hashlib.sha256(names).hexdigest()
        return await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)


@mutant("contexts.turns.file_system")
def measures_by_the_character(broken: Broken) -> None:
    """An append measures the content before it and after it, a character at a time."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        before = await broken.files.read_file(session_id, path)
        answer = await broken.files.append_file(session_id, path, content, encoding)
        after = await broken.files.read_file(session_id, path)
        for file in (before, after):
            sum(len(character.encode()) for character in (file and file.content) or "")
        return answer


@mutant("contexts.turns.storage")
def sorts_by_insertion(broken: Broken) -> None:
    """Keys are put into a listing one after another, each before the first that is greater."""

    @broken.verb
    async def list_keys(session_id: Any, *page: Any, **options: Any) -> Any:
        ordered: list[Any] = []
        for info in await broken.storage.list_keys(session_id, *page, **options):
            ordered.insert(sum(other.key.encode() < info.key.encode() for other in ordered), info)
        return ordered


@mutant("contexts.turns.storage")
def pauses_before_it_purges(broken: Broken) -> None:
    """A purge lets those end who still look, by a pause in which nobody can."""

    def wrap(call: Any) -> Any:
        async def purge_session(session_id: Any) -> Any:
            if (await broken.storage.usage(session_id)).values:
                time.sleep(_PAUSE)  # noqa: ASYNC251 - the mistake
            return await call(session_id)

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])


@mutant("contexts.turns.sessions")
def pauses_before_it_retitles(broken: Broken) -> None:
    """A title is set after a pause for whoever has just set it, in which nobody has a turn."""

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        time.sleep(_PAUSE)  # noqa: ASYNC251 - the mistake
        return await broken.sessions.update_session_title(session_id, title)


# -- beside another process ----------------------------------------------------------------------------------


def _lock_in_front(broken: Broken, role: str) -> None:
    """Processes keep each other out by a file lock, which is waited for on the event loop."""
    path = Path(tempfile.gettempdir(), f"everstore-mutant-{role}.lock")
    within = asyncio.Lock()

    def wrap(call: Any) -> Any:
        async def locked(*args: Any, **options: Any) -> Any:
            async with within:
                with path.open("w") as file:  # noqa: ASYNC230 - the mistake
                    fcntl.flock(file, fcntl.LOCK_EX)
                    return await call(*args, **options)

        return locked

    broken.around(wrap, [role])


@mutant("contexts.waits.file_system", durable=True)
def waits_for_files_on_the_loop(broken: Broken) -> None:
    """Verbs of files wait for the lock of another process on the event loop."""
    _lock_in_front(broken, "file_system")


@mutant("contexts.waits.storage", durable=True)
def waits_for_values_on_the_loop(broken: Broken) -> None:
    """Verbs of values and secrets wait for the lock of another process on the event loop."""
    _lock_in_front(broken, "storage")


@mutant("contexts.waits.sessions", durable=True)
def waits_for_records_on_the_loop(broken: Broken) -> None:
    """Verbs of records wait for the lock of another process on the event loop."""
    _lock_in_front(broken, "sessions")


# -- reading on the loop -------------------------------------------------------------------------------------


def _looks_at_the_disk(broken: Broken, verb: str) -> None:
    """A verb first sees, on the event loop, whether a file of the storage begins as it should."""

    def wrap(call: Any) -> Any:
        async def reading(*args: Any, **options: Any) -> Any:
            # Only the backend knows where its files are: whatever is open.
            for link in Path("/dev/fd").iterdir():  # noqa: ASYNC240 - the mistake
                file = link.resolve()
                if file.is_file():
                    with file.open("rb") as stream:
                        stream.read(1)
            return await call(*args, **options)

        return reading

    broken.around(wrap, names=[verb])


@mutant("contexts.opens.file_system", durable=True)
def looks_at_the_disk_to_stat(broken: Broken) -> None:
    """A look at a file reads from the disk on the event loop."""
    _looks_at_the_disk(broken, "stat_file")


@mutant("contexts.opens.storage", durable=True)
def looks_at_the_disk_for_a_key(broken: Broken) -> None:
    """A look at a value reads from the disk on the event loop."""
    _looks_at_the_disk(broken, "stat_value")


@mutant("contexts.opens.sessions", durable=True)
def looks_at_the_disk_to_list(broken: Broken) -> None:
    """A list of sessions is read from the disk on the event loop."""
    _looks_at_the_disk(broken, "list_sessions")
