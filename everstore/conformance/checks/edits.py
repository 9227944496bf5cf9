"""Edits and appends."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import EditError, InvalidContentError, PathNotFoundError

if TYPE_CHECKING:
    from everstore.conformance.case import Case


@table(
    "edits.replaces.{row}",
    "4.4.1",
    "4.4.4",
    rows={
        "word": ("one two three", "two", "2", "one 2 three"),
        "at_start": ("one two", "one", "1", "1 two"),
        "at_end": ("one two\n", "two\n", "2", "one 2"),
        "everything": ("one", "one", "two", "two"),
        "by_nothing": ("one two", " two", "", "one"),
        "crlf_kept": ("a\r\nb\r\nc\r\n", "b\r\nc", "B\r\nC", "a\r\nB\r\nC\r\n"),
        "lf_into_crlf": ("a\r\nb\r\n", "b", "x\ny", "a\r\nx\ny\r\n"),
        "across_crlf": ("a\r\nb", "\n", "-", "a\r-b"),
        "several_lines": ("a\nb\nc\n", "a\nb\n", "", "c\n"),
        "no_pattern": ("a.c abc", "a.c", "x", "x abc"),
        "no_like": ("a_c abc 100%", "a_c", "x", "x abc 100%"),
        "no_group_reference": ("ab", "a", r"\1\g<0>$1&\\", r"\1\g<0>$1&\\b"),
        "no_sql": ("it's", "'", "''", "it''s"),
        "other_case_stays": ("Ab ab", "ab", "x", "Ab x"),
        "other_normal_form_stays": ("\u00e9 e\u0301", "e\u0301", "x", "\u00e9 x"),
        "nul": ("a\0b", "\0", "-", "a-b"),
        "astral": ("\U0001f600\U0001f601", "\U0001f601", "x", "\U0001f600x"),
        "by_more_of_itself": ("a", "a", "aaa", "aaa"),
        "by_itself": ("a b", "a", "a", "a b"),
    },
    likely="old or new is a pattern, or the text is normalised before it is searched",
)
async def edit_replaces(case: Case, before: str, old: str, new: str, after: str) -> None:
    """edit_file replaces the exact string that is there once: {row}."""
    await case.files.write_file("a", before)
    edited = await case.files.edit_file("a", old, new)
    assert edited.content == after
    assert await case.read("a") == edited


@check("edits.replace_all", "4.4.1", likely="only the first is replaced, or replaced text is searched again")
async def replace_all(case: Case) -> None:
    """replace_all replaces every match, once each, from the left."""
    await case.files.write_file("a", "aXaXaaa")
    edited = await case.files.edit_file("a", "a", "aa", replace_all=True)
    assert edited.content == "aaXaaXaaaaaa"


@table(
    "edits.refused.{row}",
    "4.4.2",
    rows={
        "missing": ("one two", "three", 0),
        "twice": ("one one", "one", 2),
        "overlapping": ("aaa", "aa", 2),
        "in_two_lines": ("x = 1\ny = 1\n", "= 1", 2),
        "other_case": ("One", "one", 0),
        "other_normal_form": ("\u00e9", "e\u0301", 0),
        "other_line_end": ("a\r\nb", "a\nb", 0),
        "in_nothing": ("", "a", 0),
    },
    likely="the first of several matches is taken, or a near match",
)
async def edit_refused(case: Case, before: str, old: str, matches: int) -> None:
    """No match, or an ambiguous one, is EditError, and nothing is written: {row}."""
    await case.files.write_file("a", before)
    async with case.untouched():
        with refused(EditError) as caught:
            await case.files.edit_file("a", old, "new")
    assert caught.error.matches == matches


@check("edits.replace_all_missing", "4.4.2", likely="replacing nothing counts as done")
async def replace_all_missing(case: Case) -> None:
    """replace_all with no match is EditError too."""
    await case.files.write_file("a", "one")
    async with case.untouched():
        with refused(EditError):
            await case.files.edit_file("a", "two", "three", replace_all=True)


@check("edits.empty_old", "4.4.2", likely="the empty string matches between all characters")
async def edit_empty_old(case: Case) -> None:
    """Nothing cannot be replaced: an empty old is InvalidContentError."""
    await case.files.write_file("a", "one")
    async with case.untouched():
        with refused(InvalidContentError):
            await case.files.edit_file("a", "", "x", replace_all=True)


@check("edits.missing_file", "4.4.5", likely="an edit creates the file, or answers None")
async def edit_missing_file(case: Case) -> None:
    """Editing a missing file is PathNotFoundError, and creates nothing."""
    async with case.untouched():
        with refused(PathNotFoundError):
            await case.files.edit_file("missing", "a", "b")


@check("edits.base64", "4.4.5", likely="the base64 text is edited")
async def edit_base64(case: Case) -> None:
    """A file in base64 cannot be edited."""
    await case.files.write_file("a", "YWJj", "base64")
    async with case.untouched():
        with refused(InvalidContentError):
            await case.files.edit_file("a", "YWJj", "x")


@check("edits.refused_content", "3.3.3", likely="the new text is not validated")
async def edit_refused_content(case: Case) -> None:
    """A lone surrogate, to find or to write, is InvalidContentError."""
    await case.files.write_file("a", "one")
    async with case.untouched():
        with refused(InvalidContentError):
            await case.files.edit_file("a", "one", "\udc80")
        with refused(InvalidContentError):
            await case.files.edit_file("a", "\udc80", "one")


@check("edits.large_file", "4.4.4", likely="only a first part of the file is searched or kept")
async def edit_large_file(case: Case) -> None:
    """An edit far into a large file changes that place and nothing else."""
    lines = [f"line {number}\n" for number in range(100_000)]
    await case.files.write_file("a", "".join(lines))
    await case.files.edit_file("a", "line 99998\n", "changed\n")
    lines[99_998] = "changed\n"
    assert (await case.read("a")).content == "".join(lines)


@table(
    "edits.append.text.{row}",
    "4.5.1",
    rows={
        "word": ("one", " two"),
        "to_nothing": ("", "one"),
        "of_nothing": ("one", ""),
        "after_newline": ("one\n", "two\n"),
        "cr_then_lf": ("one\r", "\n"),
        "combining": ("e", "\u0301"),
        "nul": ("a\0", "\0b"),
        "large": ("x" * 700_000, "y" * 700_000),
    },
    likely="a line end is added, or the joint is normalised",
)
async def append_text(case: Case, before: str, more: str) -> None:
    """append_file adds exactly what it is given: {row}."""
    await case.files.write_file("a", before)
    appended = await case.files.append_file("a", more)
    assert appended.size_bytes == len((before + more).encode())
    found = await case.read("a")
    assert found.content == before + more
    assert found.info() == appended


@table(
    "edits.append.base64.{row}",
    "4.5.1",
    "3.3.2",
    rows={
        "whole_groups": (b"abc", b"def"),
        "after_padding": (b"a", b"bc"),
        "after_double_padding": (b"abcd", b"\0\xff"),
        "to_nothing": (b"", b"a"),
        "of_nothing": (b"a", b""),
    },
    likely="base64 texts are joined in place of bytes",
)
async def append_base64(case: Case, before: bytes, more: bytes) -> None:
    """Appending in base64 joins the bytes: {row}."""
    await case.files.write_file("a", base64.b64encode(before).decode(), "base64")
    appended = await case.files.append_file("a", base64.b64encode(more).decode(), "base64")
    found = await case.read("a")
    assert base64.b64decode(found.content or "") == before + more
    assert (found.encoding, appended.size_bytes) == ("base64", len(before + more))
    assert found.info() == appended


@check("edits.append.creates", "4.5.1", "3.2.2", likely="a missing file is refused")
async def append_creates(case: Case) -> None:
    """Appending to a missing file creates it, with its parents, in the encoding given."""
    await case.files.append_file("d/a", "one")
    await case.files.append_file("d/b", "YWJj", "base64")
    text, data = await case.read("d/a"), await case.read("d/b")
    assert (text.content, text.encoding, data.content, data.encoding) == ("one", "text", "YWJj", "base64")
    assert await case.paths() == ["/d/", "/d/a", "/d/b"]


@check("edits.append.other_encoding", "4.5.2", likely="the encoding of the file, or of the call, is ignored")
async def append_other_encoding(case: Case) -> None:
    """Appending in the other encoding is InvalidContentError, even to an empty file."""
    await case.files.write_file("a", "one")
    await case.files.write_file("b", "YWJj", "base64")
    await case.files.write_file("c", "")
    async with case.untouched():
        for path, content, encoding in (
            ("a", "YWJj", "base64"),
            ("b", "one", "text"),
            ("c", "YWJj", "base64"),
        ):
            with refused(InvalidContentError):
                await case.files.append_file(path, content, encoding)  # type: ignore[arg-type]  # a plain str


@check("edits.append.refused_content", "3.3.3", likely="only write_file validates")
async def append_refused_content(case: Case) -> None:
    """Wrong base64 or a lone surrogate is not appended."""
    await case.files.write_file("a", "YWJj", "base64")
    async with case.untouched():
        with refused(InvalidContentError):
            await case.files.append_file("a", "YW", "base64")
        with refused(InvalidContentError):
            await case.files.append_file("new", "\ud800")
