"""Mistakes with globs and path patterns, and with reading single lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import InvalidPatternError
from everstore.models import FileLines, NumberedLine

if TYPE_CHECKING:
    from collections.abc import Callable

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
        return FileLines(answer.path, tuple(numbered), end < len(lines), answer.revision, len(lines))


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


def _both(broken: Broken, change: Callable[[str], str]) -> None:
    """Change the pattern of every glob, and the path pattern of every search."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        return await broken.files.glob_files(session_id, change(pattern))

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        changed = None if path_pattern is None else change(path_pattern)
        return await broken.files.grep_files(session_id, pattern, changed, **options)


@mutant("search.glob_spelling.braces")
def knows_no_braces(broken: Broken) -> None:
    """Braces in a glob are ordinary characters."""
    _both(broken, lambda pattern: pattern.replace("{", "[{]") if "*" in pattern else pattern)


@mutant("search.glob_spelling.braces_in_braces")
def ends_braces_too_early(broken: Broken) -> None:
    """The first closing brace ends the outermost braces."""

    def first(pattern: str) -> str:
        head, opening, rest = pattern.partition("{")
        inside, closing, tail = rest.partition("}")
        return head + opening + inside.replace("{", "[{]") + closing + tail

    _both(broken, first)


@mutant("search.glob_spelling.braces_with_nothing")
def drops_empty_alternatives(broken: Broken) -> None:
    """An alternative that is empty is none."""
    _both(broken, lambda pattern: pattern.replace("{,", "{"))


@mutant("search.glob_spelling.class_as_spelled")
def takes_brackets_for_classes_only(broken: Broken) -> None:
    """A bracket in a glob is a class and never itself."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        found = await broken.files.glob_files(session_id, pattern)
        return [info for info in found if "[" not in info.path.partition(pattern[:1])[2] or "[[]" in pattern]


@mutant("search.glob_spelling.dot_first")
def globs_from_a_dot(broken: Broken) -> None:
    """A glob is compared as it is spelled, so that ./ selects nothing."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        return [] if "./" in pattern else await broken.files.glob_files(session_id, pattern)


@mutant("search.path_pattern_spelling.part_with_slashes")
def looks_for_paths_as_spelled(broken: Broken) -> None:
    """A part of a path is looked for as it is spelled, with slashes that no path has."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        return [] if "//" in (path_pattern or "") else found


@mutant("search.refused_glob.parent_inside")
def finds_nothing_outside(broken: Broken) -> None:
    """A glob that is refused selects nothing instead."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        try:
            return await broken.files.glob_files(session_id, pattern)
        except ValueError:
            return []


@mutant("search.many_alternatives")
def writes_alternatives_out(broken: Broken) -> None:
    """Every combination of alternatives is written out, and more than a thousand are refused."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        if 2 ** pattern.count(",") > 1000:
            raise InvalidPatternError("too many alternatives", pattern=pattern)
        return await broken.files.glob_files(session_id, pattern)


@mutant("search.glob_below")
def globs_by_prefix(broken: Broken) -> None:
    """A glob's beginning is a prefix of paths, not a directory."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        head, slash, tail = pattern.rpartition("/**")
        wider = f"{head}*/**" if slash and not tail and "*" not in head else pattern
        return await broken.files.glob_files(session_id, wider)


@mutant("search.glob_below")
def looks_down_to_z(broken: Broken) -> None:
    """What is below a directory is looked for from its first letter to z."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        found = await broken.files.glob_files(session_id, pattern)
        top = f"/{pattern.lstrip('/')}".partition("*")[0].rpartition("/")[0]
        return [info for info in found if not top or info.path < f"{top}/zzzz"]


@mutant("search.read_last_lines.more_than_there_are")
def begins_before_the_first_line(broken: Broken) -> None:
    """Of a file with fewer lines than are asked for from its end, none is shown."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: int | None = None) -> Any:
        answer = await broken.files.read_lines(session_id, path, start, limit)
        return replace(answer, lines=()) if answer is not None and -start > answer.total_lines else answer


@mutant("search.read_lines_from_0")
def has_a_line_0(broken: Broken) -> None:
    """Lines from 0 are those from 1."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: int | None = None) -> Any:
        return await broken.files.read_lines(session_id, path, start or 1, limit)


@mutant("search.total_lines")
def counts_shown_lines(broken: Broken) -> None:
    """total_lines is the number of the last line that is shown."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: int | None = None) -> Any:
        answer = await broken.files.read_lines(session_id, path, start, limit)
        if answer is None or not answer.lines:
            return answer
        return replace(answer, total_lines=answer.lines[-1].number)
