"""Mistakes with content, encodings, sizes and what a record says of them."""

from __future__ import annotations

import unicodedata
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import InvalidContentError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call
    from everstore.models import Encoding, SessionFile

__all__: list[str] = []

_WRITES = ("write_file", "seed_initial_file", "append_file", "edit_file", "write_file_if_content_matches")


def _as_written(broken: Broken, change: Callable[[str], str]) -> None:
    """Change text on its way in."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        if encoding == "text" and isinstance(content, str):
            content = change(content)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


def _as_read(broken: Broken, change: Callable[[SessionFile], Any], *names: str) -> None:
    """Change the record on its way out of these verbs."""

    def wrap(call: Call) -> Call:
        async def changed(*args: Any, **kwargs: Any) -> Any:
            answer = await call(*args, **kwargs)
            if isinstance(answer, list):
                return [change(each) for each in answer]
            return answer if answer is None else change(answer)

        return changed

    broken.around(wrap, ["file_system"], names)


@mutant("content.edges.write")
def truncates_at_64_kib(broken: Broken) -> None:
    """Text longer than 64 KiB is cut there."""
    _as_written(broken, lambda text: text[: 1 << 16])


@mutant("files.text.nul_at_end")
def drops_trailing_nul(broken: Broken) -> None:
    """NUL at the end of a text is taken for the end of a C string."""
    _as_written(broken, lambda text: text.rstrip("\0"))


@mutant("files.text.nul_inside")
def cuts_at_nul(broken: Broken) -> None:
    """Text ends at its first NUL."""
    _as_written(broken, lambda text: text.partition("\0")[0])


@mutant("files.text.crlf")
def rewrites_crlf(broken: Broken) -> None:
    """Line ends are translated, as a file opened in text mode does."""
    _as_written(broken, lambda text: text.replace("\r\n", "\n"))


@mutant("files.text.lone_cr")
def rewrites_cr(broken: Broken) -> None:
    """A lone carriage return becomes a newline."""
    _as_written(broken, lambda text: text.replace("\r", "\n") if "\r\n" not in text else text)


@mutant("files.text.bom")
def strips_bom(broken: Broken) -> None:
    """A byte order mark is dropped, as the codec utf-8-sig does."""
    _as_written(broken, lambda text: text.removeprefix("\ufeff"))


@mutant("files.text.spaces_around")
def strips_blanks(broken: Broken) -> None:
    """Blanks around a text are dropped."""
    _as_written(broken, lambda text: text.strip(" "))


@mutant("files.text.trailing_newlines")
def one_final_newline(broken: Broken) -> None:
    """Final newlines are made one, as editors do."""
    _as_written(broken, lambda text: text.rstrip("\n") + "\n" if text.endswith("\n") else text)


@mutant("files.text.decomposed")
def composes_content(broken: Broken) -> None:
    """Text is stored in Unicode normal form C."""
    _as_written(broken, lambda text: unicodedata.normalize("NFC", text))


@mutant("files.text.astral")
def knows_no_astral_characters(broken: Broken) -> None:
    """Characters past U+FFFF are replaced, as a three-byte UTF-8 column does."""
    _as_written(broken, lambda text: "".join(each if each <= "\uffff" else "\ufffd" for each in text))


@mutant("files.text.control_characters")
def drops_control_characters(broken: Broken) -> None:
    """Control characters are dropped, as an XML format must."""
    _as_written(broken, lambda text: "".join(each for each in text if each >= " " or each in "\t\r\n"))


@mutant("files.text.noncharacters")
def replaces_noncharacters(broken: Broken) -> None:
    """U+FFFE and U+FFFF are refused by the format and replaced."""
    _as_written(broken, lambda text: text.replace("\uffff", "\ufffd").replace("\ufffe", "\ufffd"))


@mutant("files.text.unicode_line_ends")
def rewrites_unicode_line_ends(broken: Broken) -> None:
    """Every character that str.splitlines() knows becomes a newline."""
    _as_written(
        broken, lambda text: text.replace("\u2028", "\n").replace("\u2029", "\n").replace("\x85", "\n")
    )


@mutant("files.text.looks_escaped")
def unescapes(broken: Broken) -> None:
    r"""Escapes such as \n in a text are interpreted on the way in."""
    _as_written(broken, lambda text: text.replace("\\n", "\n").replace("\\\\", "\\"))


@mutant("files.text.looks_like_base64")
def guesses_base64(broken: Broken) -> None:
    """What looks like base64 is taken for base64."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        looks = len(content) > 7 and len(content) % 4 == 0 and content.replace("=", "").isalnum()
        chosen: Encoding = "base64" if encoding == "text" and looks else encoding
        try:
            return await broken.files.write_file(session_id, path, content, chosen, **options)
        except InvalidContentError:
            return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("files.text.empty")
def takes_empty_for_missing(broken: Broken) -> None:
    """An empty file reads as if it were not there."""

    @broken.verb
    async def read_file(session_id: Any, path: str) -> Any:
        found = await broken.files.read_file(session_id, path)
        return None if found is not None and found.content == "" else found


@mutant("files.overwrite.shorter")
def keeps_the_tail(broken: Broken) -> None:
    """A shorter overwrite leaves the end of the longer text, as writing without truncating does."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        old = await broken.files.read_file(session_id, path)
        if old is not None and old.content and encoding == old.encoding == "text":
            content += old.content[len(content) :]
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("files.overwrite.by_nothing")
def ignores_empty_overwrites(broken: Broken) -> None:
    """Writing nothing over a file is taken for nothing to do."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        old = await broken.files.read_file(session_id, path)
        if (
            content == ""
            and old is not None
            and old.content
            and not old.is_readonly
            and not any(options.values())
        ):
            return old
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("files.size_bytes.base64")
def counts_base64_text(broken: Broken) -> None:
    """size_bytes of a file in base64 is the length of its text."""
    _as_read(
        broken,
        lambda file: (
            replace(file, size_bytes=len(file.content))
            if file.encoding == "base64" and file.content
            else file
        ),
        "read_file",
    )


@mutant("files.size_bytes.multibyte")
def counts_characters(broken: Broken) -> None:
    """size_bytes counts characters."""
    _as_read(
        broken,
        lambda file: (
            replace(file, size_bytes=len(file.content)) if file.encoding == "text" and file.content else file
        ),
        "read_file",
    )


@mutant("content.kept.write_bytes")
def decodes_utf8(broken: Broken) -> None:
    """Bytes that happen to be UTF-8 read back as text."""

    def decoded(file: SessionFile) -> SessionFile:
        if file.encoding == "text" or file.content is None:
            return file
        try:
            return replace(file, content=b64decode(file.content).decode(), encoding="text")
        except UnicodeDecodeError:
            return file

    _as_read(broken, decoded, "read_file")


@mutant("content.kept.write_bytes")
def strips_trailing_zeros(broken: Broken) -> None:
    """Zero bytes at the end of a binary file are taken for padding."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        if encoding == "base64":
            content = _without_zeros(content)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


def _without_zeros(content: str) -> str:
    try:
        return b64encode(b64decode(content, validate=True).rstrip(b"\0")).decode()
    except ValueError:
        return content


@mutant("files.refused_content.missing_padding")
def mends_base64(broken: Broken) -> None:
    """Broken base64 is decoded as far as it goes, and kept."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        if encoding == "base64" and isinstance(content, str):
            clean = "".join(content.replace("-", "+").replace("_", "/").split()).rstrip("=")
            try:
                content = b64encode(b64decode(clean + "=" * (-len(clean) % 4))).decode()
            except ValueError:
                content = ""
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("files.refused_content.lone_surrogate")
def replaces_surrogates(broken: Broken) -> None:
    """A lone surrogate is stored as a question mark."""

    def changed(text: str) -> str:
        return text.encode(errors="replace").decode()

    _as_written(broken, changed)


@mutant("files.refused_content.unknown_encoding")
def takes_any_encoding(broken: Broken) -> None:
    """An unknown encoding is taken for text."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        chosen: Encoding = "base64" if encoding == "base64" else "text"
        return await broken.files.write_file(session_id, path, content, chosen, **options)


@mutant("files.write.id_survives")
def new_id_with_each_write(broken: Broken) -> None:
    """An overwrite deletes and inserts, so the file has another id and another created_at."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        if not any(options.values()) and isinstance(content, str):
            await broken.files.delete_file(session_id, path)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("files.write.updated_at_moves")
def stands_still(broken: Broken) -> None:
    """updated_at is the time of creation for ever."""
    _as_read(
        broken, lambda file: replace(file, updated_ns=file.created_ns), *_WRITES, "read_file", "stat_file"
    )


@mutant("files.ids.distinct")
def one_id_for_all(broken: Broken) -> None:
    """Every entry has the same serial and age, and so the same id."""
    _as_read(
        broken,
        lambda file: replace(file, serial=7, created_ns=1),
        "read_file",
        "stat_file",
        "list_directory",
        "create_directory",
        *_WRITES,
    )


@mutant("files.times.now")
def counts_in_milliseconds(broken: Broken) -> None:
    """Times are kept in milliseconds and read as nanoseconds."""
    _as_read(
        broken,
        lambda file: replace(file, created_ns=file.created_ns // 10**6, updated_ns=file.updated_ns // 10**6),
        "read_file",
        "stat_file",
        *_WRITES,
    )


@mutant("files.write.record")
def keeps_the_spelling(broken: Broken) -> None:
    """A record's path has no leading slash."""
    _as_read(broken, lambda file: replace(file, path=file.path.lstrip("/")), *_WRITES, "read_file")


@mutant("files.encoding.changes")
def keeps_the_first_encoding(broken: Broken) -> None:
    """A file keeps the encoding of its first write."""

    @broken.verb
    async def read_file(session_id: Any, path: str) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is not None and found.content is not None:
            first = encodings.setdefault((session_id, found.path, found.serial), found.encoding)
            return replace(found, encoding=first)
        return found

    encodings: dict[Any, Any] = {}


@mutant("content.edges.seed")
def seeds_64_kib(broken: Broken) -> None:
    """A seed of more than 64 KiB is cut there."""

    @broken.verb
    async def seed_initial_file(session_id: Any, file: Any) -> Any:
        if isinstance(file, InitialFile) and file.encoding == "text" and isinstance(file.content, str):
            file = replace(file, content=file.content[: 1 << 16])
        return await broken.files.seed_initial_file(session_id, file)
