"""Configuration: five sources, the strongest word wins, and every mistake is told by name."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

import everstore
from everstore import errors
from everstore.opening import configure
from everstore.settings import EverstoreSettings, Limits, setting_names

pytestmark = pytest.mark.usefixtures("in_empty_folder")


def write(name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")


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
    assert configuration.settings.log_level == "warning"
    assert configuration.settings.log_format == "console"


def test_the_strongest_source_wins(monkeypatch):
    write("pyproject.toml", "[tool.everstore]\nlog_level = 'error'\n")
    assert in_force("LOG_LEVEL") == ("error", "[tool.everstore]")
    write("everstore.toml", "log_level = 'info'\n")
    assert in_force("LOG_LEVEL") == ("info", "everstore.toml")
    write(".env", "EVERSTORE_LOG_LEVEL=debug\n")
    assert in_force("LOG_LEVEL") == ("debug", ".env")
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "error")
    assert in_force("LOG_LEVEL") == ("error", "environment")
    assert in_force("LOG_LEVEL", log_level="info") == ("info", "open_store()")


def test_each_setting_comes_from_the_strongest_source_that_names_it(monkeypatch):
    write(
        "pyproject.toml",
        "[tool.everstore]\nlog_format = 'json'\n[tool.everstore.limits]\nfile_bytes = 1\nvalue_bytes = 1\n",
    )
    write("everstore.toml", "backend = 'memory'\n[limits]\nfile_bytes = 2\nsession_bytes = 2\n")
    write(".env", "EVERSTORE_LIMITS__FILE_BYTES=3\nEVERSTORE_LIMITS__SESSION_FILES=3\n")
    monkeypatch.setenv("EVERSTORE_LIMITS__SESSION_FILES", "4")
    assert in_force("LOG_FORMAT") == ("json", "[tool.everstore]")
    assert in_force("LIMITS__VALUE_BYTES") == ("1", "[tool.everstore]")
    assert in_force("LIMITS__SESSION_BYTES") == ("2", "everstore.toml")
    assert in_force("LIMITS__FILE_BYTES") == ("3", ".env")
    assert in_force("LIMITS__SESSION_FILES") == ("4", "environment")
    assert in_force("LIMITS__FILE_BYTES", limits__file_bytes=5) == ("5", "open_store()")
    assert in_force("LIMITS__KEY_BYTES") == ("1024", "default")
    limits = configure({"limits__file_bytes": 5}).settings.limits
    assert limits == Limits(file_bytes=5, session_files=4, session_bytes=2, value_bytes=1)


async def test_limits_may_be_given_together(monkeypatch):
    for limits in ({"file_bytes": 3}, Limits(file_bytes=3)):
        async with everstore.open_store(limits=limits) as store:
            with pytest.raises(errors.QuotaExceededError):
                await store.file_system.write_file(everstore.new_session_id(), "a", "1234")
    monkeypatch.setenv("EVERSTORE_LIMITS", '{"file_bytes": 4}')
    assert in_force("LIMITS__FILE_BYTES") == ("4", "environment")


def test_limits_given_together_and_one_by_one_are_joined():
    given = {"file_bytes": 3, "session_files": 3}
    limits = configure({"limits": given, "limits__file_bytes": 5}).settings.limits
    assert limits == Limits(file_bytes=5, session_files=3)
    assert given == {"file_bytes": 3, "session_files": 3}
    limits = configure(
        {"limits": Limits(file_bytes=3, session_files=3), "limits__file_bytes": 5}
    ).settings.limits
    assert limits == Limits(file_bytes=5, session_files=3)


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


@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_variable_says_nothing(monkeypatch, empty):
    write("everstore.toml", "log_level = 'info'\n")
    if not empty:
        monkeypatch.setenv("EVERSTORE_LOG_LEVEL", empty)
        monkeypatch.setenv("EVERSTORE_LIMITS__FILE_BYTES", empty)
        monkeypatch.setenv("EVERSTORE_BACKEND", empty)
        assert in_force("BACKEND") == ("memory", "default")
    write(".env", f"EVERSTORE_LOG_LEVEL={empty}\n")
    assert in_force("LOG_LEVEL") == ("info", "everstore.toml")
    assert in_force("LIMITS__FILE_BYTES") == ("", "default")


def test_capitals_do_not_count(monkeypatch):
    monkeypatch.setenv("everstore_log_format", "JSON")
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "Error")
    assert in_force("LOG_FORMAT") == ("json", "environment")
    assert in_force("LOG_LEVEL") == ("error", "environment")


def test_names_of_plugins_come_by_comma_or_as_a_list(monkeypatch):
    monkeypatch.setenv("EVERSTORE_DISABLED_PLUGINS", " one, two,,three ,")
    assert in_force("DISABLED_PLUGINS") == ("one,two,three", "environment")
    monkeypatch.delenv("EVERSTORE_DISABLED_PLUGINS")
    write("everstore.toml", "disabled_plugins = ['one', 'two']\n")
    assert in_force("DISABLED_PLUGINS") == ("one,two", "everstore.toml")
    write("everstore.toml", "disabled_plugins = 'one,two'\n")
    assert in_force("DISABLED_PLUGINS") == ("one,two", "everstore.toml")
    for given in (["one"], ("one",), "one"):
        assert in_force("DISABLED_PLUGINS", disabled_plugins=given) == ("one", "open_store()")
    for nothing in ("", ",", []):
        assert configure({"disabled_plugins": nothing}).settings.disabled_plugins == ()


def test_the_session_of_the_command_line_is_written_in_either_form(monkeypatch):
    session_id = everstore.new_session_id()
    for text in (str(session_id), f"session_{session_id.hex}"):
        monkeypatch.setenv("EVERSTORE_SESSION", text)
        assert configure({}).settings.session == session_id
    assert configure({"session": UUID(int=1)}).settings.session == UUID(int=1)
    monkeypatch.setenv("EVERSTORE_SESSION", "nonsense")
    assert "EVERSTORE_SESSION" in complaint()


MISSPELT = {
    "BACKEN": "BACKEND",
    "LOGLEVEL": "LOG_LEVEL",
    "FILE_SYSTEMS": "FILE_SYSTEM",
    "SECRET_KEYS": "SECRETS_KEYS",
}


@pytest.mark.parametrize(("wrong", "right"), MISSPELT.items())
def test_a_misspelt_name_is_told_with_the_right_one_in_every_source(monkeypatch, wrong, right):
    suggestion = f"did you mean EVERSTORE_{right}?"
    with monkeypatch.context() as patch:
        patch.setenv(f"EVERSTORE_{wrong}", "x")
        assert complaint() == f"EVERSTORE_{wrong} in the environment is no setting; {suggestion}"
    write(".env", f"EVERSTORE_{wrong}=x\n")
    assert complaint() == f"EVERSTORE_{wrong} in .env is no setting; {suggestion}"
    write(".env", f"OTHER_{wrong}=x\n")
    write("everstore.toml", f"{wrong.lower()} = 'x'\n")
    assert complaint() == f"EVERSTORE_{wrong} in everstore.toml is no setting; {suggestion}"
    write("everstore.toml", "")
    write("pyproject.toml", f"[tool.everstore]\n{wrong.lower()} = 'x'\n")
    assert complaint() == f"EVERSTORE_{wrong} in [tool.everstore] is no setting; {suggestion}"
    write("pyproject.toml", "")
    assert (
        complaint(**{wrong.lower(): "x"})
        == f"open_store() has no setting {wrong.lower()!r}; did you mean {right.lower()!r}?"
    )
    assert configure({}).settings.backend == "memory"


def test_a_misspelt_limit_is_told_with_the_right_one(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("EVERSTORE_LIMITS__FILE_BYTE", "1")
        assert "did you mean EVERSTORE_LIMITS__FILE_BYTES?" in complaint()
    write("everstore.toml", "[limits]\nfile_byte = 1\n")
    assert "did you mean EVERSTORE_LIMITS__FILE_BYTES?" in complaint()
    write("everstore.toml", "")
    assert "did you mean 'limits__file_bytes'?" in complaint(limits__file_byte=1)
    assert "EVERSTORE_LIMITS__FILE_BYTE" in complaint(limits={"file_byte": 1})


def test_a_name_like_no_other_is_told_where_all_are_listed(monkeypatch):
    monkeypatch.setenv("EVERSTORE_XYZZYQ", "1")
    assert "everstore settings" in complaint()
    monkeypatch.delenv("EVERSTORE_XYZZYQ")
    assert "known: backend," in complaint(xyzzyqq=1)


def test_what_may_be_another_plugin_s_is_let_through(monkeypatch):
    monkeypatch.setenv("EVERSTORE_ACME_URL", "x")
    monkeypatch.setenv("EVERSTORE_TEST_ANYTHING", "x")
    monkeypatch.setenv("EVERSTORED", "x")
    write(".env", "EVERSTORE_REDIS_POOL_SIZE=3\n")
    write("everstore.toml", "[acme]\nurl = 'x'\n")
    write("pyproject.toml", "[tool.everstore.redis]\nurl = 'x'\n[tool.other]\nx = 1\n")
    assert configure({}).roles["storage"] == "memory"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("LOG_LEVEL", "loud"),
            ("LOG_FORMAT", "xml"),
            ("LIMITS__FILE_BYTES", "many"),
            ("LIMITS__FILE_BYTES", "0"),
        ),
        *(("LIMITS__SESSION_FILES", "-1"), ("LIMITS__KEY_BYTES", "1025"), ("LIMITS__VALUE_BYTES", "1.5")),
    ],
)
def test_a_wrong_value_is_told_by_name_and_source_and_never_shown(monkeypatch, name, value):
    marker = value if len(value) > 3 and value != "1025" else None
    monkeypatch.setenv(f"EVERSTORE_{name}", value)
    told = complaint()
    assert told.startswith(f"EVERSTORE_{name}: ")
    assert told.endswith("(from environment)")
    assert marker is None or marker not in told
    assert "(from open_store())" in complaint(**{name.lower(): value})


def test_all_wrong_values_are_told_at_once(monkeypatch):
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "loud")
    write("everstore.toml", "log_format = 3\n[limits]\nfile_bytes = 'x'\n")
    told = complaint()
    for name, source in (
        ("LOG_LEVEL", "environment"),
        ("LOG_FORMAT", "everstore.toml"),
        ("LIMITS__FILE_BYTES", "everstore.toml"),
    ):
        assert f"EVERSTORE_{name}: " in told
        assert f"(from {source})" in told


def test_limits_are_a_table(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("EVERSTORE_LIMITS", "{marker")
        assert "limits" in complaint()
        assert "environment" in complaint()
        assert "marker" not in complaint()
    write("everstore.toml", "limits = 3\n")
    assert "EVERSTORE_LIMITS" in complaint()
    assert "EVERSTORE_LIMITS" in complaint(limits=None)


@pytest.mark.parametrize("name", ["everstore.toml", "pyproject.toml", ".env"])
def test_a_file_that_cannot_be_read_is_told_by_name(name):
    Path(name).write_bytes(b"backend = '\xff'\n")
    assert name in complaint()


@pytest.mark.parametrize("name", ["everstore.toml", "pyproject.toml"])
def test_a_file_that_is_no_toml_is_told_by_name(name):
    write(name, "backend = \n")
    assert name in complaint()
    Path(name).unlink()
    Path(name).mkdir()
    assert name in complaint()


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\nother = 1\n", ""])
def test_a_pyproject_about_other_things_says_nothing(text):
    write("pyproject.toml", text)
    assert in_force("BACKEND") == ("memory", "default")


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
