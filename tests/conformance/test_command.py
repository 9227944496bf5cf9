"""The command ``everstore conformance``."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from everstore.cli.app import run
from everstore.conformance import all_checks


@pytest.fixture
def here(in_empty_folder, capsys):
    """Run the command in this process: what it says before it runs a check."""

    def command(*arguments):
        status = run(["conformance", *arguments])
        return status, *capsys.readouterr()

    return command


def test_the_list_has_every_check_with_its_sentences(here):
    status, out, _ = here("--list", "--level", "durable")
    assert status == 0
    lines = out.splitlines()
    assert len(lines) == len(all_checks()) + 1
    assert any(line.split()[:3] == ["core", "files.text.crlf", "3.3.1"] for line in lines)


def test_a_level_lists_itself_and_those_below(here):
    _, out, _ = here("--list", "--level", "core")
    assert {line.split()[0] for line in out.splitlines()[1:]} == {"core"}


def test_a_selection_runs_and_reaches_no_level(everstore, in_empty_folder):
    status, out, _ = everstore(
        "memory", "-k", "files.text or hostile.spelling", "--seed", 3,
        "--json", "r.json", "--markdown", "r.md", "--badge", "r.svg",
    )  # fmt: skip
    assert status == 1
    assert "core      files         18 passed\n" in out
    assert "standard  hostile       8 passed\n" in out
    assert "level reached: none (a selection of checks reaches no level)" in out
    report = json.loads((in_empty_folder / "r.json").read_text())
    assert (report["backend"], report["seed"], report["level"], len(report["checks"])) == (
        "memory",
        3,
        None,
        26,
    )
    assert report["plugins"].keys() == {"memory"}
    assert "Level reached: **none**" in (in_empty_folder / "r.md").read_text()
    assert ET.parse(in_empty_folder / "r.svg").getroot().get("aria-label") == "everstore conformance: none"


def test_what_runs_on_request_runs_when_it_is_asked_for(everstore, in_empty_folder):
    small = json.dumps({"limits__session_bytes": 300_000, "limits__session_value_bytes": 100_000})
    arguments = ("-k", "large.directory or full.goes_on", "--json", "r.json", "--full", small)
    everstore("memory", *arguments)
    report = json.loads((in_empty_folder / "r.json").read_text())
    assert report["counts"] == {"passed": 1, "not applicable": 1}
    everstore("memory", "--large", *arguments)
    report = json.loads((in_empty_folder / "r.json").read_text())
    assert (report["counts"], report["capabilities"]) == ({"passed": 2}, ["forks", "time_to_live"])
    [replay] = [check["replay"] for check in report["checks"] if check["family"] == "large"]
    assert replay == "everstore conformance memory --seed 0 -k large.directory --large"


def test_a_failure_is_told_with_all_that_helps(everstore, in_empty_folder, broken_plugin):
    status, out, _ = everstore("broken", "-k", "files.text.crlf")
    assert status == 1
    told = out[out.index("FAILED files.text.crlf") :]
    assert "(contract §3.3.1, §3.1.1; level core)" in told
    for line in (
        "  promise   Text is kept byte for byte: crlf",
        "  expected  ('a\\r\\nb\\r\\n', 'text')",
        "  got       ('a\\r\\nb', 'text')",
        "  likely    the text is decoded",
        "  replay    everstore conformance broken --seed 0 -k files.text.crlf",
    ):
        assert line in told
    assert "  did       read_file(" in told


@pytest.fixture
def broken_plugin(in_empty_folder):
    """An installed plugin that keeps files only, and strips them."""
    (in_empty_folder / "broken_plugin.py").write_text(
        "from everstore import SessionFileSystemFactory, hookimpl\n"
        "from everstore.backends.memory import InMemorySessionFileStore\n"
        "class Files(InMemorySessionFileStore):\n"
        "    async def write_file(self, session_id, path, content, *rest, **options):\n"
        "        return await super().write_file(session_id, path, content.strip(), *rest, **options)\n"
        "class Factory(SessionFileSystemFactory):\n"
        "    async def create_session_file_system(self, context):\n"
        "        return Files()\n"
        "@hookimpl\n"
        "def everstore_file_system_factory():\n"
        "    return Factory()\n"
    )
    install(in_empty_folder, "broken", "broken_plugin")


def install(folder, name, module):
    """Make a module of the folder a plugin, of version 2.0."""
    info = folder / f"{name}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(f"[everstore]\n{name} = {module}\n")


def test_what_a_plugin_cannot_keep_is_kept_in_memory_meanwhile(everstore, in_empty_folder, broken_plugin):
    everstore("broken", "-k", "content.kept.name_of_secret", "--json", "r.json")
    report = json.loads((in_empty_folder / "r.json").read_text())
    assert report["counts"] == {"passed": 1}
    assert report["plugins"]["broken"] == "broken 2.0"
    assert report["plugins"].keys() == {"broken", "memory"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no-such-backend",), "no backend 'no-such-backend'"),
        ((), "which backend?"),
        (("memory", "-k", "files and"), "not a selection: 'files and', at its end"),
        (("memory", "-k", "no-such-check"), "-k 'no-such-check' selects no check"),
        (("--list", "-k", "no-such-check"), "-k 'no-such-check' selects no check"),
        (("memory", "--level", "perfect"), "perfect"),
        (("memory", "--json", "missing/r.json"), "missing/r.json cannot be written"),
        (("memory", "--markdown", "."), ". cannot be written"),
        (("memory", "--badge", "r.json/r.svg"), "r.json/r.svg cannot be written"),
        (("memory", "-k", "large.directory"), "these checks run on request only: --large adds them"),
        (("memory", "-k", "full.goes_on"), "--full hands over the settings of a small storage to fill"),
        (("memory", "--full", "small.db"), "--full takes settings as a JSON object"),
    ],
)
def test_wrong_use_is_told_in_one_line(here, arguments, said):
    status, out, err = here(*arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_plugin_that_keeps_nothing_is_no_backend_to_prove(everstore, in_empty_folder):
    (in_empty_folder / "idle_plugin.py").write_text(
        "from everstore import hookimpl\n@hookimpl\ndef everstore_middleware():\n    return None\n"
    )
    install(in_empty_folder, "idle", "idle_plugin")
    status, out, err = everstore("idle")
    assert (status, out) == (2, "")
    assert "plugin 'idle' keeps nothing by itself" in err


def test_a_file_that_is_there_stays_until_the_run_is_over(everstore, in_empty_folder):
    (in_empty_folder / "r.json").write_text("of another run")
    everstore("no-such-backend", "--json", "r.json", "--badge", "r.svg")
    assert (in_empty_folder / "r.json").read_text() == "of another run"
    assert not (in_empty_folder / "r.svg").exists()


def test_optimised_python_which_drops_assertions_is_refused(everstore):
    status, _, err = everstore("memory", "--level", "core", PYTHONOPTIMIZE="1")
    assert status != 0
    assert "run it without -O" in err
