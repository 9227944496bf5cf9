"""What leaves the process, and how it looks."""

from __future__ import annotations

import io
import os
import sys

import pytest
import typer

from everstore.cli import output
from everstore.cli.app import run


@pytest.mark.parametrize("writing", [lambda: output.write("text"), lambda: output.write_bytes(b"bytes")])
def test_a_reader_that_is_gone_ends_the_command(monkeypatch, writing):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(typer.Exit) as ended:
            writing()
        assert ended.value.exit_code == 141
        output.write("whatever is written later goes nowhere, quietly")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_no_control_characters_of_a_file(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert output.as_shown("a\tb\x1b[31m\r") == "a\tb\\x1b[31m\\r"


def test_a_program_gets_lines_as_they_are(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert output.as_shown("a\tb\x1b[31m\r") == "a\tb\x1b[31m\r"


@pytest.mark.parametrize(("value", "written"), [("x", "x\n"), ("x\n", "x\n"), ("", "\n")])
def test_a_terminal_gets_a_line_end_after_a_value(monkeypatch, value, written):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    output.write_value(value)
    assert terminal.getvalue() == written


def test_a_stream_that_is_no_file_will_do(monkeypatch, in_empty_folder):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert run(["ls"]) == 2
    assert stream.getvalue().startswith("everstore: error: ")
