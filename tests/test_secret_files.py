"""``X_FILE`` for each setting ``X`` that is a secret: in the environment, a settings file, a keyword."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, SecretStr
from pydantic_settings import SettingsConfigDict

import everstore
from everstore.configuration import configure
from everstore.errors import SettingsError
from everstore.middleware.encryption import generate_key
from everstore.settings import PluginSettings, load
from everstore.sources import Sources

KEYS = generate_key("one")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"{KEYS}\n")
    return path


def origin_of(configuration) -> tuple[str, str]:
    [origin] = [each for each in configuration.origins if each.name == "EVERSTORE_SECRETS_KEYS"]
    return origin.value, origin.source


def test_it_may_be_named_wherever_a_setting_may(file, tmp_path):
    settings_file = tmp_path / "everstore.toml"
    settings_file.write_text(f"secrets_keys_file = {str(file)!r}\n")
    for keywords, environment, source in (
        ({}, {"EVERSTORE_SECRETS_KEYS_FILE": str(file)}, "environment"),
        ({"secrets_keys_file": file}, {}, "open_store()"),
        ({"config_file": settings_file}, {}, str(settings_file)),
    ):
        configuration = configure(keywords, environment)
        assert list(configuration.secrets_keys) == ["one"]
        shown, where = origin_of(configuration)
        assert where == f"{file} (EVERSTORE_SECRETS_KEYS_FILE, {source})"
        assert KEYS not in shown


@pytest.mark.parametrize(
    ("content", "secret"), [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a \n", " a ")]
)
def test_one_line_end_is_taken_off_and_nothing_else(tmp_path, content, secret):
    (tmp_path / "url").write_bytes(content.encode())
    settings, _ = load(AcmeSettings, Sources({"EVERSTORE_ACME_URL_FILE": str(tmp_path / "url")}), {})
    assert settings.url.get_secret_value() == secret


class Inner(BaseModel):
    token: SecretStr | None = None


class AcmeSettings(PluginSettings):
    model_config = SettingsConfigDict(env_prefix="EVERSTORE_ACME_")
    url: SecretStr
    inner: Inner = Inner()


def test_a_secret_in_a_table_has_a_file_too(tmp_path):
    (tmp_path / "url").write_text("u")
    (tmp_path / "token").write_text("t\n")
    named = {
        "EVERSTORE_ACME_URL_FILE": str(tmp_path / "url"),
        "EVERSTORE_ACME_INNER__TOKEN_FILE": str(tmp_path / "token"),
    }
    settings, origins = load(AcmeSettings, Sources(named), {})
    assert settings.inner.token is not None
    assert settings.inner.token.get_secret_value() == "t"
    by_keyword, _ = load(AcmeSettings, Sources({}), {"url": "u", "inner__token_file": tmp_path / "token"})
    assert by_keyword == settings
    assert [each.name for each in origins] == ["EVERSTORE_ACME_URL", "EVERSTORE_ACME_INNER__TOKEN"]


async def refusal(**settings: object) -> str:
    with pytest.raises(SettingsError) as caught:
        await everstore.open_store(**settings)
    assert KEYS not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_both_in_one_source_is_refused(file):
    both = {"EVERSTORE_SECRETS_KEYS": KEYS, "EVERSTORE_SECRETS_KEYS_FILE": str(file)}
    told = "EVERSTORE_SECRETS_KEYS and EVERSTORE_SECRETS_KEYS_FILE are both set; take one of them out"
    assert await refusal(environment=both) == told
    assert await refusal(environment={}, secrets_keys=KEYS, secrets_keys_file=file) == told


async def test_a_stronger_source_wins_and_the_file_of_a_weaker_one_is_not_read(file):
    other = generate_key("two")
    missing = {"EVERSTORE_SECRETS_KEYS_FILE": "/nowhere"}
    assert list(configure({"secrets_keys": other}, missing).secrets_keys) == ["two"]
    assert list(configure({"secrets_keys_file": file}, {"EVERSTORE_SECRETS_KEYS": other}).secrets_keys) == [
        "one"
    ]


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"\xff", "UTF-8"), (b"\n", "is empty")]
)
async def test_what_cannot_be_read_is_told_with_the_setting(tmp_path, content, reason):
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    told = await refusal(environment={"EVERSTORE_SECRETS_KEYS_FILE": str(path)})
    assert reason in told
    assert str(path) in told
    assert "EVERSTORE_SECRETS_KEYS_FILE" in told


@pytest.mark.parametrize("name", ["EVERSTORE_SECRETS_KEYS_FIEL", "EVERSTORE_SECRET_KEYS_FILE"])
async def test_a_misspelt_name_is_told(file, name):
    assert "did you mean EVERSTORE_SECRETS_KEYS" in await refusal(environment={name: str(file)})


async def test_what_is_no_secret_has_no_file():
    assert "did you mean" in await refusal(environment={"EVERSTORE_LOG_LEVEL_FILE": "x"})
    assert "log_level_file" in await refusal(environment={}, log_level_file="x")
