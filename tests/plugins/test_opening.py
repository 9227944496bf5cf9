"""A store is put together from plugins: their roles, shared resources, middleware and host values."""

from __future__ import annotations

from contextlib import suppress

import pytest

import everstore
from everstore.errors import BackendError, EverstoreError, InvalidPathError, PluginError, SettingsError

PLUGIN = """
    from everstore import hookimpl
    from everstore.backends.memory import (
        InMemorySessionFileSystemFactory, InMemorySessionStorageStore, InMemorySessionStore,
    )
    from everstore.middleware import Middleware
"""


async def test_one_plugin_may_play_every_role_and_keeps_what_it_was_given(ledger):
    async with everstore.open_store(**ledger) as store:
        session = await store.create_session("kept")
        work = store.session(session.id)
        file = await work.files.write_file("a/b.txt", "text\r\n\x00")
        await work.storage.set_value("key", "")
    async with everstore.open_store(**ledger) as store:
        work = store.session(session.id)
        assert await store.sessions.get_session(session.id) == session
        assert await work.files.read_file("a/b.txt") == file
        assert await work.storage.get_value("key") == ""
        assert await store.delete_session(session.id)
    async with everstore.open_store(**ledger) as store:
        assert await store.sessions.list_sessions() == []
        assert await store.session(session.id).files.list_directory() == []


async def test_roles_can_be_mixed(ledger, session_id):
    async with everstore.open_store(file_system="ledger", backend="memory") as store:
        assert store.backends == {"file_system": "ledger", "storage": "memory", "sessions": "memory"}
        await store.file_system.write_file(session_id, "a", "text")
        await store.storage.set_value(session_id, "key", "value")
    async with everstore.open_store(sessions="memory", storage="memory", **ledger) as store:
        assert [info.path for info in await store.file_system.list_directory(session_id)] == ["/a"]
        assert await store.storage.list_keys(session_id) == []


async def test_capabilities_of_another_type_are_told_with_their_plugin(install):
    install("other", PLUGIN + """
    class Other(InMemorySessionStorageStore):
        capabilities = {"durable": True}
    @hookimpl
    def everstore_storage_store():
        return Other()
    """)  # fmt: skip
    with pytest.raises(PluginError, match=r"storage\.capabilities is of type dict, not Capabilities"):
        async with everstore.open_store(storage="other"):
            pass


async def test_the_environment_mixes_roles_too(ledger, monkeypatch):
    monkeypatch.setenv("EVERSTORE_BACKEND", "ledger")
    monkeypatch.setenv("EVERSTORE_SESSIONS", "memory")
    async with everstore.open_store() as store:
        assert store.backends == {"file_system": "ledger", "storage": "ledger", "sessions": "memory"}


async def test_a_role_that_the_plugin_cannot_play_is_told(install):
    install("half", PLUGIN + """
    @hookimpl
    def everstore_storage_store():
        return InMemorySessionStorageStore()
    """)  # fmt: skip
    with pytest.raises(PluginError) as caught:
        async with everstore.open_store(backend="half"):
            pass
    assert str(caught.value) == (
        "plugin 'half' cannot play the role 'file_system' (it can: storage); "
        "name another one in EVERSTORE_FILE_SYSTEM"
    )


async def test_the_shared_resource_is_opened_once_and_closed_with_the_store(ledger, audit):
    async with everstore.open_store(audit, **ledger) as store:
        assert audit.ledger == ["opened"]
        await store.close()
        assert audit.ledger == ["opened", "closed"]
    assert audit.ledger == ["opened", "closed"]


async def test_what_was_opened_is_closed_when_opening_fails_halfway(ledger, audit, install):
    install("failing", PLUGIN + """
    @hookimpl
    async def everstore_session_store():
        raise OSError("the password is hunter2")
    """)  # fmt: skip
    with pytest.raises(BackendError) as caught:
        async with everstore.open_store(audit, sessions="failing", **ledger):
            pass
    assert audit.ledger == ["opened", "closed"]
    # What a driver says may hold a password, so it is in the cause alone.
    assert str(caught.value) == "backend 'failing' could not be opened: OSError"
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_failure_at_closing_does_not_hide_why_opening_failed(install):
    install("failing", PLUGIN + """
    class Stuck(InMemorySessionStorageStore):
        async def close(self):
            raise OSError("stuck")

    @hookimpl
    def everstore_storage_store():
        return Stuck()

    @hookimpl
    def everstore_session_store():
        raise OSError("no")
    """)  # fmt: skip
    with pytest.raises(BackendError, match=r"could not be opened: OSError") as caught:
        async with everstore.open_store(storage="failing", sessions="failing"):
            pass
    assert str(caught.value.__cause__) == "no"
    assert caught.value.__notes__ == ["Then closing what was already open failed: OSError"]


async def test_a_backend_that_cannot_close_is_a_typed_error_and_the_others_are_closed(install, ledger, audit):
    install("stuck", PLUGIN + """
    class Stuck(InMemorySessionStorageStore):
        async def close(self):
            raise OSError("stuck")

    @hookimpl
    def everstore_storage_store():
        return Stuck()
    """)  # fmt: skip
    with pytest.raises(BackendError, match=r"^the store could not be closed cleanly: OSError$") as caught:
        async with everstore.open_store(audit, storage="stuck", **ledger):
            pass
    assert isinstance(caught.value.__cause__, OSError)
    assert audit.ledger == ["opened", "closed"]


async def test_a_backend_may_fail_to_close_in_its_own_words(install):
    install("stuck", PLUGIN + """
    from everstore.errors import BackendUnavailableError

    class Stuck(InMemorySessionStorageStore):
        async def close(self):
            raise BackendUnavailableError("the server is gone; nothing was lost")

    @hookimpl
    def everstore_storage_store():
        return Stuck()
    """)  # fmt: skip
    with pytest.raises(BackendError, match=r"^the server is gone; nothing was lost$"):
        async with everstore.open_store(storage="stuck"):
            pass


async def test_middleware_is_around_every_verb(ledger, audit, call, session_id):
    async with everstore.open_store(audit, middleware="ledger") as store:
        with suppress(EverstoreError):  # the session is empty; the call is made all the same
            await call.on(store, session_id)
        assert audit.calls == [f"{call.role}.{call.verb}"]


async def test_a_refused_call_never_reaches_the_middleware(ledger, audit, session_id):
    async with everstore.open_store(audit, **ledger) as store:
        with pytest.raises(InvalidPathError):
            await store.file_system.read_file(session_id, "../etc/passwd")
    assert audit.calls == []


LAYERED = (
    PLUGIN
    + """
    class Layer(Middleware):
        def __init__(self, name, told):
            self.name = name
            self.told = told

        def wrap(self, verb, call):
            async def tell(*args, **kwargs):
                self.told.append(self.name)
                return await call(*args, **kwargs)
            return tell if verb.name == "get_value" else call

    @hookimpl
    def everstore_storage_store():
        return InMemorySessionStorageStore()

    @hookimpl
    async def everstore_middleware(context):
        return [Layer(f"{context.plugin} {number}", context.get(list)) for number in (1, 2)]
"""
)


async def test_layers_are_in_the_order_of_the_setting_and_then_of_the_roles(install, session_id):
    for name in ("outer", "inner", "backend"):
        install(name, LAYERED)
    told: list[str] = []
    async with everstore.open_store(told, middleware="outer,inner", storage="backend") as store:
        await store.storage.list_keys(session_id)
        assert told == []
        await store.storage.get_value(session_id, "key")
    assert told == ["outer 1", "outer 2", "inner 1", "inner 2", "backend 1", "backend 2"]


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ("middleware", "its middleware is of type int, not Middleware"),
        ("storage", "its storage is of type int, not SessionStorageStore"),
        ("file_system", "its file_system is of type int, not SessionFileSystem"),
    ],
)
async def test_what_is_no_such_thing_is_refused(install, chosen, complaint):
    install("odd", """
    from everstore import hookimpl

    @hookimpl
    def everstore_middleware(): return 3

    @hookimpl
    def everstore_storage_store(): return 3

    @hookimpl
    def everstore_file_system_factory(): return 3
    """)  # fmt: skip
    with pytest.raises(PluginError) as caught:
        async with everstore.open_store(**{chosen: "odd"}):
            pass
    assert str(caught.value) == f"plugin 'odd' (odd-dist 1.0) is broken: {complaint}"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("raise ValueError('no')", "failed to wrap read_file: ValueError"),
        ("pass", "returned nothing to call from wrap() of read_file"),
    ],
)
async def test_a_middleware_that_cannot_wrap_is_told(install, body, complaint):
    install("odd", PLUGIN + f"""
    class Odd(Middleware):
        def wrap(self, verb, call):
            {body}

    @hookimpl
    def everstore_middleware():
        return Odd()
    """)  # fmt: skip
    with pytest.raises(PluginError) as caught:
        async with everstore.open_store(middleware="odd"):
            pass
    assert str(caught.value) == f"middleware Odd of odd_module {complaint}"


async def test_a_middleware_leaves_alone_what_it_does_not_wrap(install, session_id):
    install("idle", PLUGIN + """
    @hookimpl
    def everstore_middleware():
        return Middleware()
    """)  # fmt: skip
    async with everstore.open_store(middleware="idle") as store:
        await store.storage.set_value(session_id, "key", "value")
        assert await store.storage.get_value(session_id, "key") == "value"


async def test_a_plugin_named_for_its_middleware_must_have_one():
    with pytest.raises(PluginError) as caught:
        async with everstore.open_store(middleware="memory"):
            pass
    assert str(caught.value) == "plugin 'memory' has no middleware; take it out of EVERSTORE_MIDDLEWARE"


async def test_two_host_values_of_one_type_are_refused(ledger):
    with pytest.raises(SettingsError, match=r"two values of one type"):
        async with everstore.open_store("one", "two", **ledger):
            pass
