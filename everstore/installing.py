"""How a backend of this project that is not installed gets there, from where everstore itself came."""

from __future__ import annotations

import json
import os
import shlex
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

__all__ = ["KNOWN_BACKENDS", "command_to_install"]

KNOWN_BACKENDS = ("lmdb", "postgres", "sqlite")
"""The backends that this project has beside the one in memory, each a distribution of its own."""


def command_to_install(backend: str) -> str:
    """The line for a shell that installs one of ``KNOWN_BACKENDS``.

    Of the checkout that everstore was installed from, while that is there; else of the package index.
    """
    for root in _roots():
        plugin = root / "plugins" / f"everstore-{backend}"
        if (plugin / "pyproject.toml").is_file():
            return f"pip install {shlex.quote(_shown(plugin))}"
    return f"pip install 'everstore[{backend}]'"


def _roots() -> list[Path]:
    """The folders that a checkout of this everstore may be in."""
    return [Path(__file__).absolute().parent.parent, *_installed_from()]


def _installed_from() -> list[Path]:
    """The local folder that pip was given, if it was one (PEP 610)."""
    try:
        told = metadata.distribution("everstore").read_text("direct_url.json")
        url = urlsplit(json.loads(told or "{}").get("url", ""))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return []
    return [Path(url2pathname(url.path))] if url.scheme == "file" else []


def _shown(folder: Path) -> str:
    """The folder from here, where it is below; pip takes what begins with ``.`` for no name of a package."""
    try:
        return f".{os.sep}{folder.relative_to(Path.cwd())}"
    except (OSError, ValueError):
        return str(folder)
