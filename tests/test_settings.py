"""Configuration: three sources, the strongest word wins, and every wrong value is told by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

import everstore
from everstore import errors
from everstore.configuration import configure
from everstore.settings import EverstoreSettings, Limits, PluginSettings, load, setting_names
from everstore.sources import Sources

pytestmark = pytest.mark.usefixtures("in_empty_folder")


@pytest.fixture
def write(monkeypatch):
    """Write the settings file, and name it."""

    def written(text: str) -> None:
        Path("the.toml").write_text(text, encoding="utf-8")
        monkeypatch.setenv("EVERSTORE_CONFIG_FILE", "the.toml")

    return written


def in_force(name: str, **keywords: object) -> tuple[str, str]:
    """A setting as it is shown, and where it came from."""
    [origin] = [origin for origin in configure(keywords).origins if origin.name == f"EVERSTORE_{name}"]
    return origin.value, origin.source


def complaint(**keywords: object) -> str:
    """What a wrong configuration is told, in one line."""
    with pytest.raises(errors.SettingsError) as caught:
        configure(keywords)
    assert "\n" not in str(caught.value)
    assert caught.value.code == "settings"
    return str(caught.value)


def test_without_a_word_memory_keeps_everything_without_limits():
    configuration = configure({})
    assert configuration.roles == {"file_system": "memory", "storage": "memory", "sessions": "memory"}
    assert configuration.settings.limits == Limits()
    assert {origin.source for origin in configuration.origins} == {"default"}
    assert {origin.name for origin in configuration.origins} == set(
        setting_names(EverstoreSettings, "EVERSTORE_")
    )
    assert configuration.settings.log_level is None
    assert configuration.settings.log_format == "console"


def test_the_strongest_source_wins(monkeypatch, write):
    write("log_level = 'info'\n")
    assert in_force("LOG_LEVEL") == ("info", "the.toml")
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "error")
    assert in_force("LOG_LEVEL") == ("error", "environment")
    assert in_force("LOG_LEVEL", log_level="debug") == ("debug", "open_store()")


def test_each_setting_comes_from_the_strongest_source_that_names_it(monkeypatch, write):
    write("log_format = 'json'\n[limits]\nfile_bytes = 2\nsession_bytes = 2\n")
    monkeypatch.setenv("EVERSTORE_LIMITS__FILE_BYTES", "3")
    monkeypatch.setenv("EVERSTORE_LIMITS__VALUE_BYTES", "3")
    assert in_force("LOG_FORMAT") == ("json", "the.toml")
    assert in_force("LIMITS__SESSION_BYTES") == ("2", "the.toml")
    assert in_force("LIMITS__FILE_BYTES") == ("3", "environment")
    assert in_force("LIMITS__FILE_BYTES", limits__file_bytes=5) == ("5", "open_store()")
    assert in_force("LIMITS__KEY_BYTES") == ("1024", "default")
    limits = configure({"limits__file_bytes": 5}).settings.limits
    assert limits == Limits(file_bytes=5, session_bytes=2, value_bytes=3)


def test_what_is_taken_back_is_none_and_its_source_is_who_took_it(write):
    write("secrets_keys = 'a:QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUI='\n[limits]\nfile_bytes = 2\n")
    assert in_force("LIMITS__FILE_BYTES", limits__file_bytes=None) == ("", "open_store()")
    assert in_force("SECRETS_KEYS", secrets_keys=None) == ("", "open_store()")


ROLES = ("file_system", "storage", "sessions")


@pytest.mark.parametrize("role", ROLES)
def test_a_stronger_backend_clears_the_roles_of_weaker_sources(monkeypatch, write, role):
    name = role.upper()
    write(f"{role} = 'sqlite'\n")
    assert in_force(name, storage="memory", sessions="memory", file_system="memory")[0] == "memory"
    assert configure({"backend": "memory"}).roles == dict.fromkeys(ROLES, "memory")
    assert in_force(name, backend="memory") == (
        "",
        "the.toml, cleared by EVERSTORE_BACKEND from open_store()",
    )
    monkeypatch.setenv("EVERSTORE_BACKEND", "memory")
    assert configure({}).roles == dict.fromkeys(ROLES, "memory")
    assert in_force(name) == ("", "the.toml, cleared by EVERSTORE_BACKEND from environment")
    assert in_force(name, **{role: "memory"}) == ("memory", "open_store()")
    monkeypatch.delenv("EVERSTORE_CONFIG_FILE")
    monkeypatch.setenv(f"EVERSTORE_{name}", "sqlite")
    assert configure({"backend": "memory"}).roles[role] == "memory"
    assert in_force(name, backend="memory") == (
        "",
        "environment, cleared by EVERSTORE_BACKEND from open_store()",
    )


def test_a_weaker_backend_and_one_of_the_same_source_clear_nothing(monkeypatch, write, install_plugin):
    install_plugin("minimal", Path(__file__).parent / "contract" / "minimal.py")
    write("backend = 'memory'\nstorage = 'minimal'\n")
    assert configure({}).roles == {"file_system": "memory", "storage": "minimal", "sessions": "memory"}
    monkeypatch.setenv("EVERSTORE_SESSIONS", "minimal")
    assert configure({}).roles == {"file_system": "memory", "storage": "minimal", "sessions": "minimal"}
    assert configure({"storage": "memory"}).roles["storage"] == "memory"


async def test_limits_may_be_given_together(monkeypatch):
    for limits in ({"file_bytes": 3}, Limits(file_bytes=3)):
        async with everstore.open_store(limits=limits) as store:
            with pytest.raises(errors.QuotaExceededError):
                await store.file_system.write_file(everstore.new_session_id(), "a", "1234")
    monkeypatch.setenv("EVERSTORE_LIMITS", '{"file_bytes": 4}')
    assert in_force("LIMITS__FILE_BYTES") == ("4", "environment")


def test_limits_given_together_and_one_by_one_are_joined():
    given = {"file_bytes": 3, "session_entries": 3}
    limits = configure({"limits": given, "limits__file_bytes": 5}).settings.limits
    assert limits == Limits(file_bytes=5, session_entries=3)
    assert given == {"file_bytes": 3, "session_entries": 3}
    limits = configure(
        {"limits": Limits(file_bytes=3, session_entries=3), "limits__file_bytes": 5}
    ).settings.limits
    assert limits == Limits(file_bytes=5, session_entries=3)


def test_a_role_is_played_by_whom_it_names_else_by_the_backend(install_plugin):
    install_plugin("minimal", Path(__file__).parent / "contract" / "minimal.py")
    assert configure({"backend": "minimal"}).roles == dict.fromkeys(
        ("file_system", "storage", "sessions"), "minimal"
    )
    assert configure({"storage": "minimal"}).roles == {
        "file_system": "memory",
        "storage": "minimal",
        "sessions": "memory",
    }
    assert configure({"backend": "minimal", "sessions": "memory"}).roles["sessions"] == "memory"


def test_an_empty_variable_says_nothing(monkeypatch, write):
    write("log_level = 'info'\n")
    for name in ("LOG_LEVEL", "LIMITS__FILE_BYTES", "BACKEND"):
        monkeypatch.setenv(f"EVERSTORE_{name}", "")
    assert in_force("BACKEND") == ("memory", "default")
    assert in_force("LOG_LEVEL") == ("info", "the.toml")
    assert in_force("LIMITS__FILE_BYTES") == ("", "default")


def test_capitals_do_not_count(monkeypatch):
    monkeypatch.setenv("everstore_log_format", "JSON")
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "Error")
    assert in_force("LOG_FORMAT") == ("json", "environment")
    assert in_force("LOG_LEVEL") == ("error", "environment")


def test_names_of_plugins_come_by_comma_or_as_a_list(monkeypatch, write):
    monkeypatch.setenv("EVERSTORE_DISABLED_PLUGINS", " one, two,,three ,")
    assert in_force("DISABLED_PLUGINS") == ("one,two,three", "environment")
    monkeypatch.delenv("EVERSTORE_DISABLED_PLUGINS")
    write("disabled_plugins = ['one', 'two']\n")
    assert in_force("DISABLED_PLUGINS") == ("one,two", "the.toml")
    write("disabled_plugins = 'one,two'\n")
    assert in_force("DISABLED_PLUGINS") == ("one,two", "the.toml")
    for given in (["one"], ("one",), "one"):
        assert in_force("DISABLED_PLUGINS", disabled_plugins=given) == ("one", "open_store()")
    for nothing in ("", ",", []):
        assert configure({"disabled_plugins": nothing}).settings.disabled_plugins == ()


@pytest.mark.parametrize("text", ["garbage", "'; DROP", "0", "session_xyz"])
async def test_a_session_that_only_the_command_line_uses_does_not_stop_the_library(monkeypatch, text):
    monkeypatch.setenv("EVERSTORE_SESSION", text)
    async with everstore.open_store() as store:
        assert await store.sessions.list_sessions() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("LOG_LEVEL", "loud"),
            ("LOG_FORMAT", "xml"),
            ("LIMITS__FILE_BYTES", "many"),
            ("LIMITS__FILE_BYTES", "0"),
        ),
        *(("LIMITS__SESSION_ENTRIES", "-1"), ("LIMITS__KEY_BYTES", "1025"), ("LIMITS__VALUE_BYTES", "1.5")),
    ],
)
def test_a_wrong_value_is_told_by_name_and_source_and_shown_only_if_it_is_a_number(monkeypatch, name, value):
    monkeypatch.setenv(f"EVERSTORE_{name}", value)
    told = complaint()
    assert told.startswith(f"EVERSTORE_{name}: ")
    assert told.endswith("(from environment)")
    assert value.isalpha() == (value not in told)
    assert "(from open_store())" in complaint(**{name.lower(): value})


class Odd:
    """What pydantic knows no schema of."""


class OddSettings(PluginSettings):
    model_config = SettingsConfigDict(env_prefix="EVERSTORE_ODD_", arbitrary_types_allowed=True)
    whole: Annotated[int, Field(gt=0)] | None = None
    most: Annotated[int, Field(le=9)] = 1
    real: Annotated[float, Field(gt=0, le=60)] = 1.0
    between: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    switch: bool | Literal["remove"] = False
    name: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    key: SecretStr = SecretStr("")
    place: Path = Path()
    many: tuple[int, ...] = ()
    odd: Odd = Field(default_factory=Odd)
    own: int = 1

    @field_validator("own")
    @classmethod
    def _own(cls, value):
        if value != 1:
            raise ValueError("the plugin's own words")
        return value


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("whole", "10MB", "it takes a whole number, 1 or more, and 10MB is given"),
        ("whole", "-5", "it takes a whole number, 1 or more, and -5 is given"),
        ("whole", "hunter2", "it takes a whole number, 1 or more, and something else is given"),
        ("most", 12, "it takes a whole number, 9 at most, and 12 is given"),
        ("real", "0", "it takes a number, more than 0, 60 at most, and 0 is given"),
        ("between", "5 s", "it takes a number, 0.5 to 2, and 5 s is given"),
        ("switch", "maybe", "it takes true, false or remove, and something else is given"),
        ("name", "A-B", "it takes a text that matches ^[a-z]+$, and something else is given"),
        ("key", ["hunter2"], "it takes a text, and something else is given"),
        ("key", 84392017, "it takes a text, and something else is given"),
        ("place", 3, "it takes a path, and 3 is given"),
        ("many", "x", "it takes a list, and something else is given"),
        ("own", 3, "the plugin's own words"),
    ],
)
def test_what_a_setting_takes_is_told_in_plain_words(name, value, told):
    with pytest.raises(errors.SettingsError) as caught:
        load(OddSettings, Sources({}), {name: value})
    assert str(caught.value) == f"EVERSTORE_ODD_{name.upper()}: {told} (from open_store())"


def test_what_nobody_can_describe_is_told_in_the_words_that_there_are():
    with pytest.raises(errors.SettingsError, match="EVERSTORE_ODD_ODD: Input should be an instance of Odd"):
        load(OddSettings, Sources({}), {"odd": "hunter2"})


def test_all_wrong_values_are_told_at_once(monkeypatch, write):
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "loud")
    write("log_format = 3\n[limits]\nfile_bytes = 'x'\n")
    told = complaint()
    for name, source in (
        ("LOG_LEVEL", "environment"),
        ("LOG_FORMAT", "the.toml"),
        ("LIMITS__FILE_BYTES", "the.toml"),
    ):
        assert f"EVERSTORE_{name}: " in told
        assert f"(from {source})" in told


def test_a_switch_is_shown_as_it_is_set(monkeypatch):
    assert in_force("WORKSPACE_ALIAS") == ("true", "default")
    monkeypatch.setenv("EVERSTORE_WORKSPACE_ALIAS", "0")
    assert in_force("WORKSPACE_ALIAS") == ("false", "environment")


def test_limits_are_a_table(monkeypatch, write):
    with monkeypatch.context() as patch:
        patch.setenv("EVERSTORE_LIMITS", "{marker")
        assert "EVERSTORE_LIMITS " in complaint()
        assert "environment" in complaint()
        assert "marker" not in complaint()
    assert "EVERSTORE_LIMITS" in complaint(limits=None)
    write("limits = 3\n")
    assert complaint() == "limits in the.toml is a table: write [limits], and its settings below it"


def test_keys_for_secrets_show_nowhere(monkeypatch):
    key = "the-id:" + "QUJD" * 10 + "QUI="
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", key)
    configuration = configure({})
    assert configuration.settings.secrets_keys.get_secret_value() == key
    shown = repr(configuration.settings) + repr(configuration.origins) + str(configuration.settings)
    assert in_force("SECRETS_KEYS") == ("**********", "environment")
    for wrong in ("QUJDQUJDQUJD", "the-id:QUJDQUJDQUJD", key + "," + key):
        monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", wrong)
        shown += complaint()
        assert "EVERSTORE_SECRETS_KEYS" in complaint()
    assert "QUJD" not in shown


async def test_a_wrong_configuration_opens_nothing(install_plugin):
    opened = []
    install_plugin("noted", everstore_session_store=lambda: opened.append("session store"))
    with pytest.raises(errors.SettingsError):
        async with everstore.open_store(sessions="noted", log_level="loud"):
            pass
    assert opened == []
