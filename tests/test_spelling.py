"""Names that somebody meant as settings: the right one is told, and strangers' names are left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from everstore import errors
from everstore.backends.memory import InMemorySessionStorageStore
from everstore.configuration import configure
from everstore.settings import PluginSettings

if TYPE_CHECKING:
    from pathlib import Path

ACME = {"backend": "memory", "storage": "acme"}


@pytest.fixture
def acme(install_plugin) -> None:
    """An installed plugin with settings, one of them a table."""
    from pydantic import BaseModel  # noqa: PLC0415 - for this plugin
    from pydantic_settings import SettingsConfigDict  # noqa: PLC0415 - beside what it tests

    class Pool(BaseModel):
        max_size: int = 4

    class AcmeSettings(PluginSettings):
        model_config = SettingsConfigDict(env_prefix="EVERSTORE_ACME_")
        url: str = "here"
        pool: Pool = Pool()
        spare: Pool | None = None
        others: tuple[Pool, ...] = ()
        named: dict[str, Pool] | None = None

    install_plugin(
        "acme",
        everstore_settings=lambda: AcmeSettings,
        everstore_storage_store=lambda: InMemorySessionStorageStore(),  # noqa: PLW0108 - a hook is a function
    )


def refusal(environment: dict[str, str] | None = None, file: Path | None = None, **keywords: object) -> str:
    with pytest.raises(errors.SettingsError) as caught:
        configure({**keywords, "config_file": file}, environment or {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


MISSPELT = {
    "BACKEN": "BACKEND", "BACKNED": "BACKEND", "BACK_END": "BACKEND", "BACKENDS": "BACKEND",
    "_BACKEND": "BACKEND", "LOGLEVEL": "LOG_LEVEL", "LOG_LVL": "LOG_LEVEL", "LOG_LEVLE": "LOG_LEVEL",
    "LOGFORMAT": "LOG_FORMAT", "FILE_SYSTEMS": "FILE_SYSTEM", "FILESYSTEM": "FILE_SYSTEM",
    "STORAGES": "STORAGE", "STORGAE": "STORAGE", "SESION": "SESSION", "SESSION_ID": "SESSION",
    "SECRET_KEYS": "SECRETS_KEYS", "SECRETS_KEY": "SECRETS_KEYS", "SECRETKEYS": "SECRETS_KEYS",
    "SECRETS_KEYS_FIEL": "SECRETS_KEYS_FILE", "SECRETS": "SECRETS_KEYS", "MIDDLEWARES": "MIDDLEWARE",
    "DISABLE_PLUGINS": "DISABLED_PLUGINS", "CONFIG": "CONFIG_FILE", "CONFIGFILE": "CONFIG_FILE",
    "LIMITS_FILE_BYTES": "LIMITS__FILE_BYTES", "LIMIT__FILE_BYTES": "LIMITS__FILE_BYTES",
    "LIMITS__FILE_BYTE": "LIMITS__FILE_BYTES", "FILE_BYTES": "LIMITS__FILE_BYTES",
    "LIMITS__KEYBYTES": "LIMITS__KEY_BYTES",
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "right"), MISSPELT.items())
def test_a_misspelt_name_in_the_environment_is_told_with_the_right_one(wrong, right):
    told = refusal({f"EVERSTORE_{wrong}": "x"})
    assert told.startswith(f"EVERSTORE_{wrong} ")
    assert "is no setting; " in told
    assert f"did you mean EVERSTORE_{right}?" in told
    assert "environment" in told


def test_a_limit_that_was_renamed_is_told_with_its_new_name(tmp_path):
    file = tmp_path / "everstore.toml"
    file.write_text("[limits]\nsession_files = 3\n")
    assert "did you mean [limits] session_entries, its name now?" in refusal(file=file)
    for wrong in ("EVERSTORE_LIMITS__SESSION_FILES", "EVERSTORE_LIMITS_SESSION_FILES"):
        assert "did you mean EVERSTORE_LIMITS__SESSION_ENTRIES, its name now?" in refusal({wrong: "3"})
    assert "did you mean 'limits__session_entries', its name now?" in refusal(limits__session_files=3)


STRANGERS = {
    "PORT": "tcp://10.96.0.10:5432", "SERVICE_HOST": "10.96.0.10", "SERVICE_PORT": "5432",
    "SERVICE_PORT_HTTP": "80", "SERVICE_PORT_LOG_LEVEL": "80", "PORT_5432_TCP": "tcp://10.96.0.10:5432",
    "PORT_5432_TCP_ADDR": "10.96.0.10", "PORT_5432_TCP_PORT": "5432", "PORT_5432_TCP_PROTO": "tcp",
    "PORT_53_UDP": "udp://10.96.0.10:53", "PORT_9_SCTP_ADDR": "10.96.0.10",
    # Services called everstore-backend, everstore-storage, everstore-limits, everstore-memory.
    "BACKEND_SERVICE_HOST": "10.96.0.10", "BACKEND_PORT": "tcp://10.96.0.10:80",
    "BACKEND_PORT_80_TCP_PROTO": "tcp", "STORAGE_SERVICE_PORT": "80", "SESSIONS_SERVICE_HOST": "10.0.0.1",
    "LIMITS_SERVICE_HOST": "10.0.0.1", "MEMORY_SERVICE_HOST": "10.0.0.1", "MEMORY_PORT": "tcp://10.0.0.1:1",
    # Whatever else people put there.
    "HOME": "/srv", "VERSION": "1.0", "HOST": "x", "API_KEY": "x", "API_URL": "x", "URL": "x", "ENV": "prod",
    "NAMESPACE": "x", "IMAGE": "x", "REPLICAS": "3", "TEST_ANYTHING": "x", "REDIS_POOL_SIZE": "3",
    "NOT_INSTALLED_URL": "x", "XYZZYQ": "1", "DEPLOYMENT": "x", "TIMEOUT": "3",
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_a_name_that_resembles_no_setting_is_none_of_ours(name):
    value = STRANGERS[name]
    assert configure({}, {f"EVERSTORE_{name}": value}).roles["storage"] == "memory"
    assert configure({}, {f"everstore_{name}".lower(): value}).roles["storage"] == "memory"


def test_all_that_kubernetes_says_of_a_service_may_be_there_at_once(acme):
    there = {f"EVERSTORE_{name}": value for name, value in STRANGERS.items()}
    there |= {
        name.replace("EVERSTORE_", "EVERSTORE_ACME_"): value
        for name, value in there.items()
        if "SERVICE" in name or "_TCP" in name or value.startswith("tcp:")
    }
    configuration = configure(ACME, there)
    assert configuration.idle == {}
    assert "EVERSTORE_HOME" in configuration.strangers
    assert not any("SERVICE" in name or "TCP" in name for name in configuration.strangers)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ACME_ULR", "did you mean EVERSTORE_ACME_URL?"),
        ("ACME__URL", "did you mean EVERSTORE_ACME_URL?"),
        ("ACME_POOL_MAX_SIZE", "did you mean EVERSTORE_ACME_POOL__MAX_SIZE?"),
        ("ACME_PORT", "did you mean EVERSTORE_ACME_"),
        ("ACMEE_URL", "did you mean EVERSTORE_ACME_URL?"),
        ("ACME_QQQQQQQ", "'everstore settings' lists them all"),
        ("MEMORY_SIZE", "'everstore settings' lists them all"),
    ],
)
def test_a_misspelt_setting_of_a_plugin_in_use_is_told(acme, wrong, right):
    told = refusal({f"EVERSTORE_{wrong}": "5432"}, **ACME)
    assert told.startswith(f"EVERSTORE_{wrong} in the environment is no setting; {right}")


def test_a_misspelt_plugin_is_told_when_it_plays_no_role_too(acme):
    assert refusal({"EVERSTORE_ACMEE_URL": "x"}).endswith("did you mean EVERSTORE_ACME_URL?")


def test_a_table_may_be_given_as_json(acme):
    assert (
        configure(ACME, {"EVERSTORE_ACME_POOL": '{"max_size": 9}'}).plugin_settings["acme"].pool.max_size == 9
    )


def test_several_mistakes_are_told_at_once_and_not_endlessly_many():
    told = refusal({f"EVERSTORE_BACKEND{number}": "x" for number in range(10, 1000)})
    assert told.count("is no setting") == 5
    assert told.endswith("; and 985 more")


IN_A_FILE = {
    "sqlite_path = 'x'": "sqlite_path in {} is no setting; did you mean [sqlite] path?",
    "sqlite-path = 'x'": "sqlite-path in {} is no setting; did you mean [sqlite] path?",
    "'sqlite.path' = 'x'": "sqlite.path in {} is no setting; did you mean [sqlite] path?",
    "EVERSTORE_SQLITE_PATH = 'x'": "EVERSTORE_SQLITE_PATH in {} is no setting; did you mean [sqlite] path?",
    "[everstore]\nbackend = 'sqlite'": "[everstore] in {} is no setting; settings stand at the top level",
    "[tool.everstore]\nbackend = 'x'": "[tool] in {} is no setting; settings stand at the top level",
    "[Everstore]\nbackend = 'x'": "[Everstore] in {} is no setting; settings stand at the top level",
    "[everstore.sqlite]\npath = 'x'": "[everstore] in {} is no setting; settings stand at the top level",
    "[sqllite]\npath = 'x'": "[sqllite] in {} is no setting; did you mean [sqlite]?",
    "[SQLITE]\npath = 'x'": "[SQLITE] in {} is no setting; did you mean [sqlite]?",
    "[everstore-sqlite]\npath = 'x'": "[everstore-sqlite] in {} is no setting; did you mean [sqlite]?",
    "[postgress]\nurl = 'x'": "[postgress] in {} is no setting; did you mean [postgres]?",
    "BACKEND = 'sqlite'": "BACKEND in {} is no setting; did you mean backend?",
    "Backend = 'sqlite'": "Backend in {} is no setting; did you mean backend?",
    "EVERSTORE_BACKEND = 'x'": "EVERSTORE_BACKEND in {} is no setting; did you mean backend?",
    "everstore_backend = 'x'": "everstore_backend in {} is no setting; did you mean backend?",
    "log-level = 'info'": "log-level in {} is no setting; did you mean log_level?",
    "backen = 'x'": "backen in {} is no setting; did you mean backend?",
    "filesystem = 'x'": "filesystem in {} is no setting; did you mean file_system?",
    "[sqlite]\nPATH = 'x'": "[sqlite] PATH in {} is no setting; did you mean [sqlite] path?",
    "[sqlite]\nsqlite_path = 'x'": "[sqlite] sqlite_path in {} is no setting; did you mean [sqlite] path?",
    "[sqlite]\nEVERSTORE_SQLITE_PATH = 'x'": "[sqlite] EVERSTORE_SQLITE_PATH in {} is no setting; did you",
    "[sqlite]\nbusy-timeout = 3": "[sqlite] busy-timeout in {} is no setting; did you mean [sqlite]",
    "[sqlite]\nqqqqq = 'x'": "[sqlite] qqqqq in {} is no setting; 'everstore settings' lists them all",
    "limits__file_bytes = 3": "limits__file_bytes in {} is no setting; did you mean [limits] file_bytes?",
    "limits_file_bytes = 3": "limits_file_bytes in {} is no setting; did you mean [limits] file_bytes?",
    "[limits]\nfile_byte = 3": "[limits] file_byte in {} is no setting; did you mean [limits] file_bytes?",
    "[limits]\nFILE_BYTES = 3": "[limits] FILE_BYTES in {} is no setting; did you mean [limits] file_bytes?",
    "[limit]\nfile_bytes = 3": "[limit] in {} is no setting; did you mean [limits]?",
    "[memory]\nsize = 3": "[memory] size in {} is no setting; 'everstore settings' lists them all",
    "sqlite_pth = 'x'": "sqlite_pth in {} is no setting; did you mean [sqlite] path?",
    "[build-system]\nrequires = []": "[build-system] in {} is no setting; no plugin of that name is",
    "[sqlite.extra]\na = 1": "[sqlite.extra] in {} is no setting; 'everstore settings' lists them all",
    "'' = 3": '"" in {} is no setting; ',
    "foo_bar = 3": "foo_bar in {} is no setting; 'everstore settings' lists them all",
    "[foo.bar]\nx = 3": "[foo] in {} is no setting; no plugin of that name is installed; the tables are ",
    "[sqlite]\nbackend = 'sqlite'": "[sqlite] backend in {} is no setting; did you mean backend? what stands",
    "[sqlite.limits]\nfile_bytes = 3": "[sqlite.limits] in {} is no setting; did you mean [limits]? what st",
    "[limits]\nlog_level = 'info'": "[limits] log_level in {} is no setting; did you mean log_level? what",
    "[log]\nlevel = 'info'": "[log] in {} is no setting; did you mean log_level?",
    "[secrets]\nkeys = 'x'": "[secrets] in {} is no setting; did you mean secrets_keys?",
    "busy_timeout = 3\n[sqlite]": "busy_timeout in {} is no setting; did you mean [sqlite] busy_timeout?",
    "[redis]\nurl = 'x'": "[redis] in {} is no setting; no plugin of that name is",
    "limits = 3": "limits in {} is a table: write [limits], and its settings below it",
    "sqlite = 'x.db'": "sqlite in {} is a table: write [sqlite], and its settings below it",
    "[[sqlite]]\npath = 'x'": "sqlite in {} is a table: write [sqlite], and its settings below it",
    "config_file = 'x'": "config_file in {} is no setting; a settings file is named by EVERSTORE_CONFIG_FILE",
    '"a\\nb" = 3': "a\\nb in {} is no setting; ",
}  # fmt: skip


@pytest.mark.parametrize("text", IN_A_FILE)
def test_what_is_not_understood_in_a_file_is_told_with_the_right_spelling(install_plugin, tmp_path, text):
    _install_neighbours(install_plugin)
    file = tmp_path / "f.toml"
    file.write_text(f"{text}\n")
    assert refusal(file=file).startswith(IN_A_FILE[text].format(file))


def _install_neighbours(install_plugin) -> None:
    """Plugins of the names that the cases are about, whether or not the real ones are installed."""
    from pydantic_settings import SettingsConfigDict  # noqa: PLC0415 - for these plugins

    from everstore.plugins import Plugins  # noqa: PLC0415 - beside what it tests

    class SqliteSettings(PluginSettings):
        model_config = SettingsConfigDict(env_prefix="EVERSTORE_SQLITE_")
        path: str = "x"
        busy_timeout: float = 1

    there = Plugins().names
    if "sqlite" not in there:
        install_plugin("sqlite", everstore_settings=lambda: SqliteSettings)
    if "postgres" not in there:
        install_plugin("postgres", everstore_storage_store=lambda: None)


def test_a_table_inside_the_table_of_a_plugin_is_looked_through(acme, tmp_path):
    file = tmp_path / "f.toml"
    file.write_text("[acme]\nurl = 'there'\n[acme.pool]\nmax_size = 9\n")
    assert configure({**ACME, "config_file": file}, {}).plugin_settings["acme"].pool.max_size == 9
    file.write_text("[acme.pool]\nmaxsize = 9\n")
    assert "did you mean [acme.pool] max_size?" in refusal(file=file, **ACME)
    file.write_text("[acme]\npool = 9\n")
    assert "[acme] pool in" in refusal(file=file, **ACME)


def test_a_list_or_a_mapping_of_tables_is_a_value(acme, tmp_path):
    file = tmp_path / "f.toml"
    file.write_text(
        "[[acme.others]]\nmax_size = 9\n[acme.named.x]\nmax_size = 8\n[acme.spare]\nmax_size = 7\n"
    )
    own = configure({**ACME, "config_file": file}, {}).plugin_settings["acme"]
    assert (own.others[0].max_size, own.named["x"].max_size, own.spare.max_size) == (9, 8, 7)
    file.write_text("[acme.spare]\nmaxsize = 7\n")
    assert "did you mean [acme.spare] max_size?" in refusal(file=file, **ACME)


def test_the_table_of_an_installed_plugin_without_a_role_is_right_and_its_names_are_checked(acme, tmp_path):
    file = tmp_path / "f.toml"
    file.write_text("[acme]\nurl = 'there'\n")
    assert configure({"config_file": file}, {}).idle == {"acme": [f"[acme] in {file}"]}
    file.write_text("[acme]\nulr = 'there'\n")
    assert "did you mean [acme] url?" in refusal(file=file)


def test_the_table_of_a_disabled_plugin_is_right_and_not_looked_into(install_plugin, tmp_path):
    def never() -> None:
        raise AssertionError

    install_plugin("acme", everstore_settings=never)
    file = tmp_path / "f.toml"
    file.write_text("disabled_plugins = 'acme'\n[acme]\nulr = 'there'\n")
    assert configure({"config_file": file}, {"EVERSTORE_ACME_URL": "x"}).idle == {}


def test_several_mistakes_in_a_file_are_told_at_once(tmp_path):
    file = tmp_path / "f.toml"
    file.write_text("BACKEND = 'x'\n[limits]\nfile_byte = 3\n")
    told = refusal(file=file)
    assert "did you mean backend?" in told
    assert "did you mean [limits] file_bytes?" in told


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("backen", "did you mean 'backend'?"),
        ("loglevel", "did you mean 'log_level'?"),
        ("limits__file_byte", "did you mean 'limits__file_bytes'?"),
        ("enviroment", "did you mean 'environment'?"),
        ("configfile", "did you mean 'config_file'?"),
        ("BACKEND", "did you mean 'backend'?"),
        ("everstore_backend", "did you mean 'backend'?"),
        ("EVERSTORE_LIMITS__FILE_BYTES", "did you mean 'limits__file_bytes'?"),
        ("env", "did you mean 'environment'?"),
        ("config", "did you mean 'config_file'?"),
        ("acme_url", "it is of plugin 'acme', which plays no role; add backend='acme'"),
        ("acme", "it is of plugin 'acme', which plays no role; add backend='acme'"),
        ("session", "a store holds all sessions; store.session(session_id) is one of them"),
        ("xyzzyqq", "known: backend, config_file, disabled_plugins, environment, "),
    ],
)
def test_a_keyword_that_is_no_setting_is_told(acme, keyword, words):
    assert refusal(**{keyword: "x"}).startswith(f"open_store() has no setting {keyword!r}; {words}")


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("acme", "each setting of plugin 'acme' is a keyword: acme_url, acme_pool, "),
        ("url", "did you mean 'acme_url'?"),
        ("acme__url", "did you mean 'acme_url'?"),
        ("pool__max_size", "did you mean 'acme_pool__max_size'?"),
    ],
)
def test_a_keyword_of_a_plugin_in_use_is_told(acme, keyword, words):
    assert refusal(**ACME, **{keyword: "x"}).startswith(f"open_store() has no setting {keyword!r}; {words}")


@pytest.mark.parametrize("wrong", ["Memory", "MEMORY", " memory", "everstore-memory", "memmory"])
def test_a_backend_in_another_spelling_is_told(wrong):
    with pytest.raises(errors.UnknownBackendError, match="did you mean 'memory'") as caught:
        configure({}, {"EVERSTORE_BACKEND": wrong})
    assert caught.value.name == wrong


def test_one_setting_of_the_environment_in_a_table_and_by_itself_has_one_value(acme):
    table = {"EVERSTORE_LIMITS": '{"file_bytes": 5}', "EVERSTORE_ACME_POOL": '{"max_size": 9}'}
    same = {"EVERSTORE_LIMITS__FILE_BYTES": "5", "EVERSTORE_ACME_POOL__MAX_SIZE": "9"}
    assert configure(ACME, table | same).settings.limits.file_bytes == 5
    for name, other in (("EVERSTORE_LIMITS", "FILE_BYTES"), ("EVERSTORE_ACME_POOL", "MAX_SIZE")):
        told = refusal({**table, f"{name}__{other}": "6"}, **ACME)
        assert told.startswith(
            f"{name} and {name}__{other} in the environment are one setting with two values"
        )
    assert "limits is a mapping" in refusal(limits=3, limits__file_bytes=6)


def test_a_table_that_is_no_json_is_named_and_not_shown():
    told = refusal({"EVERSTORE_LIMITS": "hunter2"})
    assert told.startswith("EVERSTORE_LIMITS in the environment is not written as JSON")
    assert "hunter2" not in told


@pytest.mark.parametrize("table", ["EVERSTORE_LIMITS", "EVERSTORE_ACME_POOL"])
def test_a_table_of_the_environment_that_is_no_json_is_told_by_name_only(acme, table):
    told = refusal({table: "{hunter2"}, **ACME)
    assert table in told
    assert "JSON" in told
    assert "hunter2" not in told
