"""Mistakes with edits and appends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EditError, PathNotFoundError
from everstore.models import EditedFile

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


@mutant("edits.refused.twice")
def replaces_the_first(broken: Broken) -> None:
    """An ambiguous edit replaces the first match."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        try:
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        except EditError as error:
            found = await broken.files.read_file(session_id, path)
            if not error.matches or found is None or found.content is None:
                raise
            return await broken.files.write_file(session_id, path, found.content.replace(old, new, 1))


def _in_the_error(broken: Broken, **facts: Callable[[Any], Any]) -> None:
    """The refusal of an edit has other facts."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        try:
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        except EditError as error:
            error.tell(**{name: of(getattr(error, name)) for name, of in facts.items()})
            raise


@mutant("edits.nearest.far_down")
def counts_near_lines_from_0(broken: Broken) -> None:
    """The nearest lines are counted from 0."""
    _in_the_error(broken, nearest=lambda lines: tuple([line - 1 for line in lines]))


@mutant("edits.nearest_in_changes")
def explains_no_edit_among_changes(broken: Broken) -> None:
    """What an edit among other changes did not find is not told."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Any) -> Any:
        try:
            return await broken.files.apply_changes(session_id, changes)
        except EditError as error:
            error.tell(lines=(), nearest=())
            raise


@mutant("edits.differs.lf_for_crlf")
def tells_no_difference(broken: Broken) -> None:
    """It is not told that only line ends or white space differ."""
    _in_the_error(broken, differs=lambda _: None)


@mutant("edits.nothing_near")
def always_finds_something_near(broken: Broken) -> None:
    """Where nothing is like the text, the first line is told."""
    _in_the_error(broken, nearest=lambda lines: lines or (1,))


@mutant("edits.ambiguous_lines")
def tells_the_first_line_only(broken: Broken) -> None:
    """An ambiguous edit tells one line only."""
    _in_the_error(broken, lines=lambda lines: lines[:1])


@mutant("edits.replaced.all_by_more_lines")
def tells_lines_that_were(broken: Broken) -> None:
    """An edit tells the lines where the text was."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        edited = await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        more = new.count("\n") - old.count("\n")
        were = [line - more * number for number, line in enumerate(edited.replaced)]
        return EditedFile.of(edited, tuple(were))


@mutant("edits.refused.missing")
def edits_in_silence(broken: Broken) -> None:
    """An edit that finds nothing is no error."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        try:
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        except EditError:
            return await broken.files.read_file(session_id, path)


@mutant("edits.refused.other_line_end")
def edits_across_line_ends(broken: Broken) -> None:
    """An edit takes LF for CR LF."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is not None and found.content and "\r\n" in found.content and "\r\n" not in old:
            old = old.replace("\n", "\r\n")
        return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)


@mutant("edits.replaces.no_pattern")
def edits_by_regex(broken: Broken) -> None:
    """The text to replace is a regular expression."""
    import re  # noqa: PLC0415 - nobody else here needs it

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if (
            replace_all
            or found is None
            or found.content is None
            or found.is_readonly
            or found.encoding != "text"
        ):
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        matches = len(re.findall(old, found.content))
        if matches != 1:
            raise EditError("not once", path=path, matches=matches)
        return await broken.files.write_file(session_id, path, re.sub(old, new, found.content))


@mutant("edits.replace_all")
def replaces_all_but_one(broken: Broken) -> None:
    """replace_all stops after the second match."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if replace_all and found is not None and found.content and found.content.count(old) > 2:
            return await broken.files.write_file(session_id, path, found.content.replace(old, new, 2))
        return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)


@mutant("edits.missing_file")
def edits_into_being(broken: Broken) -> None:
    """Editing a missing file creates it."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        try:
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        except PathNotFoundError:
            return await broken.files.write_file(session_id, path, new)


@mutant("edits.append.text.word")
def appends_lines(broken: Broken) -> None:
    """An append begins a new line."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if encoding == "text" and found is not None and found.content and not found.content.endswith("\n"):
            content = "\n" + content
        return await broken.files.append_file(session_id, path, content, encoding)


@mutant("edits.append.creates")
def appends_only_to_files(broken: Broken) -> None:
    """Appending to a missing file is an error."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        if await broken.files.stat_file(session_id, path) is None:
            raise PathNotFoundError.at(path)
        return await broken.files.append_file(session_id, path, content, encoding)


@mutant("edits.append.base64.after_padding")
def joins_base64_as_text(broken: Broken) -> None:
    """Appending in base64 drops the bits behind the first padding."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if encoding == "base64" and found is not None and found.content and found.content.endswith("="):
            return found.info()
        return await broken.files.append_file(session_id, path, content, encoding)


@mutant("edits.replaces.lf_into_crlf")
def edits_in_the_line_ends_of_the_file(broken: Broken) -> None:
    """New text gets the line ends that the file has."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is not None and "\r\n" in (found.content or "") and "\r\n" not in new:
            new = new.replace("\n", "\r\n")
        return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)


@mutant("edits.append.text.large")
def appends_up_to_a_mebibyte(broken: Broken) -> None:
    """What an append adds beyond a mebibyte is dropped."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is not None and encoding == "text" and isinstance(content, str):
            content = content[: max(0, (1 << 20) - found.size_bytes)]
        return await broken.files.append_file(session_id, path, content, encoding)
