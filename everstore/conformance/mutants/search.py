"""Mistakes with searching the lines of files."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import InvalidPatternError
from everstore.models import GrepMatch
from everstore.search import Query, compile_glob

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


def _grep_with(broken: Broken, change: Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]) -> None:
    """Change the pattern and the options of every search."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        pattern, options = change(pattern, options)
        return await broken.files.grep_files(session_id, pattern, path_pattern, **options)


def _grep_then(broken: Broken, change: Callable[[list[GrepMatch], dict[str, Any]], list[GrepMatch]]) -> None:
    """Change the answer of every search."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        return change(await broken.files.grep_files(session_id, pattern, path_pattern, **options), options)


@mutant("search.lines.no_final_newline")
def numbers_from_zero(broken: Broken) -> None:
    """The first line is line 0."""
    _grep_then(
        broken, lambda matches, _: [replace(each, line_number=each.line_number - 1) for each in matches]
    )


@mutant("search.literal.dot")
def takes_literals_for_regexes(broken: Broken) -> None:
    """A literal is searched for as a regular expression."""
    _grep_with(broken, lambda pattern, options: (pattern, {**options, "regex": True}))


@mutant("search.literal.like_percent")
def searches_by_like(broken: Broken) -> None:
    """A literal is searched for by an unescaped LIKE."""

    def as_like(pattern: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if options.get("regex") or not set(pattern) & {"%", "_"}:
            return pattern, options
        return re.escape(pattern).replace("%", ".*").replace("_", "."), {**options, "regex": True}

    _grep_with(broken, as_like)


@mutant("search.ignore_case.ascii")
def minds_case_always(broken: Broken) -> None:
    """ignore_case is ignored."""
    _grep_with(broken, lambda pattern, options: (pattern, {**options, "ignore_case": False}))


@mutant("search.ignore_case.accented")
def folds_ascii_only(broken: Broken) -> None:
    """ignore_case folds A to Z only, as LIKE does."""

    def ascii_only(pattern: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return pattern, {**options, "ignore_case": options.get("ignore_case", False) and pattern.isascii()}

    _grep_with(broken, ascii_only)


@mutant("search.literal.unicode")
def ignores_case_always(broken: Broken) -> None:
    """Every search ignores case."""
    _grep_with(broken, lambda pattern, options: (pattern, {**options, "ignore_case": True}))


@mutant("search.literal.one_character")
def needs_three_characters(broken: Broken) -> None:
    """A trigram index finds nothing for a pattern of fewer than three characters."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        return found if not 0 < len(pattern) < 3 else []


@mutant("search.once_a_line")
def counts_every_occurrence(broken: Broken) -> None:
    """A line with two occurrences is two matches."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        return [each for each in found for _ in range(max(1, each.line.count(pattern) if pattern else 1))]


@mutant("search.empty_pattern")
def finds_nothing_for_nothing(broken: Broken) -> None:
    """The empty pattern matches no line."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        return found if pattern else []


@mutant("search.order.all")
def answers_in_hash_order(broken: Broken) -> None:
    """Matches come in the order of a hash table."""
    _grep_then(broken, lambda matches, _: sorted(matches, key=lambda match: match.path[::-1]))


@mutant("search.order.with_limit")
def limits_before_sorting(broken: Broken) -> None:
    """The limit takes whatever is found first, and then that is sorted."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        limit = options.pop("limit", None)
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        return found if limit is None else found[len(found) - min(limit, len(found)) :]


@mutant("search.limit.one")
def limits_one_too_late(broken: Broken) -> None:
    """One match more than the limit is answered."""

    def later(pattern: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        limit = options.get("limit")
        return pattern, {**options, "limit": limit + 1 if limit else limit}

    _grep_with(broken, later)


@mutant("search.limit.none_at_all")
def takes_zero_for_no_limit(broken: Broken) -> None:
    """A limit of 0 is no limit."""
    _grep_with(broken, lambda pattern, options: (pattern, {**options, "limit": options.get("limit") or None}))


@mutant("search.context.middle")
def swaps_the_context(broken: Broken) -> None:
    """The lines before a match come nearest first."""
    _grep_then(broken, lambda matches, _: [replace(each, before=each.before[::-1]) for each in matches])


@mutant("search.only_text")
def searches_base64(broken: Broken) -> None:
    """The text of base64 is searched too."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        for info in await broken.files.glob_files(session_id, "**"):
            file = await broken.files.read_file(session_id, info.path)
            if file is not None and file.encoding == "base64" and file.content and pattern in file.content:
                found.append(GrepMatch(info.path, 1, file.content))
        return found


@mutant("search.regex.anchored")
def anchors_at_the_file(broken: Broken) -> None:
    """^ and $ are the ends of the file."""

    def anchored(pattern: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return (pattern.replace("^", r"\b\B") if options.get("regex") else pattern), options

    _grep_with(broken, anchored)


@mutant("search.wrong_regex.look_ahead")
def takes_python_regexes(broken: Broken) -> None:
    """A pattern that is no RE2 is handed to another engine."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        if options.get("regex") and re.search(r"\(\?[=!<]|\\1", pattern):
            return []
        return await broken.files.grep_files(session_id, pattern, path_pattern, **options)


@mutant("search.wrong_regex.unclosed_group")
def finds_nothing_for_a_wrong_regex(broken: Broken) -> None:
    """A pattern that does not compile matches nothing, and is no error."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        try:
            return await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        except ValueError:
            return []


@mutant("search.follows.overwrite")
def searches_a_stale_index(broken: Broken) -> None:
    """The index has a file as it was when it was first searched."""
    seen: dict[Any, Any] = {}

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        key = (session_id, pattern, path_pattern, *sorted(options.items()))
        if key not in seen:
            seen[key] = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        return list(seen[key])


@mutant("search.event_loop")
def holds_the_loop(broken: Broken) -> None:
    """A search runs to its end without leaving the event loop to anybody."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        steps = broken.files.grep_files(session_id, pattern, path_pattern, **options)
        while True:  # drive the coroutine by hand: whatever it waits for is never waited for
            try:
                if steps.send(None) is not None:
                    time.sleep(0.01)  # noqa: ASYNC251 - the mistake
            except StopIteration as done:
                return done.value


@mutant("search.regex.blank_is_no_line_end")
def matches_across_lines(broken: Broken) -> None:
    r"""A regular expression is held against the whole text, so that \s takes a line end."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        if not options.get("regex") or r"\s" not in pattern:
            return found
        for info in await broken.files.glob_files(session_id, "**"):
            file = await broken.files.read_file(session_id, info.path)
            for match in re.finditer(pattern, (file and file.content) or ""):
                if "\n" in match.group():
                    found.append(GrepMatch(info.path, 1, match.group().partition("\n")[0]))
        return found


@mutant("search.lines.bom")
def searches_without_bom(broken: Broken) -> None:
    """A search reads with the codec utf-8-sig, which drops a byte order mark."""
    _grep_then(
        broken, lambda matches, _: [replace(each, line=each.line.removeprefix("\ufeff")) for each in matches]
    )


@mutant("search.context_of_neighbours")
def shows_each_line_once(broken: Broken) -> None:
    """A line that was shown with one match is not shown with the next, as grep does."""

    def once(matches: list[GrepMatch], options: dict[str, Any]) -> list[GrepMatch]:
        del options
        shown: dict[str, int] = {}
        answer = []
        for match in matches:
            first = match.line_number - len(match.before)
            again = max(0, shown.get(match.path, 0) - first + 1)
            answer.append(replace(match, before=match.before[again:]))
            shown[match.path] = match.line_number + len(match.after)
        return answer

    _grep_then(broken, once)


@mutant("search.regex_ignore_case")
def lowers_regexes(broken: Broken) -> None:
    r"""To ignore case a regular expression is lowered, which makes \s of \S."""

    def lowered(pattern: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        both = options.get("regex") and options.get("ignore_case")
        return (pattern.lower() if both else pattern), options

    _grep_with(broken, lowered)


@mutant("search.leaves_the_loop.one_line")
def matches_on_the_loop(broken: Broken) -> None:
    """Every text is matched where the call was made, at a stretch."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        query = Query(pattern, path_pattern, **options)
        for info in await broken.files.glob_files(session_id, "**"):
            file = await broken.files.read_file(session_id, info.path)
            if file is not None and file.encoding == "text" and query.selects(info.path):
                query.add_now(info.path, file.content or "")
        return query.matches


@mutant("search.globs_leave_the_loop.glob")
def matches_globs_on_the_loop(broken: Broken) -> None:
    """Every path is compared with a glob where the call was made, at a stretch."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        selects = compile_glob(pattern)
        return [info for info in await broken.files.glob_files(session_id, "**") if selects(info.path)]


@mutant("search.too_large.properties")
def takes_patterns_of_any_size(broken: Broken) -> None:
    """A pattern that is too large matches nothing, after a while."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        try:
            return await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        except InvalidPatternError as error:
            if "too large" in str(error):
                return []
            raise


@mutant("search.most_context")
def gives_as_much_context_as_there_is(broken: Broken) -> None:
    """More context than there may be is cut to what there may be, silently."""

    def bounded(pattern: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return pattern, {
            name: min(value, 100) if name in {"before", "after"} else value for name, value in options.items()
        }

    _grep_with(broken, bounded)
