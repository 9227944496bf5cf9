"""Real distributions: the sample one, built and installed, and small ones that are wrong in one way each."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
import uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).parents[2]


def run_uv(*arguments: str | Path) -> None:
    subprocess.run([uv.find_uv_bin(), "--quiet", *map(str, arguments)], check=True)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """The built wheels, by distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, ROOT / "tests" / "sample_plugin"):
        run_uv("build", "--wheel", "--out-dir", folder, source)
    return {wheel.name.partition("-")[0]: wheel for wheel in folder.glob("*.whl")}


@pytest.fixture(scope="session")
def in_fresh_environment(wheels, tmp_path_factory) -> Callable[..., Any]:
    """Run code where both wheels, and nothing else, are installed; what it prints is JSON."""
    folder = tmp_path_factory.mktemp("fresh")
    run_uv("venv", "--python", sys.executable, folder / "venv")
    python = next((folder / "venv").glob("[bS]*/python*"))
    run_uv("pip", "install", "--python", python, *wheels.values())

    def run(code: str, **environment: str) -> Any:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("EVERSTORE_")}
        done = subprocess.run(
            [python, "-W", "error", "-c", dedent(code)],
            cwd=folder, env=clean | environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def ledger_folder(wheels, tmp_path_factory) -> Path:
    """A folder into which the sample's wheel is installed."""
    folder = tmp_path_factory.mktemp("installed")
    run_uv("pip", "install", "--no-deps", "--target", folder, wheels["acme_ledger"])
    return folder


@pytest.fixture
def ledger(ledger_folder, monkeypatch, in_empty_folder) -> Iterator[dict[str, str]]:
    """The sample, installed for one test and not yet imported; gives the settings that choose it."""
    monkeypatch.syspath_prepend(ledger_folder)
    yield {"backend": "ledger"}
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_ledger"]:
        del sys.modules[name]


@pytest.fixture
def audit(ledger) -> Any:
    """What a host of the sample passes to ``open_store``, to be found by its type."""
    return importlib.import_module("acme_ledger").Audit()


@pytest.fixture
def install(monkeypatch, tmp_path) -> Iterator[Callable[..., None]]:
    """Install a distribution of one module: ``install("acme", source)``.

    It is called ``acme-dist``, its module ``acme_module``, its plugin ``acme`` unless ``name`` is
    given; the plugin is the module itself, or what ``attribute`` names in it. It requires nothing
    unless it ``requires``.
    """
    modules = []

    def install(
        dist: str, source: str, *, name: str | None = None, attribute: str = "", requires: Sequence[str] = ()
    ) -> None:
        folder = tmp_path / "site" / dist
        info = folder / f"{dist}_dist-1.0.dist-info"
        info.mkdir(parents=True)
        stated = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}-dist\nVersion: 1.0\n{stated}")
        (info / "entry_points.txt").write_text(f"[everstore]\n{name or dist} = {dist}_module{attribute}\n")
        (folder / f"{dist}_module.py").write_text(dedent(source))
        monkeypatch.syspath_prepend(folder)
        modules.append(f"{dist}_module")

    yield install
    for module in modules:
        sys.modules.pop(module, None)
    importlib.invalidate_caches()
