"""What is kept, and where: a memory that nobody chose takes nothing, and what to install is named."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest
from pydantic_settings import SettingsConfigDict

from everstore import SessionFileSystemFactory, installing, new_session_id, open_store
from everstore.errors import UnknownBackendError
from everstore.settings import PluginSettings

SESSION = str(new_session_id())
KEEPING = [
    ("session", "new"),
    ("session", "fork", SESSION),
    ("session", "checkpoint", SESSION),
    ("put", "-", "x", "-s", SESSION),
    ("mkdir", "x", "-s", SESSION),
    ("edit", "x", "--old", "a", "--new", "b", "-s", SESSION),
    ("cp", "x", "y", "-s", SESSION),
    ("mv", "x", "y", "-s", SESSION),
    ("kv", "set", "k", "v", "-s", SESSION),
    ("kv", "incr", "k", "-s", SESSION),
    ("secret", "set", "k", "-s", SESSION),
    ("import", "x.tar"),
    ("mcp",),
]


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    pass


@pytest.mark.parametrize("command", KEEPING, ids=lambda command: " ".join(command[:2]))
def test_what_a_memory_that_nobody_chose_would_forget_is_refused(cli, command):
    answer = cli(*command, stdin=b"text")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("everstore: error: settings: no backend is chosen, and memory would forget")
    assert "export EVERSTORE_BACKEND=sqlite (EVERSTORE_BACKEND=memory does it all the same)" in answer.err


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_memory_that_somebody_chose_takes_it_and_says_that_it_forgets(
    cli, monkeypatch, in_empty_folder, where
):
    options = []
    if where == "file":
        (in_empty_folder / "my.toml").write_text("backend = 'memory'\n")
        options = ["--config", "my.toml"]
    else:
        monkeypatch.setenv("EVERSTORE_BACKEND", "memory")
    answer = cli(*options, "session", "new")
    assert answer.status == 0
    assert answer.err == "everstore: note: backend memory forgets this when the command ends\n"


def test_roles_that_are_mixed_count_each_by_itself(cli, kept, monkeypatch):
    monkeypatch.delenv("EVERSTORE_BACKEND")
    monkeypatch.setenv("EVERSTORE_FILE_SYSTEM", "kept")
    put = cli("put", "-", "x", "-s", SESSION, stdin=b"1")
    assert (put.status, put.err) == (0, "")
    refused = cli("kv", "set", "k", "v", "-s", SESSION)
    assert refused.status == 2
    assert "memory would forget this (values and secrets) when" in refused.err
    monkeypatch.setenv("EVERSTORE_BACKEND", "memory")
    assert "backend memory, which has values and secrets, records, is empty" in cli("session", "ls").err


def test_reading_says_why_there_is_nothing(cli):
    answer = cli("session", "ls")
    assert (answer.status, answer.out) == (0, "")
    assert answer.err.startswith(
        "everstore: note: backend memory is empty at the start of every command, so there is nothing in it; "
        "to keep something: "
    )
    assert json.loads(cli("session", "ls", "--json").err)["note"] in answer.err


@pytest.fixture
def without_plugins(monkeypatch):
    monkeypatch.setattr("everstore.plugins.entry_points", lambda group: [])


@pytest.mark.parametrize("name", ["sqlite", "postgres", "lmdb"])
def test_a_known_backend_that_is_not_installed_is_named_with_the_line(
    cli, without_plugins, monkeypatch, name
):
    monkeypatch.setenv("EVERSTORE_BACKEND", name)
    line = installing.command_to_install(name)
    answer = cli("ls", "-s", SESSION, "--json")
    assert answer.status == 2
    assert answer.error["message"].startswith(f"no backend '{name}'; {line} installs it; available: ")
    assert answer.error["install"] == line
    with pytest.raises(UnknownBackendError, match="installs it") as told:
        asyncio.run(_opened(backend=name))
    assert told.value.facts["install"] == line


async def _opened(**settings):
    async with open_store(**settings):
        pass


@pytest.mark.parametrize(
    ("name", "meant"), [("everstore-sqlite", "sqlite"), ("Postgres", "postgres"), ("lmbd", "lmdb")]
)
def test_a_known_backend_by_another_name_is_meant(cli, without_plugins, monkeypatch, name, meant):
    monkeypatch.setenv("EVERSTORE_BACKEND", name)
    answer = cli("ls", "-s", SESSION)
    assert f"did you mean {meant!r}? {installing.command_to_install(meant)} installs {meant!r}" in answer.err


def test_the_line_to_type_installs_first_what_is_missing(cli, monkeypatch):
    monkeypatch.setattr("everstore.cli.running.entry_points", lambda group, name: [])
    line = installing.command_to_install("sqlite")
    assert f"; {line} && export EVERSTORE_BACKEND=sqlite (" in cli("session", "new").err


def test_a_checkout_is_installed_from_as_it_is_seen_from_here(monkeypatch, tmp_path):
    plugin = tmp_path / "a checkout" / "plugins" / "everstore-sqlite"
    plugin.mkdir(parents=True)
    (plugin / "pyproject.toml").touch()
    monkeypatch.setattr(installing, "_roots", lambda: [tmp_path / "none", tmp_path / "a checkout"])
    monkeypatch.setattr(installing, "pip_install", lambda: "pip install")
    assert installing.command_to_install("sqlite") == f"pip install '{plugin}'"
    monkeypatch.chdir(tmp_path / "a checkout")
    assert installing.command_to_install("sqlite") == "pip install ./plugins/everstore-sqlite"
    assert installing.command_to_install("lmdb") == "pip install 'everstore[lmdb]'"


@pytest.mark.parametrize(
    ("here", "elsewhere", "told"),
    [
        (["pip"], ["uv"], "pip install"),
        ([], ["pip", "uv"], "uv pip install --python {}"),
        ([], [], "{} -m pip install"),
    ],
)
def test_the_line_installs_into_the_environment_that_runs(monkeypatch, tmp_path, here, elsewhere, told):
    folders = tmp_path / "my env", tmp_path / "other"
    for folder, names in zip(folders, (here, elsewhere), strict=True):
        folder.mkdir()
        for name in names:
            (folder / name).touch(mode=0o755)
    python = str(folders[0] / "python")
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setattr(installing, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))
    assert installing.pip_install() == told.format(f"'{python}'")


def test_an_extra_is_installed_from_the_checkout_and_from_nobody_elses_project(monkeypatch, tmp_path):
    checkout, others = tmp_path / "a checkout", tmp_path / "others"
    monkeypatch.setattr(installing, "_roots", lambda: [others, checkout])
    for root, name in ((others, "others"), (checkout, "everstore")):
        root.mkdir()
        (root / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    monkeypatch.setattr(installing, "pip_install", lambda: "pip install")
    assert installing.command_to_install("cli") == f"pip install '{checkout}[cli]'"
    monkeypatch.chdir(tmp_path)
    assert installing.command_to_install("cli") == "pip install './a checkout[cli]'"
    monkeypatch.chdir(checkout)
    assert installing.command_to_install("cli") == "pip install '.[cli]'"
    for broken in ("[project", 'project = "everstore"', ""):
        (checkout / "pyproject.toml").write_text(broken)
        assert installing.command_to_install("cli") == "pip install 'everstore[cli]'"


@pytest.mark.parametrize("missing", ["pytest", "hypothesis"])
def test_what_the_suite_lacks_is_told_with_the_line_that_installs_it(missing, tmp_path):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from everstore.cli.app import run; run(['conformance', 'memory'])\n"
        "from everstore.conformance import all_checks; all_checks()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    first, *_, last = done.stderr.splitlines()
    line = installing.command_to_install("conformance")
    assert first == f"everstore: error: settings: {missing} is missing: {line}"
    assert last.endswith(f"; it comes with an extra: {line}")


@pytest.mark.parametrize(
    ("told", "root"),
    [
        ('{"url": "file:///a%20checkout", "dir_info": {}}', ["/a checkout"]),
        ('{"url": "https://example.org/everstore.whl"}', []),
        ("nonsense", []),
        ("[]", []),
        (None, []),
    ],
)
def test_what_pip_was_given_is_where_a_checkout_may_be(monkeypatch, told, root):
    class Distribution:
        def read_text(self, name):
            return told

    monkeypatch.setattr("everstore.installing.metadata.distribution", lambda name: Distribution())
    assert [str(each) for each in installing._roots()[1:]] == root


@pytest.fixture
def shelf(install_plugin, kept, in_empty_folder, monkeypatch):
    """The backend ``kept`` by another name, which says where it would be made."""

    class Settings(PluginSettings):
        model_config = SettingsConfigDict(env_prefix="EVERSTORE_SHELF_")

        def unmade(self):
            place = in_empty_folder / "shelf"
            return None if place.exists() else place

    class Factory(SessionFileSystemFactory):
        async def create_session_file_system(self, context):
            made(context)
            return kept.files

    def made(context):
        (in_empty_folder / "shelf").touch()

    install_plugin(
        "shelf",
        everstore_settings=lambda: Settings,
        everstore_file_system_factory=lambda: Factory(),  # noqa: PLW0108 - a hook is a function
        everstore_storage_store=lambda context: made(context) or kept.storage,
        everstore_session_store=lambda context: made(context) or kept.sessions,
    )
    monkeypatch.setenv("EVERSTORE_BACKEND", "shelf")
    return in_empty_folder / "shelf"


@pytest.mark.parametrize(
    ("command", "status", "out"),
    [
        (("session", "ls", "--json"), 0, {"sessions": []}),
        (("ls", "-s", SESSION, "--json"), 0, []),
        (("cat", "x", "-s", SESSION), 1, None),
        (("kv", "rm", "x", "-s", SESSION), 1, None),
        (("export", SESSION, "-"), 1, None),
        (("prune", "--idle", "1d"), 0, None),
        (("keys", "status", "--json"), 0, {"secrets": 0}),
        (("keys", "rotate", "--json"), 0, {"secrets": 0, "changed": 0}),
        (("copy", "--from", "shelf", "--to", "kept", "--all", "--json"), 0, []),
        (("copy", "--from", "shelf", "--to", "kept", "--session", SESSION), 1, None),
        (("mcp", "--read-only"), 1, None),
    ],
)
def test_what_only_reads_makes_no_storage_and_says_that_there_is_none(
    cli, shelf, a_key, command, status, out
):
    answer = cli(*command)
    assert answer.status == status
    assert not shelf.exists()
    assert (
        f"backend shelf has nothing yet: the first command that keeps something makes {shelf}" in answer.err
    )
    assert "memory" not in answer.err
    if out is not None:
        assert out.items() <= answer.json.items() if isinstance(out, dict) else answer.json == out


def test_check_makes_no_storage_and_says_that_there_is_none(cli, shelf):
    answer = cli("check", "--deep", "--json")
    [finding] = answer.json
    assert (answer.status, finding["outcome"], shelf.exists()) == (0, "not possible", False)
    assert finding["reason"] == f"nothing yet: the first command that keeps something makes {shelf}"


def test_a_copy_from_a_storage_that_is_not_there_does_not_open_the_other(cli, shelf):
    assert (
        cli("copy", "--from", "shelf", "--to", "memory", "--all").status == 0
    )  # which is refused, once open


def test_what_keeps_something_makes_the_storage(cli, shelf):
    made = cli("session", "new", "--json")
    assert (made.status, made.err, shelf.exists()) == (0, "", True)
    found = cli("session", "ls", "--json")
    assert [each["id"] for each in found.json["sessions"]] == [made.json["id"]]
    assert found.err == ""
