"""What a shell completes, that it says nothing of what is wrong, and that it makes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from everstore.cli.app import run
from everstore.settings import PluginSettings


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    pass


@pytest.fixture
def complete(cli, capsysbinary, monkeypatch):
    """What is offered for the last word of a line, by one of the shells."""

    def completed(line: str, shell: str = "bash") -> list[str]:
        words = ["everstore", *line.split(" ")]
        with monkeypatch.context() as patched:
            patched.setenv("_EVERSTORE_COMPLETE", f"complete_{shell}")
            patched.setenv("COMP_WORDS", " ".join(words))
            patched.setenv("COMP_CWORD", str(len(words) - 1))
            patched.setenv("_TYPER_COMPLETE_ARGS", " ".join(words))
            patched.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
            with pytest.raises(SystemExit) as ended:
                run([])
        out, err = capsysbinary.readouterr()
        assert (ended.value.code, err) == (0, b"")
        return out.decode().split("\n")[:-1]

    return completed


@pytest.fixture
def filled(cli, session, a_key):
    for path in ("src/deep/only.txt", "src/deep/er.txt", "top file.txt", "alone/in/here.md"):
        cli("put", "-", path, stdin=b"x")
    for key in ("k1", "k2", "other"):
        cli("kv", "set", key, "v")
    cli("secret", "set", "token", stdin=b"x")
    return session


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("cat ", ["alone/", "src/", "top file.txt"]),
        ("cat s", ["src/deep/er.txt", "src/deep/only.txt"]),  # what is in the only directory
        ("cat /src/deep/o", ["/src/deep/only.txt"]),
        ("cat al", ["alone/in/here.md"]),
        ("cat nothing", [""]),
        ("mv src/deep/er.txt src/deep/on", ["src/deep/only.txt"]),
        ("put local.txt to", ["top file.txt"]),
        ("kv get k", ["k1", "k2"]),
        ("kv rm oth", ["other"]),
        ("secret get t", ["token"]),
        ("conformance kep", ["kept"]),
        ("copy --from kep", ["kept"]),
        ("session sho", ["show"]),
        ("--version session sho", ["show"]),
    ],
)
def test_what_is_there_is_offered(complete, filled, line, offered):
    assert complete(line) == offered


def test_sessions_and_checkpoints_are_offered_with_what_people_know_them_by(cli, complete, session):
    made = cli("session", "new", "my title").out.strip()
    checkpoint = cli("session", "checkpoint", made, "before").out.strip()
    assert complete(f"session rm {made[:3]}") == [made]
    assert complete(f"ls -s {made[:3]}", "fish") == [f"{made}\tmy title"]
    assert complete("session fork ", "zsh") == ["_files"]  # nothing for a script that would evaluate it
    cli("session", "rename", made, "my\x1btitle")
    assert complete(f"ls -s {made[:3]}", "fish") == [f"{made}\tmy\\x1btitle"]
    assert complete(f"session rewind {made} ", "fish") == [f"{checkpoint}\tbefore"]
    cli("put", "-", "x", "-s", made, stdin=b"1")
    assert complete(f"cat -s {made} ") == ["x"]


@pytest.mark.parametrize(
    "settings",
    [
        {"EVERSTORE_BACKEND": "nosuch"},
        {"EVERSTORE_BACKEND": "memory"},
        {"EVERSTORE_SESSION": "nonsense"},
        {"EVERSTORE_SESSION": ""},
        {"EVERSTORE_CONFIG_FILE": "none.toml"},
    ],
)
def test_where_anything_is_wrong_nothing_is_offered_and_nothing_is_said(
    complete, filled, monkeypatch, settings
):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert complete("cat ") == [""]


def test_a_backend_that_does_not_answer_is_given_up(complete, filled, kept, monkeypatch):
    async def never(*args, **options):
        await asyncio.sleep(3600)

    monkeypatch.setattr(type(kept.storage), "list_keys", never)
    monkeypatch.setattr("everstore.cli.completing._PATIENCE", 0.01)
    assert complete("kv get ") == [""]


class HasPath(PluginSettings):
    model_config = SettingsConfigDict(env_prefix="EVERSTORE_ACME_")
    path: Path = Path("acme.db")


class CanRead(HasPath):
    read_only: bool = False
    connect_timeout: float = 60


@pytest.mark.parametrize(("model", "opened"), [(HasPath, []), (CanRead, [(True, 1.0)])])
def test_a_completion_makes_no_storage(complete, install_plugin, monkeypatch, model, opened):
    seen = []

    def storage(context):
        seen.append((context.settings.read_only, context.settings.connect_timeout))
        raise RuntimeError

    install_plugin("acme", everstore_settings=lambda: model, everstore_storage_store=storage)
    monkeypatch.setenv("EVERSTORE_STORAGE", "acme")
    assert complete("kv get ") == [""]
    assert seen == opened


def test_the_settings_file_of_the_line_is_the_one_that_counts(complete, filled, in_empty_folder, monkeypatch):
    monkeypatch.delenv("EVERSTORE_BACKEND")
    (in_empty_folder / "my.toml").write_text("backend = 'kept'\n")
    assert complete("kv get k") == [""]
    assert complete("--config my.toml kv get k") == ["k1", "k2"]
