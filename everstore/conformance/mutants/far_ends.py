"""Mistakes at the far end of names, trees and pages."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import InvalidPathError, RevisionConflictError

__all__: list[str] = []


def _cut_names(broken: Broken, most: int, *names: str) -> None:
    """Names are told apart by so many characters."""

    def wrap(call: Any) -> Any:
        async def cut(session_id: Any, name: Any, *args: Any, **options: Any) -> Any:
            return await call(session_id, name[:most] if isinstance(name, str) else name, *args, **options)

        return cut

    broken.around(wrap, names=names)


@mutant("confusable.far_end.key_of_1024")
def tells_secrets_apart_by_1023(broken: Broken) -> None:
    """Names of secrets are told apart by 1023 bytes."""
    _cut_names(broken, 1023, "set_secret", "get_secret", "delete_secret")


@mutant("confusable.far_end.key_of_767")
def deletes_by_766(broken: Broken) -> None:
    """A value is deleted by the first 766 bytes of its key, which an index holds."""
    _cut_names(broken, 766, "delete_value", "increment_value")


@mutant("confusable.far_end.path_of_4096")
def tells_paths_apart_by_4095(broken: Broken) -> None:
    """A file is deleted by the first 4095 bytes of its path."""
    _cut_names(broken, 4095, "delete_file", "append_file")


@mutant("confusable.far_end.path_of_1024")
def finds_paths_by_1023(broken: Broken) -> None:
    """A search tells paths apart by 1023 bytes."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, *args, **options)
        return [replace(match, path=match.path[:1023]) for match in found]


async def _alike(broken: Broken, session_id: Any, path: str, *, by: str) -> list[str]:
    """Files below what looks like the path to a pattern."""
    translated = path.replace("_", "?").replace("%", "*") if by == "like" else path
    globbed = await broken.files.glob_files(session_id, "**")
    return [info.path for info in globbed if fnmatchcase(info.path, f"{translated}/*")]


@mutant("confusable.twins.delete")
def looks_for_children_by_like(broken: Broken) -> None:
    """Whether a directory is empty is asked with LIKE."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> Any:  # noqa: FBT001, FBT002 - the interface's
        if not recursive and path != "/" and await _alike(broken, session_id, path, by="like"):
            found = await broken.files.stat_file(session_id, path)
            if found is not None and found.is_directory:
                return False
        return await broken.files.delete_file(session_id, path, recursive)


@mutant("confusable.twins.copy")
def copies_by_glob(broken: Broken) -> None:
    """What is in a tree that is copied is found by a glob."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        answer = await broken.files.copy_file(session_id, source, destination, **options)
        if answer.is_directory:
            for path in await _alike(broken, session_id, source, by="glob"):
                below = path.removeprefix(source).replace("/", "_")
                if not path.startswith((f"{source}/", f"{answer.path}/")):
                    await broken.files.write_file(session_id, f"{answer.path}/{below}", "x")
        return answer


@mutant("confusable.twins.copy_far")
def measures_by_like(broken: Broken) -> None:
    """The longest path below what is copied is looked for with LIKE."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        found = await broken.files.stat_file(session_id, source)
        for path in await _alike(broken, session_id, source, by="like") if found is not None else ():
            below = "/".join(path.split("/")[source.count("/") + 1 :])
            if len(f"{destination}/{below}".encode()) > 4096:
                raise InvalidPathError.at(destination, "too long below")
        return await broken.files.copy_file(session_id, source, destination, **options)


@mutant("confusable.twins.set_if_absent")
def looks_for_keys_without_case(broken: Broken) -> None:
    """Whether a key is absent is asked without regard to case."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        if options.get("if_absent"):
            for info in await broken.storage.list_keys(session_id):
                if info.key.casefold() == key.casefold():
                    raise RevisionConflictError.found(key, None, info.revision)
        return await broken.storage.set_value(session_id, key, value, **options)


def _bounded(broken: Broken, verb: str) -> None:
    """What lies more than 32 levels below what is taken is left out."""

    def wrap(call: Any) -> Any:
        async def taken(session_id: Any, source: str, destination: str, **options: Any) -> Any:
            answer = await call(session_id, source, destination, **options)
            if answer.is_directory:
                for info in await broken.files.glob_files(session_id, "**"):
                    below = info.path.removeprefix(f"{answer.path}/")
                    if below != info.path and below.count("/") > 32:
                        await broken.files.delete_file(session_id, info.path)
            return answer

        return taken

    broken.around(wrap, names=(verb,))


@mutant("transfers.levels.copy")
def copies_32_levels(broken: Broken) -> None:
    """A tree is copied down to its 32nd level."""
    _bounded(broken, "copy_file")


@mutant("transfers.levels.move")
def moves_32_levels(broken: Broken) -> None:
    """A tree is moved down to its 32nd level."""
    _bounded(broken, "move_file")


def _in_chunks(text: str, size: int) -> list[str]:
    data = text.encode()
    return [data[at : at + size].decode(errors="replace") for at in range(0, len(data), size)]


@mutant("search.edges.crlf")
def reads_lines_in_chunks(broken: Broken) -> None:
    """Lines are read in chunks of 32 KiB, and a CR at the end of one is part of its line."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: int | None = None) -> Any:
        answer = await broken.files.read_lines(session_id, path, start, limit)
        found = await broken.files.read_file(session_id, path)
        if answer is None or found is None or "\r\n" not in (found.content or ""):
            return answer
        marked, number = set(), 1
        for chunk in _in_chunks(found.content or "", 1 << 15):
            number += chunk.count("\n")
            if chunk.endswith("\r"):
                marked.add(number)
        lines = [
            replace(line, text=line.text + "\r") if line.number in marked else line for line in answer.lines
        ]
        return replace(answer, lines=type(answer.lines)(lines))


@mutant("search.edges.four_bytes")
def searches_in_chunks(broken: Broken) -> None:
    """A search decodes 64 KiB at a time, and what lies across is replaced."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, *args, **options)
        texts = {}
        for path in {match.path for match in found}:
            file = await broken.files.read_file(session_id, path)
            texts[path] = "".join(_in_chunks((file and file.content) or "", 1 << 16)).split("\n")
        return [
            replace(match, line=texts[match.path][match.line_number - 1].removesuffix("\r"))
            for match in found
        ]
