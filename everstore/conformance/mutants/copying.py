"""Mistakes with copying and moving."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []


@mutant("transfers.move.source_is_gone")
def moves_by_copying(broken: Broken) -> None:
    """A move leaves the source where it was."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        return await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)


@mutant("transfers.move.keeps_id")
def moves_to_a_new_id(broken: Broken) -> None:
    """A move copies and deletes, so what is moved has another id."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        answer = await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        await broken.files.delete_file(session_id, source, recursive=True)
        return answer


@mutant("transfers.move.keeps_id")
def moves_directories_below_as_they_are(broken: Broken) -> None:
    """A directory in a tree that is moved keeps its revision, as only files are written."""
    kept: dict[Any, int] = {}

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        versions = {each.serial: each.version for each in await broken.entries(session_id)}
        answer = await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
        for each in await broken.entries(session_id):
            if each.is_directory and each.path.startswith(f"{answer.path}/"):
                kept[session_id, each.path] = versions[each.serial]
        return answer

    @broken.verb
    async def read_file(session_id: Any, path: str) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is None or (session_id, found.path) not in kept:
            return found
        return replace(found, version=kept[session_id, found.path])


@mutant("transfers.tree.move")
def moves_files_only(broken: Broken) -> None:
    """An empty directory is left behind by a move, as object stores do."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        answer = await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
        for info in reversed(await broken.entries(session_id)):
            if info.is_directory and info.path.startswith("/" + destination.strip("/") + "/"):
                await broken.files.delete_file(session_id, info.path)
        return answer


@mutant("transfers.copy.own_id")
def copies_the_id(broken: Broken) -> None:
    """A copied file has the id of its source."""
    ids: dict[Any, Any] = {}

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        before = await broken.entries(session_id)
        answer = await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        top = "/" + source.strip("/")
        for info in before:
            if info.path == top or info.path.startswith(top + "/"):
                ids[session_id, answer.path + info.path[len(top) :]] = (info.serial, info.created_ns)
        return answer

    @broken.verb
    async def read_file(session_id: Any, path: str) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is None or (session_id, found.path) not in ids:
            return found
        serial, created_ns = ids[session_id, found.path]
        return replace(found, serial=serial, created_ns=created_ns)


@mutant("transfers.refuses_to_replace.copy")
def always_overwrites(broken: Broken) -> None:
    """copy_file and move_file replace whatever file is there."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        del overwrite
        return await broken.files.copy_file(session_id, source, destination, overwrite=True)

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        del overwrite
        return await broken.files.move_file(session_id, source, destination, overwrite=True)


@mutant("transfers.directory_stays.copy")
def replaces_empty_directories(broken: Broken) -> None:
    """A copy takes the place of an empty directory."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        if overwrite and await broken.files.stat_file(session_id, source) is not None:
            found = await broken.files.stat_file(session_id, destination)
            if found is not None and found.is_directory:
                await broken.files.delete_file(session_id, destination)
        return await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)


@mutant("transfers.into_itself.move")
def moves_into_itself(broken: Broken) -> None:
    """Moving something onto itself does nothing, and is no error."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        if source.strip("/") == destination.strip("/"):
            found = await broken.files.read_file(session_id, source)
            return found.info() if found else None
        return await broken.files.move_file(session_id, source, destination, overwrite=overwrite)


def _respelled(broken: Broken, verb: str, respell: Callable[[str, str, str], str]) -> None:
    """Put the files of a tree where ``respell`` says; it is told a path of the source, and both tops."""

    def wrap(call: Call) -> Call:
        async def transferred(session_id: Any, source: str, destination: str, **options: Any) -> Any:
            answer = await call(session_id, source, destination, **options)
            top, new_top = "/" + source.strip("/"), answer.path
            for info in await broken.entries(session_id):
                if info.path.startswith(f"{new_top}/") and not info.is_directory:
                    place = respell(top + info.path[len(new_top) :], top, new_top)
                    if place != info.path:
                        await broken.files.move_file(session_id, info.path, place)
            return answer

        return transferred

    broken.around(wrap, ["file_system"], [verb])


@mutant("transfers.names_again.move")
def moves_by_replacing_text(broken: Broken) -> None:
    """The source's path is replaced wherever it is in the paths below, as SQL's replace() does."""
    _respelled(broken, "move_file", str.replace)


@mutant("transfers.names_again.copy")
def copies_by_replacing_text(broken: Broken) -> None:
    """A copied tree's paths are made by replacing the source's path wherever it is in them."""
    _respelled(broken, "copy_file", str.replace)


@mutant("transfers.names_again.move")
def cuts_paths_by_bytes(broken: Broken) -> None:
    """The source's path is cut off by its length in bytes, where characters are counted."""
    _respelled(
        broken,
        "move_file",
        lambda path, top, new_top: f"{new_top}/{path[len(top.encode()) :].lstrip('/') or 'unnamed'}",
    )


@mutant("transfers.names_again.move")
def moves_by_regex(broken: Broken) -> None:
    """The source's path is a regular expression where it is replaced."""

    def respell(path: str, top: str, new_top: str) -> str:
        try:
            return re.sub(f"^{top}", lambda _: new_top, path)
        except re.error:
            return path

    _respelled(broken, "move_file", respell)


def _through_a_buffer(broken: Broken, verb: str) -> None:
    """What the verb takes along is what fits into a buffer of 64 KiB."""

    def wrap(call: Call) -> Call:
        async def transferred(session_id: Any, source: str, destination: str, **options: Any) -> Any:
            answer = await call(session_id, source, destination, **options)
            found = await broken.files.read_file(session_id, destination)
            if found is None or not found.content or len(found.content) <= 1 << 16:
                return answer
            cut = found.content[: 1 << 16]
            return (await broken.files.write_file(session_id, destination, cut, found.encoding)).info()

        return transferred

    broken.around(wrap, ["file_system"], [verb])


@mutant("content.edges.copy")
def copies_one_buffer(broken: Broken) -> None:
    """A copy goes through a buffer of 64 KiB, once."""
    _through_a_buffer(broken, "copy_file")


@mutant("content.edges.move")
def moves_one_buffer(broken: Broken) -> None:
    """A move between two volumes goes through a buffer of 64 KiB, once."""
    _through_a_buffer(broken, "move_file")


@mutant("tree.readonly.copy_is_writable")
def copies_the_flags_within(broken: Broken) -> None:
    """What is read-only deep in a tree that is copied is so in the copy."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        info = await broken.files.copy_file(session_id, source, destination, **options)
        for each in await broken.files.list_tree(session_id, source):
            below = each.path.removeprefix("/" + source.strip("/"))
            if each.is_readonly and below.count("/") > 1:
                file = InitialFile("/" + destination.strip("/") + below, "x", is_readonly=True)
                await broken.files.seed_initial_file(session_id, file)
        return info
