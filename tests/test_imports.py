"""What importing everstore costs: what is heavy loads when a store opens."""

from __future__ import annotations

import subprocess
import sys

import pytest

import everstore

HEAVY = {
    "pydantic",
    "pydantic_settings",
    "structlog",
    "re2",
    "typer",
    "rich",
    "cryptography",
    "hypothesis",
    "pytest",
}


def loaded_by(code: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return set(shown.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        *("everstore", "everstore.errors", "everstore.backends.memory", "everstore.middleware"),
        *("everstore.sync", "everstore.tools"),
    ],
)
def test_importing_loads_nothing_heavy(module):
    loaded = loaded_by(f"import {module}")
    assert module in loaded
    assert not HEAVY & loaded


def test_importing_everstore_leaves_pluggy_to_plugins():
    assert "pluggy" not in loaded_by("import everstore")
    assert "pluggy" in loaded_by("from everstore import hookimpl")


def test_opening_loads_what_it_needs_and_a_search_the_rest():
    opened = """
import asyncio, everstore
async def main():
    async with everstore.open_store() as store:
        {}
asyncio.run(main())
"""
    loaded = loaded_by(opened.format("pass"))
    assert {"pydantic", "structlog"} <= loaded
    assert not {"re2", "cryptography"} & loaded
    assert "re2" in loaded_by(
        opened.format("await store.file_system.glob_files(everstore.new_session_id(), '*')")
    )


def test_all_that_is_public_is_there():
    assert all(hasattr(everstore, name) for name in everstore.__all__)
    assert sorted(everstore.__all__) == everstore.__all__


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = everstore.nonsense
