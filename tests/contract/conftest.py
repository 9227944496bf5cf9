"""What the tests of the contract share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from everstore import BoundSession, InitialFile, Session, Store, errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    """No settings file of the developer's is read."""


@pytest.fixture
def work(store: Store, session_id: UUID) -> BoundSession:
    """The session under test."""
    return store.session(session_id)


async def everything_in(store: Store, session_id: UUID) -> dict[str, Any]:
    work = store.session(session_id)
    seen: dict[str, Any] = {"record": await store.sessions.get_session(session_id)}
    directories = ["/"]
    while directories:
        at = directories.pop()
        seen[at] = await work.files.read_file(at)
        seen[at, "listed"] = await work.files.list_directory(at)
        for info in seen[at, "listed"]:
            if info.is_directory:
                directories.append(info.path)
            else:
                seen[info.path] = await work.files.read_file(info.path)
    for info in await work.storage.list_keys():
        seen["value", info.key] = info, await work.storage.get_value(info.key)
    for info in await work.storage.list_secrets():
        seen["secret", info.name] = info, await work.storage.get_secret(info.name)
    return seen


@pytest.fixture
def snapshot(store: Store, session_id: UUID) -> Callable[..., Awaitable[dict[str, Any]]]:
    """All that can be seen of a session: files, revisions, times, values, secrets, record."""
    return lambda other=session_id: everything_in(store, other)


@pytest.fixture
def refused(snapshot) -> Callable[..., Awaitable[Any]]:
    """Await a call that must fail with this error, and must have changed nothing at all.

    ``case`` is shown when it does not.
    """

    async def check(expected: type[BaseException], call: Awaitable[object], case: object = None) -> Any:
        before = await snapshot()
        try:
            answer = await call
        except expected as error:
            caught = error
        else:
            pytest.fail(f"{case!r} was answered with {answer!r}")
        assert await snapshot() == before, case
        assert isinstance(caught, errors.EverstoreError)
        assert type(caught) is expected
        assert "\n" not in str(caught)
        return caught

    return check


@pytest.fixture
def furnish(store: Store) -> Callable[[UUID], Awaitable[None]]:
    """Put something of every kind into a session, under the names that ``CALLS`` use."""

    async def fill(session_id: UUID) -> None:
        work = store.session(session_id)
        await store.sessions.add_session(Session(id=session_id, title="kept"))
        await work.files.write_file("kept.txt", "kept")
        await work.files.write_file("kept/below.bin", "AAE=", "base64")
        await work.files.seed_initial_file(InitialFile("kept/rules.txt", "rules", is_readonly=True))
        await work.files.create_directory("empty")
        await work.storage.set_value("kept", "kept")
        await work.storage.set_value("counter", "41")
        await work.storage.set_secret("kept", "kept")

    return fill


@pytest.fixture
async def furnished(furnish, work: BoundSession) -> BoundSession:
    """The session under test with something of every kind in it."""
    await furnish(work.id)
    return work
