"""What brings a part of everstore that is not installed, from where everstore itself came."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tomllib
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KNOWN_BACKENDS", "command_to_install", "extra", "pip_install"]

KNOWN_BACKENDS = ("lmdb", "postgres", "sqlite")
"""The backends that this project has beside the one in memory, each a distribution of its own."""


def command_to_install(name: str) -> str:
    """The line for a shell that installs an extra of everstore, or one of ``KNOWN_BACKENDS``.

    Of the checkout that everstore was installed from, while that is there; else of the package index.
    """
    for root in _roots():
        plugin = root / "plugins" / f"everstore-{name}"
        if (plugin / "pyproject.toml").is_file():
            return f"{pip_install()} {shlex.quote(_shown(plugin))}"
        if _is_checkout(root):
            return f"{pip_install()} {shlex.quote(f'{_shown(root)}[{name}]')}"
    return f"{pip_install()} 'everstore[{name}]'"


def pip_install() -> str:
    """What to type before that which is to be installed into the environment that everstore runs in.

    ``pip`` alone where it is that environment's, as in one that is active.
    """
    found = shutil.which("pip")
    if found is not None and Path(found).parent == Path(sys.executable).parent:
        return "pip install"
    python = shlex.quote(sys.executable)
    if find_spec("pip") is None and shutil.which("uv") is not None:
        return f"uv pip install --python {python}"
    return f"{python} -m pip install"


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import in here what an extra brings: ``ModuleNotFoundError`` says how to install it if missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "everstore":  # or an extra's message already
            raise
        message = f"{error.msg}; it comes with an extra: {command_to_install(name)}"
        raise ModuleNotFoundError(message, name=error.name, path=error.path) from None


def _roots() -> list[Path]:
    """The folders that a checkout of this everstore may be in."""
    return [Path(__file__).absolute().parent.parent, *_installed_from()]


def _installed_from() -> list[Path]:
    """The local folder that pip was given, if it was one (PEP 610)."""
    from urllib.request import url2pathname  # noqa: PLC0415 - loads what speaks HTTP

    try:
        told = metadata.distribution("everstore").read_text("direct_url.json")
        url = urlsplit(json.loads(told or "{}").get("url", ""))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return []
    return [Path(url2pathname(url.path))] if url.scheme == "file" else []


def _is_checkout(root: Path) -> bool:
    """Whether everstore's own project is there, and not that of somebody who has a copy of the package."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8")).get("project")
    except (OSError, ValueError):
        return False
    return isinstance(project, dict) and project.get("name") == "everstore"


def _shown(folder: Path) -> str:
    """The folder from here, where it is below; pip takes what begins with ``.`` for no name of a package."""
    try:
        below = folder.relative_to(Path.cwd())
    except (OSError, ValueError):
        return str(folder)
    return f".{os.sep}{below}" if below.parts else "."
