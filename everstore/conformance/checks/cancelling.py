"""Every verb, cancelled wherever it waits."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import Mismatch, gather
from everstore.conformance.registry import check, product
from everstore.conformance.scene import RECORD_NS, Scene
from everstore.errors import BackendError, EverstoreError
from everstore.models import InitialFile, Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from uuid import UUID

    from everstore.conformance.acts import Act
    from everstore.conformance.case import Case

_PATIENCE = 10.0  # seconds for calls that take a thousandth of one
_TURNS = (0, 1, 2, 4, 7)  # of the event loop, after each of which a call is cancelled
_MOMENTS = 5  # and so many moments of the time that it takes
_SOON = 0.02  # seconds, after as much again in which other moments were asked
_WRITERS = 8
_ROUNDS = 24


@asynccontextmanager
async def answered(what: str) -> AsyncIterator[None]:
    """The block must end within reason: what waits for what a cancelled call has kept never does."""
    limit = asyncio.timeout(_PATIENCE)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise Mismatch(f"an answer to {what}", f"none within {_PATIENCE:.0f} seconds") from None


async def _filled(case: Case) -> Scene:
    scene = Scene(case.store, case.new_id())
    await scene.fill()
    return scene


async def seen_of(case: Case, session_id: UUID) -> dict[str, object]:
    """What a session holds, without what differs from one session to the next."""
    snapshot: dict[str, Any] = await case.snapshot(session_id)
    seen = {place: getattr(kept, "content", kept) for place, (_, kept) in snapshot.items()}
    record = await case.store.sessions.get_session(session_id)
    return {**seen, "record": record and record.title}


async def _outcomes(case: Case, act: Act, times: int) -> dict[str, object]:
    scene = await _filled(case)
    for _ in range(times):
        [answer] = await gather(act.call(scene))
        require_answer(answer)
    return await seen_of(case, scene.id)


def require_answer(answer: object) -> None:
    """A refusal is an answer; a failure of the backend, or of anything else, is none."""
    if isinstance(answer, BackendError) or (
        isinstance(answer, BaseException) and not isinstance(answer, EverstoreError)
    ):
        raise Mismatch("an answer or a refusal", f"{type(answer).__name__}: {answer}")


async def _waited(moment: int, seconds: float) -> None:
    """Until the moment of this number: first by turns of the loop, then through the time of a call."""
    later = moment - len(_TURNS)
    for _ in range(_TURNS[min(moment, len(_TURNS) - 1)]):
        await asyncio.sleep(0)
    if later >= 0:
        await asyncio.sleep(seconds * (later + 1) / _MOMENTS)


@product(
    "lifecycle.cancelled.{act}",
    "3.10.2",
    "7.3.1",
    likely="a cancelled call leaves half of its work, goes on later, or keeps a lock or a connection",
    level="standard",
    tags=("concurrency",),
)
async def cancelled(case: Case, act: Act) -> None:
    """A call that is cancelled has happened wholly or not at all, and the next one is answered: {act}."""
    outcomes = [await _outcomes(case, act, times) for times in (0, 1, 2)]
    timed = await _filled(case)
    started = perf_counter()
    await gather(act.call(timed))
    seconds = perf_counter() - started
    left: dict[UUID, dict[str, object]] = {}
    for moment in range(len(_TURNS) + _MOMENTS):
        for again in (0, 1):
            scene = await _filled(case)
            task = asyncio.ensure_future(act.call(scene))
            await _waited(moment, seconds)
            task.cancel()
            [ended] = await gather(task)
            happened = not isinstance(ended, asyncio.CancelledError)
            async with answered("the same call at the same place, and to others"):
                # The same call comes first, or last, or not at all: it may wait for what others do not.
                if again:
                    require_answer((await gather(act.call(scene)))[0])
                # A later write of the same session finds the cancelled one settled; then it is answered.
                await scene.files.write_file("later/f", "x")
                await scene.storage.set_value("later", "x")
                seen = left[scene.id] = await seen_of(case, scene.id)
                if moment % 2 and not again:
                    require_answer((await gather(act.call(scene)))[0])
                    left[scene.id] = await seen_of(case, scene.id)
            without = {place: held for place, held in seen.items() if "later" not in place}
            assert without in outcomes[again + happened : again + 2], "half of a cancelled call is visible"
    await asyncio.sleep(_SOON)  # for whatever was put off
    for session_id, before in left.items():
        later = await seen_of(case, session_id)
        assert later == before, "a cancelled call went on after a later write"


def _attempts(scene: Scene, aside: Scene, own: str, text: str) -> list[Callable[[], Awaitable[Any]]]:
    """Calls that change a writer's own file, value, secret, record or session, each in its own way."""
    files, storage, store = scene.files, scene.storage, scene.store
    return [
        lambda: store.sessions.update_session_title(aside.id, text),
        lambda: store.sessions.add_session(Session(aside.id, text, RECORD_NS)),
        lambda: store.sessions.delete_session(aside.id),
        lambda: store.file_system.purge_session(aside.id),
        lambda: store.storage.purge_session(aside.id),
        lambda: files.write_file(own, text),
        lambda: files.write_file(own, "AAAA", "base64"),
        lambda: files.append_file(own, text),
        lambda: files.edit_file(own, "settled", text),
        lambda: files.seed_initial_file(InitialFile(own, text)),
        lambda: files.copy_file("source", own, overwrite=True),
        lambda: files.move_file(f"{own}.spare", own, overwrite=True),
        lambda: files.delete_file(own),
        lambda: storage.set_value(own, text),
        lambda: storage.increment_value(own, 1000),
        lambda: storage.delete_value(own),
        lambda: storage.set_secret(own, text),
        lambda: storage.delete_secret(own),
    ]


async def _settle(scene: Scene, aside: Scene, own: str, number: int) -> None:
    """What is written last, and answered."""
    await aside.store.sessions.add_session(Session(aside.id, f"settled {number}", RECORD_NS))
    await aside.files.write_file("f", f"settled {number}")
    await aside.storage.set_value("k", f"{number}")
    await scene.files.write_file(own, f"settled {number}")
    await scene.storage.set_value(own, f"{number}")
    await scene.storage.set_secret(own, f"{number}")


async def _require_settled(scene: Scene, aside: Scene, own: str, number: int) -> None:
    record = await aside.store.sessions.get_session(aside.id)
    files = await scene.files.read_file(own), await aside.files.read_file("f")
    found = (
        record and record.title,
        *(file and file.content for file in files),
        await aside.storage.get_value("k"),
        await scene.storage.get_value(own),
        await scene.storage.get_secret(own),
    )
    assert found == (*[f"settled {number}"] * 3, *[f"{number}"] * 3), (
        "a cancelled call came after a later one"
    )


@check(
    "lifecycle.cancelled_among_others",
    "3.10.2",
    "7.3.1",
    likely="a cancelled call stays in a queue or a thread, and is made when later calls have been answered",
    level="standard",
    tags=("concurrency",),
)
async def cancelled_among_others(case: Case) -> None:
    """Where many write at once, no cancelled call is made once a later one of its writer was answered."""
    scene = Scene(case.store, case.id)
    asides = [Scene(case.store, case.new_id()) for _ in range(_WRITERS)]
    await scene.files.write_file("source", "copied")

    async def work(own: str, aside: Scene) -> None:
        await _settle(scene, aside, own, 0)
        for number in range(1, _ROUNDS):
            await scene.files.write_file(f"{own}.spare", "moved")
            attempts = _attempts(scene, aside, own, f"{number} cancelled")
            tasks = [asyncio.ensure_future(call()) for call in case.random.sample(attempts, 6)]
            for _ in range(case.random.randrange(6)):
                await asyncio.sleep(0)
            if number % 3 == 0:
                await asyncio.sleep(case.random.random() * 0.004)
            for task in tasks:
                task.cancel()
            await gather(*tasks)
            await _settle(scene, aside, own, number)
            await asyncio.sleep(case.random.random() * 0.002)
            await _require_settled(scene, aside, own, number)

    async with answered("calls beside cancelled ones"):
        ended = await gather(*(work(f"w{number}", aside) for number, aside in enumerate(asides)))
    for error in filter(None, ended):
        raise error
    await asyncio.sleep(_SOON)  # for whatever was put off
    for number, aside in enumerate(asides):
        await _require_settled(scene, aside, f"w{number}", _ROUNDS - 1)
