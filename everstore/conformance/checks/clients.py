"""Two clients of one storage, or two processes, where the backend says that it can be shared."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.conformance.acts import ACTS, LOOKING, Act, asked_of
from everstore.conformance.case import Mismatch, gather, refused
from everstore.conformance.children import Job, Nursery
from everstore.conformance.looks import looked, looks_at
from everstore.conformance.orders import filled
from everstore.conformance.registry import check, product
from everstore.conformance.scene import Scene
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.store import Store

    Looks = dict[str, list[list[str]]]
    Seen = dict[str, str]

shared = partial(check, level="standard", tags=("concurrency",), needs=("shared",))


@product(
    "concurrency.clients.sees.{role}",
    "3.10.1",
    "7.5.1",
    level="standard",
    tags=("concurrency",),
    needs=("shared",),
    empty=dict.fromkeys(LOOKING, "it is what looks, before and after each of the others"),
    likely="a look is answered from what an earlier one left in the client, or in its process",
)
async def sees(case: Case, acts: dict[str, Act]) -> None:
    """What another client or process has done is seen at once, whatever had been looked at before: {role}."""
    stores = [case.store, await case.open()]
    asked = asked_of(case.capabilities, acts)
    scenes = {name: [Scene(case.store, case.new_id()) for _ in stores] for name in asked}
    looks = {name: await looks_at(act) for name, act in asked.items()}
    role = next(iter(asked.values())).role

    async def look() -> list[Seen]:
        """What each of our clients sees of the session that another client changes, and of a process's."""
        return [await _seen_of_all(store, scenes, looks) for store in stores]

    with case.trace.paused():
        await asyncio.gather(*(filled(scene, role) for both in scenes.values() for scene in both))
        async with Nursery(case.subject) as nursery:
            before = await look()
            for name, (ours, _) in scenes.items():
                await asked[name].call(ours.through(stores[1]))
            await look()  # for what is thrown away at a write of this process's own
            places = {name: [_told(scene) for scene in both] for name, both in scenes.items()}
            for name, both in scenes.items():
                if "forks" in asked[name].needs:
                    case.note_asides(scene.id for scene in both)
            await nursery.start(Job(f"{__name__}:act_and_look", {"places": places, "looks": looks}))
            [wanted] = [told async for told in nursery.told()]
        after = await look()
    for seen in after:
        _require_same(wanted, seen)
    assert all(seen != wanted for seen in before), "nothing was changed"


def _told(scene: Scene) -> list[str]:
    """A session, as a process is told of it."""
    return [str(scene.id), scene.revision, scene.key_revision]


async def act_and_look(
    store: Store, tell: Callable[[Seen], object], places: dict[str, list[list[str]]], looks: Looks
) -> None:
    """Act in the second session of each act, and tell what both look like, as the job of a process."""
    scenes: dict[str, list[Scene]] = {}
    for name, both in places.items():
        scenes[name] = [Scene(store, UUID(session_id)) for session_id, _, _ in both]
        _, theirs = scenes[name]
        _, theirs.revision, theirs.key_revision = both[1]
        await ACTS[name].call(theirs)
    tell(await _seen_of_all(store, scenes, looks))


async def _seen_of_all(store: Store, scenes: dict[str, list[Scene]], looks: Looks) -> Seen:
    return {
        f"{whose} {name}: {look}": shown
        for name, both in scenes.items()
        for whose, scene in zip(("a client's", "a process's"), both, strict=True)
        for look, shown in (await looked(scene.through(store), looks[name])).items()
    }


def _require_same(wanted: Seen, seen: Seen) -> None:
    for look, shown in wanted.items():
        if seen[look] != shown:
            raise Mismatch(f"after {look} to show {shown}", seen[look])


@shared("concurrency.clients.counter", "4.6.3", likely="a counter is kept in the client")
async def counter(case: Case) -> None:
    """Increments of two clients at once are exact."""
    clients = [case.store, await case.open()]
    answers = await asyncio.gather(*(clients[n % 2].storage.increment_value(case.id, "n") for n in range(40)))
    assert sorted(answers) == list(range(1, 41))
    assert await case.storage.get_value("n") == "40"


@shared("concurrency.clients.edits", "4.4.3", likely="a lock holds within one client only")
async def edits(case: Case) -> None:
    """Edits and appends of two clients at once all survive."""
    clients = [case.store.session(case.id), (await case.open()).session(case.id)]
    await case.files.write_file("a", "".join(f"line {n:02}\n" for n in range(20)))
    calls: list[Awaitable[Any]] = [
        clients[n % 2].files.edit_file("a", f"line {n:02}", f"done {n:02}") for n in range(20)
    ]
    calls += [clients[n % 2].files.append_file("log", f"{n:02}\n") for n in range(20)]
    await asyncio.gather(*calls)
    assert (await case.read("a")).content == "".join(f"done {n:02}\n" for n in range(20))
    assert sorted(((await case.read("log")).content or "").split()) == [f"{n:02}" for n in range(20)]


@shared("concurrency.clients.one_winner", "4.2.4", "4.6.1", likely="a condition is checked in the client")
async def one_winner(case: Case) -> None:
    """Of conditional writes of two clients with one revision exactly one writes."""
    clients = [case.store.session(case.id), (await case.open()).session(case.id)]
    for turn in range(6):
        current = await case.files.write_file("a", f"start {turn}")
        calls: list[Awaitable[Any]] = [
            clients[n % 2].files.write_file("a", f"by {n}", if_revision=current.revision) for n in range(8)
        ]
        answers = await gather(*calls)
        assert sum(isinstance(one, RevisionConflictError) for one in answers) == 7
        calls = [clients[n % 2].storage.set_value(f"k{turn}", str(n), if_absent=True) for n in range(8)]
        answers = await gather(*calls)
        assert sum(isinstance(one, RevisionConflictError) for one in answers) == 7


@shared("concurrency.clients.revisions", "4.1.2", likely="each client counts revisions for itself")
async def revisions(case: Case) -> None:
    """Revisions that two clients give in turn never repeat, and each other's hold as conditions."""
    clients = [case.store.session(case.id), (await case.open()).session(case.id)]
    current = await clients[0].files.write_file("a", "0")
    seen = [current.revision]
    for n in range(1, 20):
        current = await clients[n % 2].files.write_file("a", str(n), if_revision=current.revision)
        seen.append(current.revision)
    assert len(set(seen)) == 20
    with refused(RevisionConflictError):
        await clients[0].files.write_file("a", "x", if_revision=seen[-2])


@shared("concurrency.clients.ids", "3.2.5", likely="ids are counted in the client")
async def ids(case: Case) -> None:
    """Files that two clients create at once in one session have ids of their own."""
    clients = [case.store.session(case.id), (await case.open()).session(case.id)]
    made = await asyncio.gather(*(clients[n % 2].files.write_file(f"d{n % 3}/{n}", "x") for n in range(40)))
    assert len({file.id for file in made}) == 40


@shared(
    "concurrency.clients.no_torn_read",
    "3.10.1",
    likely="a second client reads while the first writes in pieces",
)
async def no_torn_read(case: Case) -> None:
    """A client that reads while another one writes sees whole contents."""
    reader = (await case.open()).session(case.id)
    contents = ["a" * 200_000, "b" * 100, "c" * 90_000]
    await case.files.write_file("f", contents[0])
    done = False

    async def write() -> None:
        nonlocal done
        for turn in range(15):
            await case.files.write_file("f", contents[turn % 3])
        done = True

    async def read() -> None:
        while not done:
            found = await reader.files.read_file("f")
            assert found is not None
            assert found.content in contents, "a torn content was read"
            await asyncio.sleep(0)

    await asyncio.gather(write(), read(), read())
