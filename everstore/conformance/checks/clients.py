"""Two clients of one storage, where the backend says that it can be shared."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import gather, refused
from everstore.conformance.registry import check, table
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundSession

    Change = Callable[[BoundSession], Awaitable[Any]]

shared = partial(check, level="standard", tags=("concurrency",), needs=("shared",))
shared_table = partial(table, level="standard", tags=("concurrency",), needs=("shared",))


async def _prepare(one: BoundSession) -> None:
    await one.files.write_file("a", "one\n")
    await one.files.write_file("d/b", "two")
    await one.storage.set_value("k", "1")
    await one.storage.set_secret("s", "old")


async def _seen(one: BoundSession) -> dict[str, object]:
    """What every kind of look shows, without the times."""
    read = await one.files.read_file("a")
    return {
        "read": read and read.content,
        "list": [info.path for info in await one.files.list_directory()],
        "grep": [match.path for match in await one.files.grep_files("")],
        "glob": [info.path for info in await one.files.glob_files("**")],
        "value": await one.storage.get_value("k"),
        "keys": [info.key for info in await one.storage.list_keys()],
        "secret": await one.storage.get_secret("s"),
        "secrets": [info.name for info in await one.storage.list_secrets()],
    }


@shared_table(
    "concurrency.clients.sees.{row}",
    "3.10.1",
    "7.5.1",
    rows={
        "write": (lambda one: one.files.write_file("a", "changed"),),
        "create": (lambda one: one.files.write_file("new/f", "x"),),
        "edit": (lambda one: one.files.edit_file("a", "one", "three"),),
        "delete": (lambda one: one.files.delete_file("d", recursive=True),),
        "move": (lambda one: one.files.move_file("a", "d/a"),),
        "set_value": (lambda one: one.storage.set_value("k", "2"),),
        "increment": (lambda one: one.storage.increment_value("k"),),
        "delete_value": (lambda one: one.storage.delete_value("k"),),
        "set_secret": (lambda one: one.storage.set_secret("s", "new"),),
        "delete_secret": (lambda one: one.storage.delete_secret("s"),),
    },
    likely="a client answers from a cache",
)
async def sees(case: Case, change: Change) -> None:
    """What one client has done the other one sees at once, whatever it had read before: {row}."""
    first, second = case.store.session(case.id), (await case.open()).session(case.id)
    await _prepare(first)
    before = await _seen(second)
    await change(first)
    after = await _seen(second)
    assert after == await _seen(first)
    assert after != before


@shared("concurrency.clients.records", "1.4.2", "3.10.1", likely="records are cached")
async def records(case: Case) -> None:
    """Records, titles and deletes of one client are seen by the other."""
    second = await case.open()
    created = await case.store.create_session("one", session_id=case.id)
    assert await second.sessions.get_session(case.id) == created
    renamed = await second.sessions.update_session_title(case.id, "two")
    assert await case.store.sessions.get_session(case.id) == renamed
    assert await case.store.delete_session(case.id) is True
    assert await second.sessions.get_session(case.id) is None


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
