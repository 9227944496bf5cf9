"""Every example in the documentation is executed, as its reader would.

``python`` and ``sh`` blocks run in the document's own folder, each as a program of its own; ``toml`` and
``python`` blocks whose first line is a comment with a file's name are written there under that name; a
``text`` block is what the block before it prints. What a ``sh`` block exports, those after
it have. A page that copies to PostgreSQL has a server. ``console`` blocks are shown only.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

import everstore
from everstore.settings import CommandLineSettings, EverstoreSettings, setting_names
from everstore.sources import PREFIX

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("plugins/*/*.md"),
    *ROOT.glob("tests/sample_plugin/*.md"),
]
FILE_NAME = re.compile(r"# (\S+\.(?:py|toml))\n")
README = (ROOT / "README.md").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()


def written(example: Example) -> bool:
    """Whether the block is a file's content, which then is in its place."""
    name = FILE_NAME.match(example.parsed)
    if name:
        path = Path(name[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example.parsed)
    return name is not None


def run(example: Example, *command: str) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        env=example.namespace.get("environment"),
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    example.namespace["printed"] = done.stdout


def python(example: Example) -> None:
    if not written(example):
        run(example, "python", "-W", "error", "-c", example.parsed)


def sh(example: Example) -> None:
    with tempfile.NamedTemporaryFile("r") as left:
        run(example, "bash", "-euo", "pipefail", "-c", f"{example.parsed}\nenv -0 > {left.name}")
        pairs = (each.split("=", 1) for each in left.read().split("\0") if each)
    example.namespace["environment"] = dict(pairs)


def toml(example: Example) -> None:
    tomllib.loads(example.parsed)
    written(example)


def text(example: Example) -> None:
    assert example.namespace["printed"] == example.parsed


SYBIL = Sybil([CodeBlockParser(each.__name__, each) for each in (python, sh, toml, text)])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_document_do_what_it_says(path, database, folder):
    for example in SYBIL.parse(path).examples():
        example.evaluate()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_links_to_exists(path):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_page_is_in_the_list_of_pages():
    pages = (ROOT / "docs" / "README.md").read_text()
    names = [str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md")]
    assert [name for name in names if f"({name})" not in pages] == ["README.md"]


def test_the_tour_in_the_packages_docstring_runs(folder):
    docstring = inspect.getdoc(everstore)
    example = re.search(r"::\n\n((?:    .*\n|\n)+)", docstring)[1]
    body = "".join(f"    {line}\n" for line in dedent(example).splitlines() if "import everstore" not in line)
    program = f"import asyncio, everstore\nasync def main():\n{body}\nasyncio.run(main())\n"
    subprocess.run(["python", "-W", "error", "-c", program], check=True, timeout=60)


def test_the_page_of_the_configuration_names_every_setting_and_its_default():
    rows = dict(re.findall(r"^\| `(EVERSTORE_\w+)` \| (.*?) ?\|", CONFIGURATION, re.MULTILINE))
    models = (EverstoreSettings, CommandLineSettings)
    assert list(rows) == [name for model in models for name in setting_names(model, PREFIX)]


def test_readmes_test_command_is_what_continuous_integration_runs():
    _, command = re.findall(r"^```console\n(python3 -m venv .*)\n```$", README, re.MULTILINE)
    assert f"\n{command} " in (ROOT / ".ci" / "run").read_text()


def test_what_an_environment_leaves_out_is_there():
    left_out = re.findall(r"--ignore (\S+)", (ROOT / "tox.ini").read_text())
    assert left_out
    assert [path for path in left_out if not (ROOT / path).exists()] == []
