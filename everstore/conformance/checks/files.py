"""Files: what is written is what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.conformance.registry import check, table

if TYPE_CHECKING:
    from everstore.conformance.case import Case


@check("files.write.text_round_trip", "3.3.1", likely="the content is rewritten on its way in or out")
async def text_round_trip(case: Case) -> None:
    """Text reads back as it was written."""
    await case.files.write_file("a.txt", "hello\nworld\n")
    found = await case.files.read_file("a.txt")
    assert found is not None
    assert (found.content, found.encoding) == ("hello\nworld\n", "text")


@table(
    "files.text.{row}", "3.3.1",
    rows={
        "empty": ("",),
        "crlf": ("a\r\nb\r\n",),
        "lone_cr": ("a\rb",),
        "trailing_newlines": ("a\n\n\n",),
        "nul": ("a\0b\0",),
        "bom": ("\ufeffa",),
    },
    likely="the text is normalised, stripped or cut on its way in or out",
)  # fmt: skip
async def text_kept(case: Case, content: str) -> None:
    """Text with {row} is kept byte for byte."""
    await case.files.write_file("a.txt", content)
    found = await case.files.read_file("a.txt")
    assert found is not None
    assert found.content == content
