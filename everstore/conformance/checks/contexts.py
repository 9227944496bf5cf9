"""Other event loops, forked processes, and logs that cannot be written."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import structlog

from everstore.conformance.case import gather
from everstore.conformance.registry import check
from everstore.errors import StoreContextError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case

__all__: list[str] = []


@check("contexts.other_loop", "7.6.1", likely="a pool or a lock belongs to the loop it was made on")
async def other_loop(case: Case) -> None:
    """From another thread's event loop the store answers, or refuses; here it works on."""
    await case.files.write_file("a", "x")

    async def use() -> list[Any]:
        answers: list[Any] = []
        for call in (
            lambda: case.storage.increment_value("n"),
            lambda: case.files.append_file("a", "y"),
            lambda: case.files.grep_files("x"),
        ):
            try:
                answers.append(await call())
            except StoreContextError:
                answers.append(None)
        return answers

    counted, appended, found = await asyncio.to_thread(lambda: asyncio.run(use()))
    assert counted in {None, 1}
    assert await case.storage.increment_value("n") == (counted or 0) + 1
    assert (await case.read("a")).content == ("x" if appended is None else "xy")
    assert found is None or len(found) == 1


@check("contexts.forked", "7.6.2", likely="threads and connections are taken for the child's own")
async def forked(case: Case) -> None:
    """In a forked child the store refuses, closing it is harmless, and the parent works on."""
    await case.files.write_file("a", "x")
    child = os.fork()
    if not child:
        os._exit(_refuses(case))
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert status == 0, "a forked child's call was not refused with StoreContextError"
    assert (await case.files.append_file("a", "y")).content == "xy"
    assert await case.storage.get_value("k") is None


def _refuses(case: Case) -> int:
    """The exit status of the child: 0 when every call is refused at once, and closing ends at once."""
    store, one = case.store, case.id
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: store.file_system.write_file(one, "b", "x"),
        lambda: store.file_system.read_file(one, "a"),
        lambda: store.storage.set_value(one, "k", "x"),
        lambda: store.sessions.get_session(one),
    ]
    for call in calls:
        try:
            call().__await__().send(None)
        except StoreContextError:
            continue
        except BaseException:  # noqa: BLE001 - the child must not go on with the suite
            return 1
        return 1
    try:
        store.close().__await__().send(None)
    except StopIteration:
        return 0
    except BaseException:  # noqa: BLE001 - as above
        return 1
    return 1


@check("contexts.log_fails", "8.2.2", likely="an event is written before the answer is given, unguarded")
async def log_fails(case: Case) -> None:
    """With a processor that raises every call answers as it would have."""

    def fail(*_: Any) -> Any:
        raise RuntimeError("a processor that fails")

    was_configured, before = structlog.is_configured(), structlog.get_config()
    structlog.configure(processors=[fail], cache_logger_on_first_use=False)
    try:
        counts = await gather(*(case.storage.increment_value("n") for _ in range(3)))
    finally:
        structlog.configure(**before)
        if not was_configured:
            structlog.reset_defaults()
    assert sorted(counts, key=str) == [1, 2, 3], "a log that cannot be written changed an answer"
