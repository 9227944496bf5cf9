"""What nobody asks for is told: values that no plugin wants, settings of plugins that play no role."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from uuid import UUID

import pytest
import structlog

import everstore
from everstore.backends.memory import (
    InMemorySessionFileStore,
    InMemorySessionFileSystemFactory,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.errors import SettingsError
from everstore.middleware import Middleware
from everstore.settings import Limits, PluginSettings


class MyMiddleware(Middleware):
    pass


class Tracer:
    pass


@pytest.fixture
def acme(install_plugin):
    """An installed plugin whose settings say where it is."""
    from pydantic_settings import SettingsConfigDict  # noqa: PLC0415 - for this plugin

    class AcmeSettings(PluginSettings):
        model_config = SettingsConfigDict(env_prefix="EVERSTORE_ACME_")
        path: str = "x"

    install_plugin(
        "acme",
        everstore_settings=lambda: AcmeSettings,
        everstore_storage_store=lambda: InMemorySessionStorageStore(),  # noqa: PLW0108 - a hook is a function
    )


MEANT = {
    "a name": ("acme", "open_store(backend='acme')"),
    "a URL": ("acme:///hunter2.db", "open_store(backend='acme', acme_path=...)"),
    "a URL with a driver": ("acme+driver://me:hunter2@host/db", "open_store(backend='acme', acme_path=...)"),
    "another URL": ("redis://me:hunter2@host/db", "open_store(backend=..., <backend>_url=...)"),
    "another name": ("hunter2", "open_store(backend=...)? there are acme, "),
    "a file": ("hunter2.db", "open_store(backend='<plugin>', <plugin>_path=...)"),
    "a settings file": ("/etc/hunter2.toml", "open_store(config_file=...)"),
    "the path of a settings file": (Path("hunter2.toml"), "open_store(config_file=...)"),
    "a path": (PurePosixPath("/hunter2"), "open_store(backend='<plugin>', <plugin>_path=...)"),
    "an assignment": ("backend=hunter2", "open_store(name=value)"),
    "settings": ({"backend": "hunter2"}, "open_store(**settings)"),
    "an environment": ({"EVERSTORE_BACKEND": "hunter2"}, "open_store(environment=...)"),
    "a middleware": (MyMiddleware(), "open_store(middleware='<that plugin>')"),
    "files": (InMemorySessionFileStore(), "open_store(file_system='<that plugin>')"),
    "a factory": (InMemorySessionFileSystemFactory(), "open_store(file_system='<that plugin>')"),
    "storage": (InMemorySessionStorageStore(), "open_store(storage='<that plugin>')"),
    "records": (InMemorySessionStore(), "open_store(sessions='<that plugin>')"),
    "limits": (Limits(), "open_store(limits=...)"),
    "a session": (UUID(int=1), "store.session(session_id)"),
    "a list": ([Tracer()], "open_store(*values)"),
    "a class": (MyMiddleware, "an instance"),
    "bytes": (b"hunter2", "open_store(value, backend=...)"),
    "nothing": (None, "open_store(value, backend=...)"),
    "a host's own": (Tracer(), "open_store(value, middleware=...)"),
}


@pytest.mark.parametrize("case", MEANT)
async def test_a_value_that_nobody_asks_for_is_refused_with_the_call_that_was_meant(acme, case):
    value, meant = MEANT[case]
    with pytest.raises(SettingsError) as caught:
        async with everstore.open_store(value):
            pass
    told = str(caught.value)
    assert told.startswith(f"open_store() was given a value of type {type(value).__name__} ")
    assert meant in told
    assert "hunter2" not in told
    assert "\n" not in told


@pytest.mark.parametrize("loads", [True, False])
async def test_a_plugin_that_names_no_place_is_meant_by_its_url(install_plugin, tmp_path, loads):
    source = tmp_path / "bare.py"
    source.write_text("")  # implements no hook, and so is no plugin that loads
    if loads:
        install_plugin("ba-re", everstore_storage_store=lambda: None)
    else:
        install_plugin("ba-re", source)
    with pytest.raises(SettingsError) as caught:
        async with everstore.open_store("ba-re://me:hunter2@host/db"):
            pass
    assert str(caught.value).endswith("did you mean open_store(backend='ba-re', ba_re_url=...)?")


async def test_one_that_is_wanted_does_not_cover_for_another(ledger, audit):
    async with everstore.open_store(audit, **ledger):
        pass
    with pytest.raises(SettingsError, match="Tracer"):
        async with everstore.open_store(audit, Tracer(), **ledger):
            pass
    assert audit.ledger == ["opened", "closed"] * 2  # nothing stays open


async def test_who_asks_in_any_hook_while_opening_has_asked(install_plugin, session_id):
    def layer(context):
        assert isinstance(context.get(Tracer), Tracer)

    install_plugin("asking", everstore_middleware=layer)
    async with everstore.open_store(Tracer(), middleware="asking") as store:
        await store.storage.set_value(session_id, "k", "v")


async def told_at_opening(**settings: object) -> list[dict]:
    with structlog.testing.capture_logs() as events:
        async with everstore.open_store(**settings):
            pass
    return [dict(event) for event in events if event["log_level"] == "warning"]


async def test_settings_of_a_plugin_without_a_role_are_told_in_one_warning(acme, ledger, tmp_path):
    file = tmp_path / "the.toml"
    file.write_text("[acme]\npath = 'x'\n")
    environment = {"EVERSTORE_ACME_PATH": "hunter2", "EVERSTORE_LEDGER_PATH": "hunter2"}
    [event] = await told_at_opening(environment=environment, config_file=file)
    assert event == {
        "event": "everstore.idle_settings",
        "log_level": "warning",
        "plugins": "acme, ledger",
        "settings": f"EVERSTORE_ACME_PATH, [acme] in {file}, EVERSTORE_LEDGER_PATH",
        "remedy": "EVERSTORE_BACKEND=acme or EVERSTORE_BACKEND=ledger",
    }


@pytest.mark.parametrize(
    "environment",
    [
        {"EVERSTORE_ACME_PATH": "x", "EVERSTORE_BACKEND": "acme", "EVERSTORE_FILE_SYSTEM": "memory",
         "EVERSTORE_SESSIONS": "memory", "EVERSTORE_STORAGE": "acme"},
        {"EVERSTORE_ACME_PATH": "x", "EVERSTORE_STORAGE": "acme"},
        {"EVERSTORE_ACME_PATH": "x", "EVERSTORE_DISABLED_PLUGINS": "acme"},
        {"EVERSTORE_ACME_SERVICE_HOST": "10.0.0.1", "EVERSTORE_ACME_PORT": "tcp://10.0.0.1:80"},
        {"EVERSTORE_REDIS_URL": "x"},
        {},
    ],
    ids=["a backend", "a role", "disabled", "of Kubernetes", "not installed", "nothing"],
)  # fmt: skip
async def test_nothing_is_told_where_nothing_was_forgotten(acme, environment):
    assert await told_at_opening(environment=environment) == []


async def test_the_warning_is_heard_by_default_and_shows_no_value(acme, capsys, caplog):
    async with everstore.open_store(environment={"EVERSTORE_ACME_PATH": "hunter2"}):
        pass
    [warning] = caplog.records
    told = warning.getMessage()
    assert warning.levelname == "WARNING"
    assert "EVERSTORE_BACKEND=acme" in told
    assert "hunter2" not in told
    async with everstore.open_store(environment={"EVERSTORE_ACME_PATH": "hunter2"}, log_level="error"):
        pass
    assert capsys.readouterr().err == ""
