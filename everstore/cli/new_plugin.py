"""``everstore new-plugin``: a complete distribution to begin a backend with."""

from __future__ import annotations

import keyword
import re
import shlex
from datetime import UTC, datetime
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from everstore.cli.local import own_name
from everstore.cli.options import JsonOption
from everstore.cli.output import print_json, write
from everstore.errors import SettingsError
from everstore.installing import pip_install
from everstore.settings import plugin_prefix
from everstore.sources import PREFIX
from everstore.wording import counted

__all__ = ["new_plugin", "render"]

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

# Template to file; both are rendered.
_FILES = {
    "pyproject.toml.in": "pyproject.toml",
    "README.md.in": "README.md",
    "LICENSE.in": "LICENSE",
    "gitignore.in": ".gitignore",
    "ci.yml.in": ".github/workflows/tests.yml",
    "init.py.in": "src/${module}/__init__.py",
    "py.typed.in": "src/${module}/py.typed",
    "plugin.py.in": "src/${module}/plugin.py",
    "engine.py.in": "src/${module}/engine.py",
    "test_conformance.py.in": "tests/test_conformance.py",
}


def render(name: str) -> dict[str, str]:
    """The files of a distribution for a backend of this name: path to text.

    ``SettingsError`` when the name cannot be that of a backend and of a Python module.
    """
    module = f"everstore_{name.replace('-', '_')}"
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{name!r:.80} cannot be a backend's name: small letters, digits and single '-', a letter first"
        )
    if keyword.iskeyword(name):
        raise SettingsError(f"{name!r} cannot be a backend's name: it is a keyword of Python")
    prefix = plugin_prefix(name)
    words = {
        "name": name,
        "distribution": f"everstore-{name}",
        "module": module,
        "prefix": prefix,
        "year": str(datetime.now(UTC).year),
        "setting": prefix.removeprefix(PREFIX).lower(),
    }
    templates = files("everstore.cli") / "templates"
    rendered = {}
    for source, target in _FILES.items():
        text = (templates / source).read_text("utf-8")
        rendered[Template(target).substitute(words)] = Template(text).substitute(words)
    return rendered


def new_plugin(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name of the backend, for EVERSTORE_BACKEND.")
    ],
    directory: Annotated[
        Path | None,
        typer.Option("--directory", "-d", metavar="DIR", help="Where to write it [default: everstore-NAME]."),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Write a new backend to start from: it works, and passes the conformance suite."""
    rendered = render(name)
    for point in entry_points(group="everstore", name=name):
        owner = f" with {point.dist.name}" if point.dist else ""
        raise SettingsError(
            f"a backend {name!r} is installed{owner}; two of one name could not be told apart"
        )
    root = directory or Path(f"everstore-{name}")
    try:
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise SettingsError(f"{root} is there already and not empty; name another with --directory")
        for path, text in rendered.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{root!s:.200} cannot be written: {error.strerror}") from None
    if as_json:
        print_json({"directory": str(root), "files": sorted(rendered), "name": name})
        return
    write(f"Wrote {counted(len(rendered), 'file')} to {root}. To see it work, and to prove it:\n\n")
    write(f"    {pip_install()} -e {shlex.quote(f'{root}[test]')}\n")
    write(f"    {own_name()} conformance {name} --level durable\n")
