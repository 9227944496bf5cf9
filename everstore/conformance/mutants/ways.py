"""Mistakes with what data goes through, made by one way in, and seldom by the plain write."""

from __future__ import annotations

import unicodedata
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EditError
from everstore.models import GrepMatch, InitialFile

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _no_bom(text: str) -> str:
    return text.removeprefix("\ufeff")


def _cut(size: int) -> Callable[[str], str]:
    return lambda text: text.encode()[:size].decode(errors="ignore")


def _bmp(text: str) -> str:
    return "".join(character if character < "\U00010000" else "?" for character in text)


def _in(broken: Broken, verb: str, at: int, change: Callable[[str], str], *, only: str = "text") -> None:
    """Change a text on its way into a verb: its argument ``at``, where the file is of this encoding."""

    def wrap(call: Any) -> Any:
        async def changed(*args: Any, **options: Any) -> Any:
            given = list(args)
            encoding = (
                args[at + 1]
                if verb.endswith(("write_file", "append_file")) and len(args) > at + 1
                else "text"
            )
            if at < len(args) and isinstance(args[at], str) and encoding == only:
                given[at] = change(args[at])
            return await call(*given, **options)

        return changed

    broken.around(wrap, names=(verb,))


def _after(broken: Broken, verb: str, change: Callable[[str], str]) -> None:
    """What this verb leaves at the path that it was given last is rewritten."""

    def wrap(call: Any) -> Any:
        async def rewriting(session_id: Any, *args: Any, **options: Any) -> Any:
            answer = await call(session_id, *args, **options)
            found = await broken.files.read_file(session_id, answer.path)
            if found is None or found.encoding != "text" or found.content is None or found.is_readonly:
                return answer
            content = change(found.content)
            if content != found.content:
                written = await broken.files.write_file(session_id, found.path, content)
                return written if hasattr(answer, "content") else written.info()
            return answer

        return rewriting

    broken.around(wrap, names=(verb,))


def _seeding(broken: Broken, change: Callable[[InitialFile], InitialFile]) -> None:
    @broken.verb
    async def seed_initial_file(session_id: Any, file: Any) -> Any:
        if isinstance(file, InitialFile) and isinstance(file.content, str):
            file = change(file)
        return await broken.files.seed_initial_file(session_id, file)


@mutant("content.kept.append")
def appends_with_line_ends_of_its_own(broken: Broken) -> None:
    """An append translates CR LF."""
    _in(broken, "append_file", 2, _lf)


@mutant("content.kept.append_rest")
def joins_composed(broken: Broken) -> None:
    """An append normalises what the file has then."""
    _after(broken, "append_file", _nfc)


@mutant("content.kept.append_rest_bytes")
def appends_bytes_without_zeros(broken: Broken) -> None:
    """Zero bytes at the end of what is appended are padding."""

    def changed(content: str) -> str:
        try:
            return b64encode(b64decode(content, validate=True).rstrip(b"\0")).decode()
        except ValueError:
            return content

    _in(broken, "append_file", 2, changed, only="base64")


@mutant("content.kept.seed")
def seeds_without_bom(broken: Broken) -> None:
    """A seed is read with a codec that drops the byte order mark."""
    _seeding(broken, lambda file: replace(file, content=_no_bom(file.content)))


@mutant("content.kept.seed_bytes")
def seeds_text_where_it_can(broken: Broken) -> None:
    """Bytes that are seeded and happen to be UTF-8 are kept as text."""

    def decoded(file: InitialFile) -> InitialFile:
        try:
            text = b64decode(file.content, validate=True).decode()
        except ValueError:
            return file
        return replace(file, content=text, encoding="text") if file.encoding == "base64" else file

    _seeding(broken, decoded)


@mutant("content.kept.match")
def matches_composed(broken: Broken) -> None:
    """What a file becomes where its content matched is normalised."""
    _in(broken, "write_file_if_content_matches", 4, _nfc)


@mutant("content.kept.match_expected")
def expects_stripped(broken: Broken) -> None:
    """What is expected of a content is stripped before it is compared."""
    _in(broken, "write_file_if_content_matches", 2, str.strip)


@mutant("content.kept.edit_into")
def edits_the_basic_plane(broken: Broken) -> None:
    """What an edit puts in is kept in 16 bits a character."""
    _in(broken, "edit_file", 3, _bmp)


@mutant("content.kept.edit_beside")
def edits_stripped(broken: Broken) -> None:
    """An edit strips the blanks at the ends of the file."""
    _after(broken, "edit_file", str.strip)


@mutant("content.kept.edit_away")
def looks_for_composed(broken: Broken) -> None:
    """What an edit is to replace is normalised before it is looked for."""
    _in(broken, "edit_file", 2, _nfc)


@mutant("content.kept.copy_tree")
def copies_trees_in_text_mode(broken: Broken) -> None:
    """A copied tree's files are opened in text mode."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        answer = await broken.files.copy_file(session_id, source, destination, **options)
        for info in await broken.files.glob_files(session_id, "**") if answer.is_directory else ():
            found = await broken.files.read_file(session_id, info.path)
            if found is None or not found.path.startswith(f"{answer.path}/"):
                continue
            if found.encoding == "text" and "\r\n" in (found.content or ""):
                await broken.files.write_file(session_id, found.path, _lf(found.content or ""))
        return answer


@mutant("content.kept.move_onto")
def moves_without_bom(broken: Broken) -> None:
    """A file that is moved loses its byte order mark."""
    _after(broken, "move_file", _no_bom)


@mutant("content.edges.copy_onto")
def copies_onto_64_kib(broken: Broken) -> None:
    """A copy that replaces a file takes 64 KiB of it."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        answer = await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        found = await broken.files.read_file(session_id, answer.path)
        if overwrite and found is not None and found.encoding == "text" and found.size_bytes > 1 << 16:
            content = _cut(1 << 16)(found.content or "")
            return (await broken.files.write_file(session_id, answer.path, content)).info()
        return answer


@mutant("content.edges.edit_into")
def edits_in_chunks(broken: Broken) -> None:
    """An edit is written in chunks of 8 KiB, and a character across their edge is replaced."""

    def chunked(text: str) -> str:
        data = text.encode()
        chunks = [data[start : start + 8192] for start in range(0, len(data), 8192)]
        return "".join(chunk.decode(errors="replace") for chunk in chunks)

    _after(broken, "edit_file", chunked)


@mutant("content.edges.append_rest")
def appends_to_whole_pages(broken: Broken) -> None:
    """A file that fills its pages of 4 KiB exactly loses its last byte to an append."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        answer = await broken.files.append_file(session_id, path, content, encoding)
        if encoding == "text" and answer.size_bytes % 4096 == 0 and content:
            found = await broken.files.read_file(session_id, path)
            if found is not None and found.content:
                return (await broken.files.write_file(session_id, path, found.content[:-1])).info()
        return answer


@mutant("content.edges.append_rest")
def appends_across_crlf(broken: Broken) -> None:
    """What is appended behind a CR at the end of a page begins a new line."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.stat_file(session_id, path)
        if encoding == "text" and found is not None and found.size_bytes % 4096 == 0 and found.size_bytes:
            content = content.removeprefix("\n")
        return await broken.files.append_file(session_id, path, content, encoding)


@mutant("content.edges.set_onto")
def sets_a_mebibyte(broken: Broken) -> None:
    """A value is cut at a mebibyte when it takes the place of another."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        if isinstance(value, str) and await broken.storage.get_value(session_id, key) is not None:
            value = _cut(1 << 20)(value)
        return await broken.storage.set_value(session_id, key, value, **options)


@mutant("content.edges.set_secret")
def seals_64_kib(broken: Broken) -> None:
    """A secret is cut at 64 KiB."""
    _in(broken, "set_secret", 2, _cut(1 << 16))


@mutant("content.kept.set_if_revision")
def sets_composed_under_a_condition(broken: Broken) -> None:
    """A value that is set under a condition is normalised."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        if options.get("if_revision") and isinstance(value, str):
            value = _nfc(value)
        return await broken.storage.set_value(session_id, key, value, **options)


@mutant("content.kept.set_secret_onto")
def strips_secrets(broken: Broken) -> None:
    """A secret loses the line end at its end, as one that was read from a file does."""
    _in(broken, "set_secret", 2, lambda text: text.removesuffix("\n"))


@mutant("content.kept.retitle")
def retitles_in_the_basic_plane(broken: Broken) -> None:
    """A new title keeps 16 bits a character."""
    _in(broken, "update_session_title", 1, _bmp)


@mutant("content.kept.title")
def titles_composed(broken: Broken) -> None:
    """The title of a record is normalised."""

    @broken.verb
    async def add_session(session: Any) -> Any:
        if isinstance(getattr(session, "title", None), str):
            session = replace(session, title=_nfc(session.title))
        return await broken.sessions.add_session(session)


@mutant("content.kept.path_in_moved")
def moves_names_composed(broken: Broken) -> None:
    """What is in a tree gets composed names when it is moved."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        answer = await broken.files.move_file(session_id, source, destination, **options)
        for info in await broken.files.list_directory(session_id, answer.path):
            if not info.is_directory and _nfc(info.path) != info.path:
                await broken.files.move_file(session_id, info.path, _nfc(info.path))
        return answer


@mutant("content.kept.path_of_directory")
def makes_directories_without_dots(broken: Broken) -> None:
    """A directory's name loses the blanks and dots at its end."""

    @broken.verb
    async def create_directory(session_id: Any, path: str) -> Any:
        return await broken.files.create_directory(session_id, path.rstrip(" .") or "/")


@mutant("content.kept.name_of_secret")
def names_secrets_in_nfkc(broken: Broken) -> None:
    """Names of secrets are normalised."""

    def wrap(call: Any) -> Any:
        async def normal(session_id: Any, name: str, *args: Any, **options: Any) -> Any:
            return await call(session_id, unicodedata.normalize("NFKC", name), *args, **options)

        return normal

    broken.around(wrap, names=("set_secret", "get_secret", "delete_secret"))


@mutant("content.kept.key_of_counter")
def counts_under_stripped_keys(broken: Broken) -> None:
    """A counter's key is stripped."""
    _in(broken, "increment_value", 1, str.strip)


def _matching(broken: Broken, loosely: Callable[[str], Any]) -> None:
    """write_file_if_content_matches compares what this makes of both texts."""

    @broken.verb
    async def write_file_if_content_matches(
        session_id: Any, path: str, expected: str, expected_encoding: Any, content: str, encoding: Any
    ) -> Any:
        found = await broken.files.read_file(session_id, path)
        text = found.content if found is not None and found.encoding == expected_encoding == "text" else None
        if text and loosely(text) == loosely(expected):
            expected = text
        return await broken.files.write_file_if_content_matches(
            session_id, path, expected, expected_encoding, content, encoding
        )


@mutant("content.alike.match")
def matches_content_without_case(broken: Broken) -> None:
    """write_file_if_content_matches compares without regard to case and blanks."""
    _matching(broken, lambda text: text.strip().casefold())


@mutant("content.alike.match")
def matches_any_line_end(broken: Broken) -> None:
    """write_file_if_content_matches takes LF for CR LF."""
    _matching(broken, _lf)


@mutant("content.alike.match")
def matches_by_64_ki(broken: Broken) -> None:
    """write_file_if_content_matches compares the first 64 Ki and the length."""
    _matching(broken, lambda text: (text[: 1 << 16], len(text)))


@mutant("content.alike.edit")
def edits_without_bom(broken: Broken) -> None:
    """An edit finds its text without the byte order mark that it begins with."""
    _in(broken, "edit_file", 2, _no_bom)


@mutant("content.edges.copy")
def copies_a_mebibyte_at_a_time(broken: Broken) -> None:
    """A copy decodes each mebibyte by itself, and drops what lies across."""
    _after(broken, "copy_file", lambda text: text.encode()[: 1 << 20].decode(errors="ignore") + _rest(text))


def _rest(text: str) -> str:
    return text.encode()[1 << 20 :].decode(errors="ignore")


@mutant("content.kept.set_for_a_while")
def keeps_brief_values_to_their_nul(broken: Broken) -> None:
    """What has a time to live is kept as a C string."""
    _kept_briefly(broken, "set_value", lambda text: text.partition("\0")[0])


@mutant("content.kept.set_secret_for_a_while")
def strips_brief_secrets(broken: Broken) -> None:
    """A secret with a time to live is stripped, as a token from a form."""
    _kept_briefly(broken, "set_secret", str.strip)


def _kept_briefly(broken: Broken, verb: str, change: Callable[[str], str]) -> None:
    def wrap(call: Any) -> Any:
        async def setting(session_id: Any, name: Any, value: Any, *, ttl: Any = None, **options: Any) -> Any:
            brief = ttl is not None and isinstance(value, str)
            return await call(session_id, name, change(value) if brief else value, ttl=ttl, **options)

        return setting

    broken.around(wrap, names=(verb,))


@mutant("content.used.append_rest")
def forgets_that_it_got_a_nul(broken: Broken) -> None:
    """Whether a text holds a NUL is kept beside it and not seen to by an append; an edit goes by it."""
    unmarked: set[Any] = set()

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        before = await broken.files.read_file(session_id, path)
        info = await broken.files.append_file(session_id, path, content, encoding)
        if before is not None and "\0" not in (before.content or "") and "\0" in content:
            unmarked.add((session_id, info.path))
        return info

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.stat_file(session_id, path)
        if found is not None and (session_id, found.path) in unmarked:
            raise EditError("a text without NUL", path=found.path, matches=0)
        return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)


@mutant("content.used.append_bytes")
def remembers_bytes_as_text(broken: Broken) -> None:
    """A search takes what an append made for text, whatever its encoding."""
    made: dict[Any, str] = {}

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        is_new = await broken.files.stat_file(session_id, path) is None
        file = await broken.files.append_file(session_id, path, content, encoding)
        if is_new and encoding == "base64":
            made[session_id] = file.path
        return file

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, *args, **options)
        file = await broken.files.read_file(session_id, made.get(session_id, "/"))
        if file is None or file.content is None or pattern not in file.content:
            return found
        return [*found, GrepMatch(file.path, 1, file.content)]
