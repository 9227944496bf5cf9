"""Files that grow by appends up to the edges of whatever pieces a storage keeps, and are edited there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from everstore.conformance.case import Mismatch, refused
from everstore.conformance.model.plain import lines_of
from everstore.conformance.registry import check
from everstore.conformance.registry import table as any_table
from everstore.errors import InvalidContentError
from everstore.models import FileInfo

if TYPE_CHECKING:
    from everstore.conformance.case import Case

table = partial(any_table, since="1.3", level="standard")

_KI = 1 << 10
_EDGES = (4 * _KI, 64 * _KI, 128 * _KI, 256 * _KI, 1 << 20)
_ACROSS = {"lf": "\n", "crlf": "\r\n", "two_bytes": "\u00e9", "four_bytes": "\U0001f600"}


def _filling(size: int, start: int) -> str:
    """Text of so many bytes, in lines that are not alike; ``start`` is where it begins."""
    line = f"{start:07} " + "." * 500 + "\n"
    return (line * (size // len(line) + 1))[:size]


async def _require_around(case: Case, whole: str, edge: int) -> None:
    """The bytes around an edge, and at the end, are those of the text."""
    data = whole.encode()
    for start, length in ((edge - 5, 3), (edge - 3, 6), (edge, 4), (-7, None), (edge - 1, 1), (len(data), 1)):
        got = await case.files.read_bytes("f", start, length)
        rest = data[start:]
        expected = rest if length is None else rest[:length]
        if got != expected:
            raise Mismatch.of(expected, got, f"of {len(data)} bytes those from {start} on, at most {length}")


@table(
    "content.grown.{row}",
    "4.5.1", "3.3.1", "3.3.5", "3.12.5", "5.6.1", "5.6.3", "5.6.5", "5.1.1", "4.4.1", "4.4.6",
    rows={name: (what,) for name, what in _ACROSS.items()},
    likely="a piece is full, and what is appended is cut, joined or counted as if each piece were a text",
)  # fmt: skip
async def grown(case: Case, what: str) -> None:
    """A text that grows to each edge and across it is whole, is read, searched and edited there: {row}."""
    width, whole = len(what.encode()), ""
    for turn, edge in enumerate(_EDGES):
        before = edge - 1 - turn % width  # where what is put across the edge begins
        for piece in (_filling(before - len(whole.encode()), edge), what, "", f"<{edge}>\n"):
            whole += piece
            info = await case.files.append_file("f", piece)
            assert type(info) is FileInfo
            if info.size_bytes != len(whole.encode()):
                raise Mismatch(f"{len(whole.encode())} bytes", f"{info.size_bytes}", field="size_bytes")
        await _require_around(case, whole, edge)
    await _require_text(case, whole)
    for edge in _EDGES[::-1]:  # so that what is before an edit is where it was
        for old, new in ((f"{what}<{edge}>", f"<{edge}!>{what}"), (f"<{edge}!>", "")):
            edited = await case.files.edit_file("f", old, new)
            assert edited.replaced == (whole.split(old)[0].count("\n") + 1,)
            whole = whole.replace(old, new)
    await _require_text(case, whole)
    edited = await case.files.edit_file("f", "." * 250, "two\nlines", replace_all=True)
    whole = whole.replace("." * 250, "two\nlines")
    await _require_text(case, whole)
    assert len(edited.replaced) == whole.count("two\n")


async def _require_text(case: Case, whole: str) -> None:
    """Everything that reads the file ``f`` finds this text."""
    file, lines = await case.read("f"), lines_of(whole)
    if file.content != whole:
        raise Mismatch.of(whole, file.content, "the content")
    for start, limit in ((-3, None), (1, 2), (len(lines) // 2, 3), (len(lines), 5)):
        read = await case.files.read_lines("f", start, limit)
        first = len(lines) + start if start < 0 else start - 1
        expected = lines[first : None if limit is None else first + limit]
        if read is None or [each.text for each in read.lines] != expected:
            raise Mismatch.of(expected, read and read.lines, f"lines from {start} on")
        assert read.total_lines == len(lines)
    found = await case.files.grep_files("<", "/f")
    told = [(match.line_number, match.line) for match in found]
    expected_lines = [(number, line) for number, line in enumerate(lines, 1) if "<" in line]
    if told != expected_lines:
        raise Mismatch.of(expected_lines, told, "the lines that are found")


@table(
    "content.grown_bytes.{row}",
    "3.12.2", "3.12.5", "4.5.2", "3.10.1",
    rows={"one_by_one": (1,), "many": (30_011,)},
    likely="base64 is joined where three bytes do not end, or a piece is begun anew",
)  # fmt: skip
async def grown_bytes(case: Case, step: int) -> None:
    """Bytes that grow to an edge and across it are whole, with ranges and sizes, however they come: {row}."""
    whole = bytes(range(251)) * 2300
    for edge in (4 * _KI, 64 * _KI, 256 * _KI):
        first = max(0, edge - 3 * step)
        await case.files.write_bytes("f", whole[:first])
        start = first
        for start in range(first, edge + 3 * step, step):
            info = await case.files.append_bytes("f", whole[start : start + step])
            assert info.size_bytes == start + step
        grown = whole[: start + step]
        for start in range(edge - 2, edge + 2):
            assert await case.files.read_bytes("f", start, 3) == grown[start : start + 3]
        assert await case.files.read_bytes("f") == grown
        assert (await case.read("f")).data == grown
        async with case.untouched():
            with refused(InvalidContentError):
                await case.files.append_file("f", "text")


@check(
    "content.grown_copies", "4.5.8", "3.2.8", "4.5.1", since="1.3",
    likely="a copy shares what it was made of, and what is appended to the one is in the other",
)  # fmt: skip
async def grown_copies(case: Case) -> None:
    """A file that had grown, and its copy, grow on by turns, each with what was appended to it."""
    await case.files.write_bytes("a", b"x" * 70_000)
    await case.files.append_bytes("a", b"y" * 10)
    await case.files.copy_file("a", "b")
    expected = dict.fromkeys("ab", b"x" * 70_000 + b"y" * 10)
    for turn in range(4):
        for path in "ab":
            more = f"{path}{turn}".encode() * (2500 if turn % 2 else 5)
            await case.files.append_bytes(path, more)
            expected[path] += more
    for path, data in expected.items():
        found = await case.files.read_bytes(path)
        if found != data:
            raise Mismatch.of(data, found, f"/{path}, which has grown")
