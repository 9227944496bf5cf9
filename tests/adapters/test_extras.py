"""Each framework is imported by its adapter only, which says what to install when it is missing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from pkgutil import iter_modules

from everstore import adapters
from everstore.installing import command_to_install

FRAMEWORKS = {
    "anthropic_memory": ("anthropic", "anthropic"),
    "claude_agent_sdk": ("claude-agent-sdk", "claude_agent_sdk"),
    "deepagents": ("deepagents", "deepagents"),
    "fsspec": ("fsspec", "fsspec"),
    "google_adk": ("google-adk", "google.adk"),
    "key_value": ("py-key-value", "key_value"),
    "langgraph": ("langgraph", "langgraph"),
    "mcp": ("mcp", "mcp"),
    "openai_agents": ("openai-agents", "agents"),
    "pydantic_ai": ("pydantic-ai", "pydantic_ai"),
}
"""The extra of each adapter, and what it brings."""
SHARED = {"calls", "files", "heads", "naming"}


WITHOUT = f"""
import sys
from importlib import import_module
for framework in {[framework for _, framework in FRAMEWORKS.values()]}:
    sys.modules[framework] = None
for adapter in {[*FRAMEWORKS]}:
    try:
        import_module("everstore.adapters." + adapter)
    except ModuleNotFoundError as error:
        print(error)
"""
EVERSTORE = ["everstore", "everstore.sync", "everstore.tools"]
EVERSTORE += [f"everstore.adapters.{each}" for each in SHARED]
LOADED = f"import sys, {', '.join(EVERSTORE)}\nprint(*sys.modules)"


def printed_by(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_each_adapter_has_its_extra():
    assert {each.name for each in iter_modules(adapters.__path__)} == FRAMEWORKS.keys() | SHARED
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {extra for extra, _ in FRAMEWORKS.values()} <= project["optional-dependencies"].keys()


def test_an_adapter_without_its_framework_names_the_extra():
    told = printed_by(WITHOUT).splitlines()
    for (extra, framework), line in zip(FRAMEWORKS.values(), told, strict=True):
        assert framework in line
        assert line.rpartition("; ")[2] == f"it comes with an extra: {command_to_install(extra)}"


def test_none_is_imported_with_everstore():
    loaded = {*printed_by(LOADED).split()}
    assert {*EVERSTORE} <= loaded
    assert loaded.isdisjoint(framework for _, framework in FRAMEWORKS.values())
