"""Other event loops, forked processes, and logs that cannot be written."""

from __future__ import annotations

import asyncio
import io
import os
from contextlib import redirect_stderr
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from everstore.conformance.acts import Act, asked_of
from everstore.conformance.case import Mismatch, gather
from everstore.conformance.opens import opened_here
from everstore.conformance.orders import filled
from everstore.conformance.registry import OWN_FILES, check, product
from everstore.conformance.scene import Scene
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


@product("contexts.forked.{role}", "7.6.2", likely="threads and connections are taken for the child's own")
async def forked(case: Case, acts: dict[str, Act]) -> None:
    """In a forked child every verb is refused, closing is harmless, and the parent works on: {role}."""
    scene = Scene(case.store, case.id)
    await scene.fill()
    before = await case.snapshot()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, _ended(scene, asked_of(case.capabilities, acts)).encode())
        os._exit(0)
    os.close(writing)
    told = await asyncio.to_thread(os.read, reading, 10_000)
    await asyncio.to_thread(os.waitpid, child, 0)
    os.close(reading)
    assert told.decode() == _REFUSED
    assert await case.snapshot() == before
    await case.files.append_file("a", "y")
    assert (await case.read("a")).content == "one\ntwo\ny"


_REFUSED = "every verb refused with StoreContextError at once, and closed at once"


def _ended(scene: Scene, acts: dict[str, Act]) -> str:
    """How it went in the child, which must not go on with the suite."""
    answered = [name for name, act in acts.items() if not _is_refused(partial(act.call, scene))]
    if answered:
        return f"not refused: {', '.join(answered)}"
    try:
        scene.store.close().__await__().send(None)
    except StopIteration:
        return _REFUSED
    except BaseException as error:  # noqa: BLE001 - as above
        return f"{type(error).__name__} while closing"
    return "closing waits"


def _is_refused(call: Callable[[], Awaitable[Any]]) -> bool:
    try:
        call().__await__().send(None)
    except StoreContextError:
        return True
    except BaseException:  # noqa: BLE001 - as above
        return False
    return False


@check("contexts.log_fails", "8.2.2", likely="an event is written before the answer is given, unguarded")
async def log_fails(case: Case) -> None:
    """With a processor that raises every call answers as it would have."""

    def fail(*_: Any) -> Any:
        raise RuntimeError("a processor that fails")

    was_configured, before = structlog.is_configured(), structlog.get_config()
    structlog.configure(processors=[fail], cache_logger_on_first_use=False)
    try:
        with redirect_stderr(io.StringIO()):  # where a person is told of it, who need not be told of this one
            counts = await gather(*(case.storage.increment_value("n") for _ in range(3)))
    finally:
        structlog.configure(**before)
        if not was_configured:
            structlog.reset_defaults()
    assert sorted(counts, key=str) == [1, 2, 3], "a log that cannot be written changed an answer"


@product(
    "contexts.opens.{role}",
    "7.6.3",
    level="standard",
    since="1.1",
    needs=("durable", OWN_FILES),
    likely="a file of the storage is opened and read on the event loop's own thread",
)
async def opens(case: Case, acts: dict[str, Act]) -> None:
    """No verb opens a file of the storage on the event loop's own thread: {role}."""
    scene = Scene(case.store, case.id)
    places = case.subject.own_places()
    for name, act in asked_of(case.capabilities, acts).items():
        await filled(scene, act.role)
        with opened_here(places) as opened:
            await gather(act.call(scene))
        if opened:
            raise Mismatch(f"{act.verb} ({name}) to open files beside the event loop", f"{opened[0]} opened")
