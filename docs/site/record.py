"""Terminals as pictures: ``python docs/site/record.py`` types what a page shows, and keeps the answers.

What is another one each time (ids, revisions, times) is always the same in a picture, so that it changes only
when the command does; a test compares them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PICTURES", "RECORDINGS", "picture"]

DOCS = Path(__file__).parents[1]
PICTURES = DOCS / "pictures"
_WIDTH = 80
_COMMAND = "\x1e"  # before a line that was typed
_SECTION = "\x1d"  # after the last of a section
_BLOCK = re.compile(r"^## (?P<section>[^\n]+)|^```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
# Rich's own format has fonts from afar, which a page without a network lacks.
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font: bold 18px ui-sans-serif, system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


RECORDINGS = {"session": "A session that stays", "merge": "A fork, and a merge"}
"""The pictures, and the sections of ``docs/start.md`` whose commands they show, one after the other."""


def picture(name: str) -> str:
    """One recording, as SVG."""
    console = Console(record=True, width=_WIDTH, file=StringIO(), legacy_windows=False)
    for line in (
        _answers()[[*RECORDINGS].index(name)].strip("\n").split("\n")
    ):  # splitlines() splits at _COMMAND
        if line.startswith(_COMMAND):
            console.print(Text.assemble(("$ ", "bold green"), (line[1:], "bold")))
        else:
            console.print(Text.from_ansi(line))
    title = RECORDINGS[name]
    return console.export_svg(title=title, theme=MONOKAI, code_format=_FORMAT, unique_id=f"recorded-{name}")


@cache
def _answers() -> list[str]:
    """Of each section, its commands, each with its answer below it; all are typed into one terminal."""
    script = ["exec 2>&1"]
    for section in RECORDINGS.values():
        script += [f"printf '%s\n' {shlex.quote(_COMMAND + line)}\n{line}" for line in _lines(section)]
        script.append(f"printf '%s\n' {shlex.quote(_SECTION)}")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("EVERSTORE_")}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 - what our own page says
            ["bash", "-euo", "pipefail", "-c", "\n".join(script)],  # noqa: S607 - what PATH has, as a reader's
            capture_output=True,
            check=True,
            cwd=folder,
            env=variables | {"COLUMNS": str(_WIDTH)},
            text=True,
        )
    return _alike(done.stdout).split(_SECTION)


def _lines(section: str) -> Iterator[str]:
    """What a section of the page types."""
    at = None
    for found in _BLOCK.finditer((DOCS / "start.md").read_text(encoding="utf-8")):
        at = found["section"] or at
        if found["code"] and at == section:
            yield from filter(None, found["code"].splitlines())


def _alike(text: str) -> str:
    """A text whose ids, revisions and times are always the same."""
    ids: dict[str, str] = {}
    text = re.sub(
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        lambda found: ids.setdefault(found[0], f"01a21b27-57cd-7435-86ba-c9c3f14ca9{len(ids):02}"),
        text,
    )
    text = re.sub(r"revision [0-9a-f]+", "revision 7a581e0b2aad72f5", text)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-27 12:00:00", text)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for each in RECORDINGS:
        (PICTURES / f"{each}.svg").write_text(picture(each), encoding="utf-8")
