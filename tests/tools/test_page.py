"""The page about tools has each of them, as it is."""

from __future__ import annotations

from pathlib import Path

from everstore.tools import Toolbox

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"


def table() -> list[str]:
    rows = []
    for tool in Toolbox(None):
        needed, names = tool.parameters["required"], tool.parameters["properties"]
        arguments = ", ".join(name if name in needed else f"[{name}]" for name in names)
        what = tool.description.split("\n")[0].split(". ")[0].rstrip(".")
        rows.append(f"| `{tool.name}` | {arguments} | {'yes' if tool.reads_only else ''} | {what} |")
    return rows


def test_the_page_has_every_tool():
    lines = PAGE.read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line.startswith("| `")] == table()
