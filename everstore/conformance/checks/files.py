"""Files: what is written is what is read."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidContentError

if TYPE_CHECKING:
    from everstore.conformance.case import Case
    from everstore.models import Encoding

_DAY_NS = 86_400 * 10**9


@table(
    "files.text.{row}",
    "3.3.1",
    "3.1.1",
    rows={
        "plain": ("hello\nworld",),
        "empty": ("",),
        "spaces_around": ("  a \t",),
        "crlf": ("a\r\nb\r\n",),
        "lone_cr": ("a\rb\r",),
        "trailing_newlines": ("a\n\n\n",),
        "nul_inside": ("a\0b",),
        "nul_at_end": ("ab\0\0",),
        "bom": ("\ufeffa",),
        "unicode_line_ends": ("a\u2028b\u2029c\x85d\x0be\x0cf",),
        "control_characters": ("".join(map(chr, range(1, 32))) + "\x7f",),
        "astral": ("\U00010348 \U0001f600 \U0010ffff",),
        "noncharacters": ("\uffff \ufdd0 \U0001fffe",),
        "decomposed": ("e\u0301 \u00e9 \u212b \ufb01",),
        "looks_escaped": ("\\n \\x00 %00 &amp; \\u0041 %s {0}",),
        "looks_like_sql": ("'; DROP TABLE files; --",),
        "looks_like_json": ('{"a": [1, null]}',),
        "looks_like_base64": ("aGVsbG8=",),
    },
    likely="the text is decoded, normalised, stripped or cut on its way in or out",
)
async def text_kept(case: Case, content: str) -> None:
    """Text is kept byte for byte: {row}."""
    await case.files.write_file("a.txt", content)
    found = await case.read("a.txt")
    assert (found.content, found.encoding) == (content, "text")


@table(
    "files.refused_content.{row}",
    "3.3.3",
    "7.4.2",
    rows={
        "url_safe_alphabet": ("-_8=", "base64"),
        "missing_padding": ("YQ", "base64"),
        "newline_in_base64": ("YWJj\nZGVm", "base64"),
        "stray_bits": ("YR==", "base64"),
        "not_base64": ("hello, world", "base64"),
        "lone_surrogate": ("a\ud800b", "text"),
        "unknown_encoding": ("a", "utf-8"),
        "no_text": (b"a", "text"),
    },
    likely="content is not validated before it is stored",
)
async def content_refused(case: Case, content: Any, encoding: Encoding) -> None:
    """Content that cannot be kept is InvalidContentError, and the file stays as it was: {row}."""
    await case.files.write_file("a.txt", "before")
    async with case.untouched():
        with refused(InvalidContentError):
            await case.files.write_file("a.txt", content, encoding)
        with refused(InvalidContentError):
            await case.files.write_file("new/b.txt", content, encoding)


@table(
    "files.size_bytes.{row}",
    "3.3.5",
    rows={
        "ascii": ("abc", "text", 3),
        "multibyte": ("aé€😀", "text", 10),
        "empty": ("", "text", 0),
        "base64": ("YWJjZA==", "base64", 4),
    },
    likely="characters, or the base64 text, are counted in place of bytes",
)
async def size_counts_bytes(case: Case, content: str, encoding: Encoding, size: int) -> None:
    """size_bytes counts real bytes in every record of the file: {row}."""
    written = await case.files.write_file("a", content, encoding)
    [listed] = await case.files.list_directory()
    stat = await case.files.stat_file("a")
    read = await case.read("a")
    assert [record and record.size_bytes for record in (written, listed, stat, read)] == [size] * 4


@check("files.encoding.changes", "3.3.4", likely="the encoding of the first write is kept for ever")
async def encoding_changes(case: Case) -> None:
    """A file takes the encoding of its last write."""
    rounds: tuple[tuple[str, Encoding, int], ...] = (
        ("YWJj", "text", 4),
        ("YWJj", "base64", 3),
        ("YWJj", "text", 4),
    )
    for content, encoding, size in rounds:
        await case.files.write_file("a", content, encoding)
        found = await case.read("a")
        assert (found.content, found.encoding, found.size_bytes) == (content, encoding, size)


@table(
    "files.overwrite.{row}",
    "3.2.1",
    rows={
        "longer": ("short", "a much longer content"),
        "shorter": ("a much longer content", "short"),
        "by_nothing": ("something", ""),
        "of_nothing": ("", "something"),
        "much_shorter": ("x" * 100_000, "y"),
    },
    likely="the old content's tail, or an index entry, survives an overwrite",
)
async def overwrite(case: Case, before: str, after: str) -> None:
    """An overwrite replaces the whole content: {row}."""
    await case.files.write_file("a", before)
    await case.files.write_file("a", after)
    found = await case.read("a")
    assert (found.content, found.size_bytes) == (after, len(after))
    [listed] = await case.files.list_directory()
    assert listed.size_bytes == len(after)


@check(
    "files.write.answer_is_stored",
    "3.2.1",
    likely="the answer is built from the arguments, not from what is kept",
)
async def answer_is_stored(case: Case) -> None:
    """write_file answers with the file as it is then read, on creating and on replacing."""
    created = await case.files.write_file("a/b.txt", "one")
    assert await case.read("a/b.txt") == created
    replaced = await case.files.write_file("a/b.txt", "two")
    assert await case.read("a/b.txt") == replaced


@check("files.write.record", "3.2.1", "2.1.1", likely="a record is stored under, or shows, another place")
async def record(case: Case) -> None:
    """A file's record names its session, its canonical path and its last segment."""
    written = await case.files.write_file("docs//a.txt", "x")
    assert (written.session_id, written.path, written.name) == (case.id, "/docs/a.txt", "a.txt")
    assert (written.is_directory, written.is_readonly) == (False, False)


@check("files.write.id_survives", "3.2.3", likely="an overwrite deletes and creates")
async def id_survives(case: Case) -> None:
    """The id and created_at of a file survive an overwrite."""
    first = await case.files.write_file("a", "one")
    second = await case.files.write_file("a", "two", "text")
    third = await case.files.write_file("a", "", "base64")
    assert [(file.id, file.created_at) for file in (second, third)] == [(first.id, first.created_at)] * 2


@check(
    "files.write.updated_at_moves",
    "3.2.4",
    likely="updated_at is set on creating only, or is kept in whole seconds",
)
async def updated_at_moves(case: Case) -> None:
    """updated_at moves forward with an overwrite, and not with a read."""
    first = await case.files.write_file("a", "one")
    await asyncio.sleep(0.005)
    second = await case.files.write_file("a", "one")
    assert second.updated_at > first.updated_at
    assert (await case.read("a")).updated_at == second.updated_at


@check("files.write.creates_parents", "3.2.2", likely="parents are not entered as directories")
async def creates_parents(case: Case) -> None:
    """Writing a file creates its parents, as directories that are listed and read."""
    await case.files.write_file("a/b/c.txt", "x")
    assert await case.paths() == ["/a/", "/a/b/", "/a/b/c.txt"]
    assert (await case.read("a/b")).is_directory


@check("files.write.keeps_siblings", "3.2.1", likely="a directory is rewritten as a whole")
async def keeps_siblings(case: Case) -> None:
    """Writing a file leaves the others in its directory alone."""
    for name in ("a", "b", "c"):
        await case.files.write_file(f"d/{name}", name)
    before = await case.read("d/a")
    await case.files.write_file("d/b", "changed")
    assert await case.read("d/a") == before
    assert await case.paths() == ["/d/", "/d/a", "/d/b", "/d/c"]


@check("files.ids.distinct", "3.2.5", likely="ids are made of the clock, or of the path")
async def ids_distinct(case: Case) -> None:
    """No two entries of a session share an id, directories among them."""
    await asyncio.gather(*(case.files.write_file(f"d{n % 5}/{n}", "same") for n in range(40)))
    await case.files.write_file("late/one", "same")
    entries = [await case.read(path) for path in await case.paths()]
    assert len({entry.id for entry in entries}) == len(entries)


@check("files.ids.new_after_delete", "3.2.5", "3.2.3", likely="a delete leaves the old record behind")
async def id_new_after_delete(case: Case) -> None:
    """A file that is written again after a delete is a new one."""
    first = await case.files.write_file("a", "x")
    await case.files.delete_file("a")
    second = await case.files.write_file("a", "x")
    assert second.id != first.id
    assert second.created_at >= first.created_at


@check("files.times.now", "3.2.4", likely="times are kept in another unit or zone")
async def times_are_now(case: Case) -> None:
    """Times are of today, in UTC, and a new file's are equal."""
    written = await case.files.write_file("a", "x")
    assert abs(written.created_ns - time.time_ns()) < _DAY_NS
    assert written.created_at == written.updated_at
    assert written.created_at.utcoffset() is not None


@table(
    "files.read.{row}",
    "3.1.1",
    rows={
        "missing": ("missing",),
        "missing_in_directory": ("d/missing",),
        "longer_name": ("d/file.txt2",),
        "shorter_name": ("d/file.tx",),
        "below_a_file": ("d/file.txt/x",),
    },
    likely="the path is looked up by prefix",
)
async def read_missing(case: Case, path: str) -> None:
    """What is not there reads as None: {row}."""
    await case.files.write_file("d/file.txt", "x")
    assert await case.files.read_file(path) is None
    assert await case.files.stat_file(path) is None


@check("files.read.directory", "3.1.2", likely="directories are kept only in the paths of their files")
async def read_directory(case: Case) -> None:
    """A directory reads as an entry without content."""
    await case.files.write_file("d/a.txt", "x")
    found = await case.read("d")
    assert (found.path, found.content, found.is_directory, found.is_readonly) == ("/d", None, True, False)


@check("files.read.root", "3.1.2", "3.7.2", likely="the root exists only once something is written")
async def read_root(case: Case) -> None:
    """The root reads as a directory, in an empty session and in a used one."""
    empty = await case.read("/")
    assert (empty.path, empty.content, empty.is_directory) == ("/", None, True)
    await case.files.write_file("a", "x")
    assert (await case.read("/")).id == empty.id


@check(
    "files.strict_looks",
    "3.13.2", "3.13.3",
    likely="a strict look refuses what is there, an empty file or directory perhaps, or shows less of it",
    since="1.2",
)  # fmt: skip
async def strict_looks(case: Case) -> None:
    """Where it has no reason to refuse, a strict look shows what any other does."""
    await case.files.create_directory("empty")
    assert await case.files.list_directory("empty", strict=True) == []
    assert await case.files.list_directory(strict=True) == await case.files.list_directory()
    await case.files.write_file("d/bytes", "AP8=", "base64")
    for name, content in (("a", "x"), ("none", "")):
        await case.files.write_file(f"d/{name}", content)
    for name in ("a", "bytes", "none"):
        assert await case.files.read_file(f"d/{name}", strict=True) == await case.read(f"d/{name}")
    assert await case.files.list_directory("d", strict=True) == await case.files.list_directory("d")
