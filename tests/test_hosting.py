"""What a host decides when it opens a store: how it waits, what goes around calls, and what it is told."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

import pytest

import everstore
from everstore import errors
from everstore.backends.memory import InMemorySessionStore
from everstore.middleware.base import Middleware


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    """No settings file of the developer's is read."""


async def test_a_store_that_is_awaited_is_open_until_it_is_closed():
    store = await everstore.open_store()
    session = await store.create_session("one")
    await store.close()
    with pytest.raises(errors.StoreClosedError):
        await store.sessions.get_session(session.id)


@pytest.fixture
def attempts(install_plugin):
    """How often a plugin ``late`` was opened, which is there at the third time."""
    made: list[float] = []

    def open_late():
        made.append(asyncio.get_running_loop().time())
        if len(made) < 3:
            raise errors.BackendUnavailableError("not there yet", happened=False)
        return InMemorySessionStore()

    install_plugin("late", everstore_session_store=open_late)
    return made


async def test_a_backend_that_is_not_there_yet_is_waited_for(attempts):
    async with everstore.open_store(sessions="late", wait=60) as store:
        await store.ping()
    assert len(attempts) == 3


async def test_without_wait_it_is_told_at_once(attempts):
    with pytest.raises(errors.BackendUnavailableError, match="not there yet"):
        await everstore.open_store(sessions="late")
    assert len(attempts) == 1


async def test_nobody_waits_longer_than_told(attempts):
    with pytest.raises(errors.BackendUnavailableError):
        await everstore.open_store(sessions="late", wait=0.05)
    assert len(attempts) == 1


async def test_waiting_can_be_cancelled(attempts):
    opening = asyncio.ensure_future(everstore.open_store(sessions="late", wait=600).__aenter__())
    while not attempts:  # noqa: ASYNC110 - a plugin's hook fills it
        await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening


async def test_what_is_wrong_for_good_is_not_waited_for():
    with pytest.raises(errors.UnknownBackendError):
        await everstore.open_store(backend="nobody", wait=600)


@pytest.mark.parametrize("wait", [-1, "30", True, float("nan"), float("inf"), 10**400, None])
async def test_a_wait_is_a_number_of_seconds(wait):
    with pytest.raises(errors.InvalidArgumentError, match="wait"):
        await everstore.open_store(wait=wait)


class Noting(Middleware):
    """Notes the calls that come by."""

    def __init__(self, name, seen):
        self.name, self.seen = name, seen

    def wrap(self, verb, call):
        async def noted(*args, **kwargs):
            self.seen.append(f"{self.name} {verb.name}")
            return await call(*args, **kwargs)

        return noted


async def test_layers_of_the_host_go_around_calls_in_the_order_given(install_plugin, session_id):
    seen: list[str] = []
    install_plugin("plugin", everstore_middleware=lambda: Noting("plugin", seen))
    layers = [Noting("first", seen), "plugin", Noting("last", seen)]
    async with everstore.open_store(middleware=layers) as store:
        await store.storage.get_value(session_id, "k")
    assert seen == ["first get_value", "plugin get_value", "last get_value"]


async def test_one_layer_needs_no_list(session_id):
    seen: list[str] = []
    async with everstore.open_store(middleware=Noting("one", seen)) as store:
        await store.storage.get_value(session_id, "k")
    assert seen == ["one get_value"]


@pytest.mark.parametrize("wrong", [[Noting("one", []), 5], ["a name", 5], Noting, [Noting], {Noting}])
async def test_what_is_neither_a_layer_nor_a_name_is_refused(wrong):
    with pytest.raises(errors.SettingsError, match="names of plugins and Middleware objects"):
        await everstore.open_store(middleware=wrong)


async def test_a_ping_asks_every_role_and_tells_of_one_that_fails(install_plugin):
    class Broken(InMemorySessionStore):
        async def get_session(self, session_id):
            raise OSError("gone")

    install_plugin("broken", everstore_session_store=lambda: Broken())  # noqa: PLW0108 - a hook is a function
    async with everstore.open_store(sessions="broken") as store:
        with pytest.raises(errors.BackendError):
            await store.ping()


async def test_the_package_and_a_store_say_what_they_are():
    assert everstore.__version__ == version("everstore")
    async with everstore.open_store() as store:
        assert str(store) == "<everstore.Store: file_system=memory, storage=memory, sessions=memory>"
        assert str(store.storage) == "<everstore: storage of an open store, on memory>"
