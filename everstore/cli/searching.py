"""Commands that look into files, and the one that edits them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from everstore.cli.files import print_entry
from everstore.cli.local import read_text
from everstore.cli.options import JsonOption, PathArgument, SessionOption
from everstore.cli.output import as_shown, note, one_line, print_json, print_lines, write
from everstore.cli.running import ABSENT, FILES, in_session
from everstore.errors import InvalidArgumentError
from everstore.models import to_dict
from everstore.search import MAX_CONTEXT
from everstore.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from everstore.models import GrepMatch, SessionFile
    from everstore.session import BoundSession

__all__ = ["edit", "glob", "grep"]

PatternArgument = Annotated[
    str,
    typer.Argument(
        metavar="PATTERN", help="What a line must contain: plain text, or with -E a regular expression."
    ),
]
WhereArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="PATHS", help="Search only paths that contain this text or, with *, ? or [, match this glob."
    ),
]
RegexOption = Annotated[
    bool, typer.Option("--regex", "-E", help="Take PATTERN as a regular expression (RE2 syntax).")
]
CapitalsOption = Annotated[
    bool, typer.Option("--ignore-case", "-i", help="Find capital and small letters alike.")
]
BeforeOption = Annotated[
    int,
    typer.Option(
        "--before", "-B", metavar="N", min=0, max=MAX_CONTEXT, help="Show N lines before each match, too."
    ),
]
AfterOption = Annotated[
    int,
    typer.Option(
        "--after", "-A", metavar="N", min=0, max=MAX_CONTEXT, help="Show N lines after each match, too."
    ),
]
ContextOption = Annotated[
    int,
    typer.Option(
        "--context",
        "-C",
        metavar="N",
        min=0,
        max=MAX_CONTEXT,
        help="Show N lines before and after each match.",
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", "-m", metavar="N", min=0, help="Show the first N matches only.")
]


def grep(
    pattern: PatternArgument,
    path_pattern: WhereArgument = None,
    session: SessionOption = None,
    *,
    regex: RegexOption = False,
    ignore_case: CapitalsOption = False,
    before: BeforeOption = 0,
    after: AfterOption = 0,
    context: ContextOption = 0,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> int:
    """Find lines in text files. The exit status is 1 when there are none."""
    before, after = before or context, after or context

    async def search(work: BoundSession) -> list[GrepMatch]:
        return await work.files.grep_files(
            pattern, path_pattern,
            regex=regex, ignore_case=ignore_case, before=before, after=after,
            limit=None if limit is None else limit + 1,  # to know whether that is all
        )  # fmt: skip

    found = in_session(session, search)
    matches = found[:limit]
    if as_json:
        print_json([to_dict(match) for match in matches])
    elif matches:
        print_lines(_shown(matches, with_context=before + after > 0))
    if len(matches) < len(found):
        note(f"note: there are more than {counted(len(matches), 'match')}; a larger --limit shows them")
    return 0 if found else ABSENT


def _shown(matches: list[GrepMatch], *, with_context: bool) -> Iterator[Sequence[tuple[str, str]]]:
    """Lines as grep prints them: ``path:3:text``, context with ``-`` for ``:``, ``--`` in a gap."""
    first = True
    for path, found in groupby(matches, key=lambda match: match.path):
        previous = -1
        for number, (is_match, line) in sorted(_numbered(found).items()):
            if with_context and not first and number != previous + 1:
                yield [("--", "dim")]
            mark = ":" if is_match else "-"
            yield [
                (one_line(path), "magenta"), (mark, "dim"),
                (str(number), "green"), (mark, "dim"), (as_shown(line), ""),
            ]  # fmt: skip
            first, previous = False, number


def _numbered(matches: Iterable[GrepMatch]) -> dict[int, tuple[bool, str]]:
    """The lines of one file's matches and their contexts by number, each once, with whether it matched."""
    lines: dict[int, tuple[bool, str]] = {}
    for match in matches:
        for number, line in enumerate(match.before, match.line_number - len(match.before)):
            lines.setdefault(number, (False, line))
        lines[match.line_number] = (True, match.line)
        for number, line in enumerate(match.after, match.line_number + 1):
            lines.setdefault(number, (False, line))
    return lines


def glob(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="GLOB", help="The names to find: * and ? match within one name, ** across directories."
        ),
    ],
    session: SessionOption = None,
    *,
    as_json: JsonOption = False,
) -> int:
    """Find files by name. The exit status is 1 when there are none."""
    found = in_session(session, lambda work: work.files.glob_files(pattern))
    if as_json:
        print_json([to_dict(info) for info in found])
    else:
        write("".join(f"{one_line(info.path)}\n" for info in found))
    return 0 if found else ABSENT


def edit(
    path: PathArgument,
    session: SessionOption = None,
    *,
    old: Annotated[str | None, typer.Option(metavar="TEXT", help="The text to replace.")] = None,
    new: Annotated[str | None, typer.Option(metavar="TEXT", help="The text to put in its place.")] = None,
    old_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Read the text to replace from this local file; - is standard input."
        ),
    ] = None,
    new_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Read the new text from this local file; - is standard input."),
    ] = None,
    replace_all: Annotated[
        bool, typer.Option("--all", help="Replace the text everywhere in the file.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Replace a text in a file: it must be there exactly once, or --all replaces it everywhere.

    Edits of one file at the same time are all kept.
    """
    if old_file == new_file == "-":
        raise InvalidArgumentError("standard input can be --old-file or --new-file, but not both")
    before, after = _either("old", old, old_file), _either("new", new, new_file)

    async def replace(work: BoundSession) -> SessionFile:
        return await work.files.edit_file(path, before, after, replace_all=replace_all)

    print_entry(in_session(session, replace, keeps=FILES), as_json=as_json)


def _either(name: str, text: str | None, file: str | None) -> str:
    if (text is None) == (file is None):
        raise InvalidArgumentError(f"give either --{name} TEXT or --{name}-file FILE")
    return text if text is not None else read_text(str(file))
