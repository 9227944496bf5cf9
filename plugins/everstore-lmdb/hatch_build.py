"""From a checkout, pip takes what belongs together from that checkout, and asks no index for it.

pip looks for a requirement that is not installed on an index, whoever has registered the name there. So
where pip builds a distribution in a checkout of the whole repository, a requirement of one of its
neighbours that is not installed also names that one's directory. Whatever else builds, a release among it,
gets what pyproject.toml says; uv, which reads that file itself, finds the same in [tool.uv.sources].

Each distribution has this file, which a test keeps the same, for each has to build from its own archive.
"""

from __future__ import annotations

import os
import re
import sysconfig
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

BUILT_BY_PIP = "PIP_BUILD_TRACKER"  # hatchling goes by the same name in the environment


class CheckoutMetadataHook(MetadataHookInterface):
    """Adds to the requirements, in a checkout and for pip only."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Change the table ``[project]``, before anything is made of it."""
        if BUILT_BY_PIP not in os.environ:
            return
        missing = {name: folder for name, folder in self._neighbours().items() if not _is_installed(name)}
        extras = metadata.get("optional-dependencies", {})
        for requirements in (metadata.get("dependencies", []), *extras.values()):
            requirements.extend(_directories(requirements, missing))

    def _neighbours(self) -> dict[str, Path]:
        """The directories of the repository's other distributions; none outside of a checkout of it."""
        here = Path(self.root)
        root = here.parents[1] if here.parent.name == "plugins" else here
        if not (root / "plugins").is_dir() or not (root / "everstore").is_dir():
            return {}
        plugins = {folder.name: folder for folder in (root / "plugins").glob("everstore-*")}
        everyone = {"everstore": root, **plugins}
        return {name: folder for name, folder in everyone.items() if folder != here}


def _is_installed(name: str) -> bool:
    """Whether it is where pip installs to, which the interpreter that builds keeps out of ``sys.path``."""
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return any(True for _ in distributions(name=name, path=sorted(places)))


def _directories(requirements: list[str], neighbours: dict[str, Path]) -> list[str]:
    """What meets them: ``name[extras] @ file:///...``, which hatchling sorts before ``name[extras]>=...``.

    pip, which goes from first to last, then has the directory and need not look for the range.
    """
    names = [re.match(r"([a-z-]+)(\[[a-z,-]+\])?", requirement) for requirement in requirements]
    return [f"{name[0]} @ {neighbours[name[1]].as_uri()}" for name in names if name and name[1] in neighbours]
