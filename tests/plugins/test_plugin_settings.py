"""A plugin owns its settings: whoever else's are none of its business, and its own are checked."""

from __future__ import annotations

import pytest

import everstore
from everstore.configuration import configure
from everstore.errors import SettingsError

SEAL = "the-secret-seal"


async def opened(**settings):
    async with everstore.open_store(**settings) as store:
        return store.backends


async def refusal(**settings) -> str:
    with pytest.raises(SettingsError) as caught:
        await opened(**settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def origins(**keywords) -> dict[str, tuple[str, str]]:
    return {origin.name: (origin.value, origin.source) for origin in configure(keywords).origins}


@pytest.fixture
def write(in_empty_folder, monkeypatch):
    """Write the settings file, and name it."""

    def written(text: str) -> None:
        (in_empty_folder / "the.toml").write_text(text)
        monkeypatch.setenv("EVERSTORE_CONFIG_FILE", "the.toml")

    return written


async def test_each_source_sets_them_and_the_strongest_wins(ledger, in_empty_folder, write, monkeypatch):
    name = "EVERSTORE_LEDGER_PATH"
    assert origins(**ledger)[name] == ("ledger.jsonl", "default")
    write('[ledger]\npath = "toml"\n')
    assert origins(**ledger)[name] == ("toml", "the.toml")
    monkeypatch.setenv(name, "environment")
    assert origins(**ledger)[name] == ("environment", "environment")
    assert origins(**ledger, ledger_path="keyword")[name] == ("keyword", "open_store()")
    await opened(**ledger, ledger_path="keyword")
    assert [path.name for path in in_empty_folder.iterdir() if path.suffix != ".toml"].count("keyword") == 1


async def test_another_plugins_settings_are_no_mistake(ledger, monkeypatch):
    monkeypatch.setenv("EVERSTORE_LEDGER_PATH", "unused")
    monkeypatch.setenv("EVERSTORE_LEDGER_PTH", "not looked at")
    monkeypatch.setenv("EVERSTORE_NOT_INSTALLED_URL", "unused")
    assert (await opened(backend="memory"))["storage"] == "memory"


async def test_a_misspelt_one_of_a_plugin_in_use_is_a_mistake(ledger, monkeypatch):
    monkeypatch.setenv("EVERSTORE_LEDGER_PTH", "x")
    assert await refusal(**ledger) == (
        "EVERSTORE_LEDGER_PTH in the environment is no setting; did you mean EVERSTORE_LEDGER_PATH?"
    )


async def test_a_misspelt_one_in_a_file_is_a_mistake(ledger, write):
    write("[ledger]\nsael = 'x'\n")
    assert await refusal(**ledger) == "[ledger] sael in the.toml is no setting; did you mean [ledger] seal?"


async def test_a_name_for_a_plugin_in_use_that_has_no_settings_is_a_mistake(monkeypatch):
    monkeypatch.setenv("EVERSTORE_MEMORY_SIZE", "1")
    assert (await refusal(backend="memory")).startswith(
        "EVERSTORE_MEMORY_SIZE in the environment is no setting"
    )


async def test_a_misspelt_keyword_is_a_mistake(ledger):
    assert await refusal(**ledger, ledger_pth="x") == (
        "open_store() has no setting 'ledger_pth'; did you mean 'ledger_path'?"
    )


async def test_a_required_one_that_nothing_sets_is_told_by_name(install, in_empty_folder):
    install("acme", """
    from everstore import hookimpl
    from everstore.settings import PluginSettings
    from pydantic import BaseModel, SecretStr
    from pydantic_settings import SettingsConfigDict

    class Pool(BaseModel):
        size: int = 4
        user: str

    class AcmeSettings(PluginSettings):
        model_config = SettingsConfigDict(env_prefix="EVERSTORE_ACME_")
        url: SecretStr
        pool: Pool

    @hookimpl
    def everstore_settings():
        return AcmeSettings
    """)  # fmt: skip
    assert await refusal(backend="acme") == (
        "EVERSTORE_ACME_URL is not set, and has no default; "
        "EVERSTORE_ACME_POOL is not set, and has no default"
    )
    settings = {"backend": "acme", "acme_url": "x", "acme_pool__user": "me"}
    assert await refusal(**settings, acme_pool__size="many") == (
        "EVERSTORE_ACME_POOL__SIZE: it takes a whole number, and something else is given (from open_store())"
    )
    assert origins(**settings)["EVERSTORE_ACME_POOL__USER"] == ("me", "open_store()")
    assert origins(**settings)["EVERSTORE_ACME_POOL__SIZE"] == ("4", "default")


async def test_a_value_where_a_plugins_table_belongs_is_told(ledger, write):
    write("ledger = 3\n")
    assert await refusal(**ledger) == (
        "ledger in the.toml is a table: write [ledger], and its settings below it"
    )


async def test_a_wrong_value_is_told_by_name_and_source_and_not_shown(ledger, monkeypatch):
    message = await refusal(**ledger, ledger_seal=["a", SEAL])
    assert message.startswith("EVERSTORE_LEDGER_SEAL: ")
    assert message.endswith("(from open_store())")
    assert SEAL not in message


async def test_a_secret_setting_is_shown_nowhere(ledger, caplog, capsys):
    configuration = configure({**ledger, "ledger_seal": SEAL})
    assert configuration.plugin_settings["ledger"].seal.get_secret_value() == SEAL
    assert origins(**ledger, ledger_seal=SEAL)["EVERSTORE_LEDGER_SEAL"] == ("**********", "open_store()")
    for shown in (configuration.plugin_settings, configuration.settings, configuration.origins):
        assert SEAL not in repr(shown)


async def test_a_plugin_refuses_a_setting_in_its_own_words(ledger):
    await opened(**ledger, ledger_seal=SEAL)
    assert await refusal(**ledger, ledger_seal="another") == (
        "EVERSTORE_LEDGER_SEAL is not the seal of this ledger; set the right one"
    )
    assert (await refusal(**ledger, ledger_path="no/such/folder")).startswith("EVERSTORE_LEDGER_PATH: ")
