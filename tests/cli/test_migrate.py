"""everstore migrate."""

from __future__ import annotations

import pytest

from everstore import SessionFileSystemFactory
from everstore.backends.memory import InMemorySessionFileStore


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    pass


class Factory(SessionFileSystemFactory):
    async def create_session_file_system(self, context):
        return InMemorySessionFileStore(context.limits)


def keep_files():
    return Factory()


@pytest.fixture
def dated(install_plugin, monkeypatch) -> list[str]:
    """A plugin that keeps files, and what its storage lacks."""
    lacks = ["a table", "an index"]

    async def everstore_migrate(context):
        assert context.plugin == "dated"
        done, lacks[:] = [f"made {each}" for each in lacks], []
        return done

    install_plugin("dated", everstore_file_system_factory=keep_files, everstore_migrate=everstore_migrate)
    monkeypatch.setenv("EVERSTORE_FILE_SYSTEM", "dated")
    return lacks


def test_migrate_says_what_each_backend_did(cli, dated):
    lines = set(cli("migrate").out.splitlines())
    assert lines == {"dated: made a table", "dated: made an index", "memory: has nothing to migrate"}
    assert dated == []
    assert "dated: is up to date" in cli("migrate").out


def test_migrate_answers_programs(cli, dated):
    assert cli("migrate", "--json").json == {"dated": ["made a table", "made an index"], "memory": None}
    assert cli("migrate", "--json").json == {"dated": [], "memory": None}


def test_a_migration_that_fails_is_told_in_one_line(cli, install_plugin, monkeypatch):
    def everstore_migrate():
        raise RuntimeError("no room")

    install_plugin("stuck", everstore_file_system_factory=keep_files, everstore_migrate=everstore_migrate)
    monkeypatch.setenv("EVERSTORE_FILE_SYSTEM", "stuck")
    answer = cli("migrate")
    assert answer.status == 4
    assert answer.out == ""
    assert answer.err.startswith("everstore: error: backend_error: ")
    assert answer.err.count("\n") == 1
