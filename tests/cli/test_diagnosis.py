"""backends, settings and check."""

from __future__ import annotations

import asyncio

import pytest

from everstore import SessionFileSystemFactory, new_session_id
from everstore.backends.memory import InMemorySessionFileStore, InMemorySessionStorageStore
from everstore.errors import BackendUnavailableError
from everstore.middleware import Middleware


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    pass


def row_of(table: str, name: str) -> str:
    [row] = [line for line in table.splitlines() if line.split()[:1] == [name]]
    return row


def test_backends_lists_what_is_installed_and_what_for(cli, kept, monkeypatch):
    monkeypatch.setenv("EVERSTORE_STORAGE", "memory")
    reports = {each["name"]: each for each in cli("backends", "--json").json}
    assert reports["memory"]["roles"] == ["file_system", "storage", "sessions"]
    assert reports["memory"]["configured_for"] == ["storage"]
    assert reports["kept"]["configured_for"] == ["file_system", "sessions"]
    assert reports["kept"]["distribution"] == "kept-under-test 1.0"
    table = cli("backends").out
    assert table.splitlines()[0].startswith("NAME")
    assert "kept-under-test 1.0" in row_of(table, "kept")


def test_backends_says_why_a_plugin_cannot_be_used(cli, install_plugin, tmp_path, monkeypatch):
    source = tmp_path / "nothing.py"
    source.write_text("")
    install_plugin("hollow", source)
    monkeypatch.setenv("EVERSTORE_DISABLED_PLUGINS", "memory")
    monkeypatch.setenv("EVERSTORE_BACKEND", "hollow")
    reports = {each["name"]: each for each in cli("backends", "--json").json}
    assert "implements no hook" in reports["hollow"]["problem"]
    assert "EVERSTORE_DISABLED_PLUGINS" in reports["memory"]["problem"]
    answer = cli("backends")
    assert answer.status == 0
    assert "implements no hook" in row_of(answer.out, "hollow")


def test_backends_notes_a_configured_one_that_is_not_installed(cli, monkeypatch):
    monkeypatch.setenv("EVERSTORE_BACKEND", "memry")
    answer = cli("backends")
    assert answer.status == 0
    assert "no backend 'memry'; did you mean 'memory'?" in answer.err


def test_settings_tells_where_each_value_came_from(cli, monkeypatch, in_empty_folder):
    (in_empty_folder / "my.toml").write_text('log_level = "error"\n[limits]\nfile_bytes = 1000\n')
    monkeypatch.setenv("EVERSTORE_BACKEND", "memory")
    origins = {each["name"]: each for each in cli("--config", "my.toml", "settings", "--json").json}
    assert origins["EVERSTORE_BACKEND"]["source"] == "environment"
    assert origins["EVERSTORE_LOG_LEVEL"] == {
        "name": "EVERSTORE_LOG_LEVEL",
        "value": "error",
        "source": "my.toml",
        "problem": None,
    }
    assert origins["EVERSTORE_LIMITS__FILE_BYTES"]["value"] == "1000"
    assert origins["EVERSTORE_STORAGE"]["source"] == "default"
    assert origins["EVERSTORE_SESSION"]["source"] == "default"
    assert origins["EVERSTORE_CONFIG_FILE"] == {
        "name": "EVERSTORE_CONFIG_FILE",
        "value": "my.toml",
        "source": "--config",
        "problem": None,
    }
    monkeypatch.setenv("EVERSTORE_CONFIG_FILE", "my.toml")
    answer = cli("settings")
    assert row_of(answer.out, "EVERSTORE_LOG_LEVEL").split() == ["EVERSTORE_LOG_LEVEL", "my.toml", "error"]
    assert answer.err == ""


def test_settings_tells_what_a_stronger_backend_cleared(cli, monkeypatch, in_empty_folder):
    (in_empty_folder / "my.toml").write_text('storage = "elsewhere"\n')
    monkeypatch.setenv("EVERSTORE_BACKEND", "memory")
    [role] = [
        each
        for each in cli("--config", "my.toml", "settings", "--json").json
        if each["name"] == "EVERSTORE_STORAGE"
    ]
    assert role["source"] == "my.toml, cleared by EVERSTORE_BACKEND from environment"


UNREAD = "everstore.toml in the working directory is not read"


def test_settings_says_that_a_file_nobody_named_is_not_read(cli, monkeypatch, in_empty_folder):
    (in_empty_folder / "everstore.toml").symlink_to("/dev/zero")
    answer = cli("settings")
    assert answer.status == 0
    assert answer.err.startswith(f"everstore: note: {UNREAD}")
    for remedy in ("--config", "EVERSTORE_CONFIG_FILE=", "open_store(config_file="):
        assert remedy in answer.err
    (in_empty_folder / "everstore.toml").unlink()
    (in_empty_folder / "everstore.toml").write_text("log_level = 'error'\n")
    assert UNREAD in cli("settings").err
    assert UNREAD not in cli("--config", "everstore.toml", "settings").err
    monkeypatch.setenv("EVERSTORE_CONFIG_FILE", str(in_empty_folder / "everstore.toml"))
    assert UNREAD not in cli("settings").err
    (in_empty_folder / "other.toml").write_text("")
    assert UNREAD in cli("--config", "other.toml", "settings").err


def test_settings_says_what_changes_nothing(cli, monkeypatch, install_plugin, kept):
    install_plugin("idle", everstore_storage_store=lambda: None)
    monkeypatch.setenv("EVERSTORE_IDLE_URL", "x")
    monkeypatch.setenv("EVERSTORE_HOME", "x")
    monkeypatch.setenv("EVERSTORE_SERVICE_HOST", "10.0.0.1")
    told = cli("settings").err.splitlines()
    idle = "EVERSTORE_IDLE_URL: plugin 'idle' plays no role; EVERSTORE_BACKEND=idle gives it all of them"
    stranger = "EVERSTORE_HOME in the environment is no setting, and changes nothing"
    assert told == [f"everstore: note: {idle}", f"everstore: note: {stranger}"]


@pytest.mark.parametrize("command", ["settings", "check", "backends"])
def test_a_settings_file_that_is_not_there_is_told(cli, command):
    answer = cli("--config", "none.toml", command)
    assert answer.status == 2
    assert answer.err == (
        "everstore: error: settings: the settings file none.toml cannot be read: "
        "No such file or directory (EVERSTORE_CONFIG_FILE)\n"
    )


def test_a_file_is_named_for_one_command_only(cli, in_empty_folder):
    (in_empty_folder / "my.toml").write_text("backend = 'nobody'\n")
    assert cli("--config", "my.toml", "check").status == 2
    assert cli("check").status == 0


WRONG = {
    "EVERSTORE_LOG_LEVEL": (
        "loud",
        "it takes debug, info, warning, error or off, and something else",
    ),
    "EVERSTORE_LIMITS__FILE_BYTES": ("-1", "it takes a whole number, 1 or more, and -1 is given"),
    "EVERSTORE_LIMITS": ("{", "is not written as JSON"),
    "EVERSTORE_SECRETS_KEYS": ("k:hidden", "key 1 is not written as id:base64"),
    "EVERSTORE_SECRETS_KEYS_FILE": ("nowhere", "cannot be read"),
    "EVERSTORE_STORAGE": ("nosuch", "no backend 'nosuch'"),
    "EVERSTORE_MIDDLEWARE": ("memory", "has no middleware"),
    "EVERSTORE_BACKNED": ("x", "did you mean EVERSTORE_BACKEND?"),
    "EVERSTORE_SESSION": ("zz", "it names a session"),
    "EVERSTORE_CONFIG_FILE": ("none.toml", "cannot be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_settings_marks_what_is_wrong_and_lists_the_rest(cli, monkeypatch, name):
    value, words = WRONG[name]
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("EVERSTORE_LOG_FORMAT", "json")
    answer = cli("settings", "--json")
    assert answer.status == 2
    rows = {each["name"]: each for each in answer.json}
    assert rows["EVERSTORE_LOG_FORMAT"]["value"] == "json"
    [wrong] = [each for each in answer.json if each["problem"]]
    assert name.startswith(wrong["name"])  # a file with a key is told at the setting
    assert words in wrong["problem"]
    assert (wrong["value"], wrong["source"]) == ("", "environment")
    assert words in answer.error["message"]
    assert "hidden" not in answer.out + answer.err
    shown = cli("settings")
    assert shown.status == 2
    assert f" WRONG: {wrong['problem']}" in row_of(shown.out, wrong["name"])


def test_settings_tells_of_everything_that_is_wrong(cli, monkeypatch):
    for name in ("EVERSTORE_LOG_LEVEL", "EVERSTORE_STORAGE", "EVERSTORE_BACKNED", "EVERSTORE_SESSION"):
        monkeypatch.setenv(name, WRONG[name][0])
    answer = cli("settings")
    assert answer.status == 2
    assert answer.out.count("WRONG: ") == answer.err.count("everstore: error: ") == 4
    assert row_of(answer.out, "EVERSTORE_BACKEND").split() == ["EVERSTORE_BACKEND", "default", "memory"]


@pytest.mark.parametrize(
    ("text", "name", "source"),
    [
        ("log_level = 'loud'", "EVERSTORE_LOG_LEVEL", "my.toml"),
        ("limits = {file_bytes = -1}", "EVERSTORE_LIMITS__FILE_BYTES", "my.toml"),
        ("backend = 'nosuch'", "EVERSTORE_BACKEND", "my.toml"),
        ("[limits]\nfile_byts = 1", "[limits] file_byts", ""),
    ],
)
def test_settings_marks_what_is_wrong_in_a_file(cli, in_empty_folder, text, name, source):
    (in_empty_folder / "my.toml").write_text(f"{text}\n")
    answer = cli("--config", "my.toml", "settings", "--json")
    assert answer.status == 2
    [wrong] = [each for each in answer.json if each["problem"]]
    assert (wrong["name"], wrong["source"]) == (name, source)


@pytest.mark.parametrize(
    "source", ["import sys; sys.exit('no')", "raise GeneratorExit", "class No(BaseException): pass\nraise No"]
)
def test_backends_survives_a_plugin_that_ends_the_process(cli, install_plugin, tmp_path, monkeypatch, source):
    def end():
        exec(source, {})

    install_plugin("ends", everstore_settings=end)
    module = tmp_path / "ends_at_import.py"
    module.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    info = tmp_path / "early-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: early\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[everstore]\nearly = ends_at_import\n")
    answer = cli("backends", "--json")
    assert answer.status == 0
    problems = {each["name"]: each["problem"] for each in answer.json}
    assert problems["memory"] is None
    assert "plugin 'ends' (ends-under-test 1.0) is broken" in problems["ends"]
    assert "plugin 'early' (early 1.0) is broken" in problems["early"]


@pytest.mark.parametrize("options", [(), ("--config", "missing.toml")])
def test_settings_tells_once_of_two_spellings_that_disagree(cli, monkeypatch, options):
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "info")
    monkeypatch.setenv("everstore_log_level", "debug")
    answer = cli(*options, "settings")
    assert answer.status == 2
    assert answer.out.startswith("SETTING")
    assert (
        answer.err.count("EVERSTORE_LOG_LEVEL and everstore_log_level in the environment are one setting")
        == 1
    )


def test_settings_masks_keys(cli, a_key):
    for arguments in (["settings"], ["settings", "--json"]):
        answer = cli(*arguments)
        assert "EVERSTORE_SECRETS_KEYS" in answer.out
        assert "QUJD" not in answer.out


def test_check_of_a_good_backend(cli):
    findings = cli("check", "--json").json
    assert {each["outcome"] for each in findings} == {"ok"}
    assert [(each["role"], each["probe"]) for each in findings] == [
        ("file_system", "a file"),
        ("storage", "a value"),
        ("storage", "a secret"),
        ("sessions", "a record"),
        ("sessions", "remove all of it"),
    ]
    answer = cli("check")
    assert (answer.status, answer.err) == (0, "")
    assert "a record" in answer.out


@pytest.fixture
def scratch(monkeypatch):
    """The id of the session that check will work in."""
    session_id = new_session_id()
    monkeypatch.setattr("everstore.cli.check.new_session_id", lambda: session_id)
    return session_id


def left_of(kept, session_id) -> list[object]:
    """All that the backend keeps of a session."""

    async def look() -> list[object]:
        return [
            *await kept.files.list_directory(session_id, "/"),
            *await kept.storage.list_keys(session_id),
            *await kept.storage.list_secrets(session_id),
            *await kept.sessions.list_sessions(),
        ]

    return asyncio.run(look())


def test_check_leaves_nothing_behind(cli, kept, a_key, scratch):
    assert cli("check").status == 0
    assert left_of(kept, scratch) == []


def test_check_without_a_key_says_that_secrets_are_not_possible_yet(cli, kept):
    answer = cli("check", "--json")
    assert answer.status == 0
    [finding] = [each for each in answer.json if each["probe"] == "a secret"]
    assert finding["outcome"] == "not possible"
    assert "everstore keys generate" in finding["reason"]


class Stuck(InMemorySessionStorageStore):
    async def get_value(self, session_id, key):
        return "41" if key == "check" else None


class Failing(InMemorySessionFileStore):
    async def edit_file(self, session_id, path, old, new, *, replace_all=False):
        raise ConnectionResetError("the driver's words")


@pytest.fixture
def faulty(install_plugin, monkeypatch, kept):
    class Factory(SessionFileSystemFactory):
        async def create_session_file_system(self, context):
            return Failing()

    factory, stuck = Factory(), Stuck()
    install_plugin(
        "faulty",
        everstore_file_system_factory=lambda: factory,
        everstore_storage_store=lambda: stuck,
        everstore_session_store=lambda: kept.sessions,
    )
    monkeypatch.setenv("EVERSTORE_BACKEND", "faulty")


def test_check_of_a_faulty_backend_says_what_failed_and_cleans_up(cli, faulty, kept, scratch):
    answer = cli("check", "--json")
    assert answer.status == 4
    outcomes = {each["probe"]: (each["outcome"], each["reason"]) for each in answer.json}
    assert outcomes["a file"] == (
        "failed",
        "backend_error: faulty: edit_file failed with ConnectionResetError (ConnectionResetError)",
    )
    assert outcomes["a value"] == ("failed", "wrong_answer: the value read is not what was kept")
    assert outcomes["a record"] == ("ok", "")
    assert outcomes["remove all of it"] == ("ok", "")
    assert left_of(kept, scratch) == []


def test_check_of_a_backend_that_cannot_be_opened(cli, install_plugin, monkeypatch):
    def refuse():
        raise BackendUnavailableError("the server does not answer; check EVERSTORE_AWAY_URL", happened=False)

    install_plugin("away", everstore_storage_store=refuse)
    monkeypatch.setenv("EVERSTORE_STORAGE", "away")
    answer = cli("check")
    assert answer == (
        4,
        b"",
        (
            "everstore: error: backend_unavailable: the server does not answer; check EVERSTORE_AWAY_URL;"
            " nothing was changed, so it may be done again\n"
        ),
    )


class StaysBehind(Middleware):
    """A purge that says it did."""

    def wrap(self, verb, call):
        async def pretend(*args, **kwargs):
            return True

        return pretend if (verb.role, verb.name) == ("file_system", "purge_session") else call


def test_check_notices_what_is_not_removed(cli, install_plugin, monkeypatch):
    # The file is deleted by its own probe; a directory stays, which only a look at the tree shows.
    layer = StaysBehind()
    install_plugin("stays", everstore_middleware=lambda: layer)
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "stays")
    answer = cli("check", "--json")
    assert answer.status == 4
    assert answer.json[-1]["reason"] == "wrong_answer: the removed session is not what was kept"
