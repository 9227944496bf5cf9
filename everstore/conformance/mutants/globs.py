"""Mistakes with globs and path patterns, and with reading single lines."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.models import FileLines, NumberedLine

__all__: list[str] = []


@mutant("search.lines.unicode_line_separator")
def splits_lines_as_python_does(broken: Broken) -> None:
    """Lines end wherever str.splitlines() ends them."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: Any = None) -> Any:
        answer = await broken.files.read_lines(session_id, path, start, limit)
        found = await broken.files.read_file(session_id, path)
        if answer is None or found is None or found.content is None:
            return answer
        lines = found.content.splitlines()
        end = len(lines) if limit is None else start - 1 + limit
        numbered = (NumberedLine(number, text) for number, text in enumerate(lines[start - 1 : end], start))
        return FileLines(answer.path, tuple(numbered), end < len(lines), answer.revision)


@mutant("search.lines.crlf")
def keeps_carriage_returns(broken: Broken) -> None:
    """A line keeps the carriage return before its end."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: Any = None) -> Any:
        answer = await broken.files.read_lines(session_id, path, start, limit)
        found = await broken.files.read_file(session_id, path)
        if answer is None or found is None or found.content is None:
            return answer
        raw = found.content.split("\n")
        return replace(
            answer, lines=tuple(NumberedLine(line.number, raw[line.number - 1]) for line in answer.lines)
        )


@mutant("search.read_lines.exactly_all")
def always_says_more(broken: Broken) -> None:
    """read_lines says that more follows whenever the limit is reached."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: Any = None) -> Any:
        answer = await broken.files.read_lines(session_id, path, start, limit)
        return answer and replace(answer, has_more=answer.has_more or len(answer.lines) == limit)


@mutant("search.read_lines.none_beyond")
def says_more_for_nothing(broken: Broken) -> None:
    """read_lines says that more follows whenever none was asked for."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: Any = None) -> Any:
        answer = await broken.files.read_lines(session_id, path, start, limit)
        return answer and replace(answer, has_more=answer.has_more or limit == 0)


@mutant("search.glob.star_stays_in_segment")
def stars_cross_segments(broken: Broken) -> None:
    """* in a glob crosses segments, as in fnmatch."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        wider = pattern.replace("**", "*").replace("*", "**") if "/" in pattern else pattern
        return await broken.files.glob_files(session_id, wider)


@mutant("search.glob.basename_at_any_depth")
def globs_from_the_root(broken: Broken) -> None:
    """A glob without a slash matches in the root only."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        anchored = pattern if "/" in pattern or "**" in pattern else f"/{pattern}"
        return await broken.files.glob_files(session_id, anchored)


@mutant("search.glob.star_takes_hidden")
def hides_dotfiles(broken: Broken) -> None:
    """* does not match a leading dot, as in a shell."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        return [
            info
            for info in await broken.files.glob_files(session_id, pattern)
            if not info.name.startswith(".")
        ]


@mutant("search.glob.question_mark")
def knows_no_question_mark(broken: Broken) -> None:
    """? in a glob is an ordinary character."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        return await broken.files.glob_files(session_id, pattern.replace("?", "[?]"))


@mutant("search.glob_follows")
def globs_a_stale_index(broken: Broken) -> None:
    """The list of paths is made once a session."""
    seen: dict[Any, Any] = {}

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        if (session_id, pattern) not in seen:
            seen[session_id, pattern] = await broken.files.glob_files(session_id, pattern)
        return list(seen[session_id, pattern])


@mutant("search.glob.double_star_of_nothing")
def double_star_takes_one_at_least(broken: Broken) -> None:
    """**/ in a glob stands for one directory or more, never for none."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        found = await broken.files.glob_files(session_id, pattern)
        deep = pattern.lstrip("/").startswith("**/")
        return [info for info in found if not deep or info.path.count("/") > 1]


@mutant("search.glob_order")
def globs_as_it_walks(broken: Broken) -> None:
    """A glob's answer is in the order of a walk: a directory's files come before its neighbour's."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        found = await broken.files.glob_files(session_id, pattern)
        return sorted(found, key=lambda info: info.path.split("/"))


@mutant("search.path_pattern.substring")
def takes_path_patterns_for_prefixes(broken: Broken) -> None:
    """path_pattern is a prefix of the path."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        if path_pattern is None or set(path_pattern) & set("*?["):
            return found
        return [each for each in found if each.path.strip("/").startswith(path_pattern.strip("/"))]
