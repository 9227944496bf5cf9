"""The help of every command: what it says, and where it can be read."""

from __future__ import annotations

import asyncio
import os

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from everstore.cli.app import app
from everstore.cli.helping import Command, Group


def _walked(command, path=()):
    yield path, command
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            yield from _walked(each, (*path, name))


ALL = dict(_walked(get_command(app)))
LEAVES = [path for path, command in ALL.items() if isinstance(command, Command)]
WITH_JSON = [
    path for path in LEAVES if any("--json" in each.opts and each.is_flag for each in ALL[path].params
                                   if each.param_type_name == "option")
]  # fmt: skip


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_plain_lines_that_fit(cli, path, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    answer = cli(*path, "-h")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.isascii()
    assert max(map(len, answer.out.splitlines())) <= columns
    assert "<bool>" not in answer.out
    assert "  -h, --help" in answer.out
    assert cli(*path, "--help").out == answer.out


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_option_is_made_and_named_in_the_same_way(path):
    command = ALL[path]
    assert isinstance(command, (Command, Group))
    for param in command.params:
        assert param.help, param.name
        assert param.help.endswith((".", "].")), param.help
        assert getattr(param, "is_flag", False) or param.metavar, param.name


def test_every_command_answers_in_json_that_writes_no_report_and_serves_nobody():
    assert {*LEAVES} - {*WITH_JSON} == {("conformance",), ("mcp",)}


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_wrong_usage_is_json_where_the_command_has_json(cli, path):
    answer = cli(*path, "--nonsense", *(["--json"] if path in WITH_JSON else []))
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    if path in WITH_JSON:
        assert answer.error["code"] == "usage"
        assert answer.error["message"].startswith("No such option: --nonsense")
    else:
        assert answer.err.startswith("everstore: error: usage: No such option: --nonsense")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["kv"],
        ["kv", "set", "-h"],
        [],
        ["cat", "x"],
        ["tree"],
        ["ls", "--json"],
        ["tour"],
    ],
    ids=" ".join,
)
def test_what_nobody_reads_ends_with_the_same_status(cli, kept, session, arguments, monkeypatch):
    cli("put", "-", "x", stdin=b"text")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as nobody:
        monkeypatch.setattr("sys.stdout", nobody)
        answer = cli(*arguments)
    assert (answer.status, answer.err) == (141, "")
    assert asyncio.run(kept.sessions.list_sessions()) == []  # that of the tour is removed
