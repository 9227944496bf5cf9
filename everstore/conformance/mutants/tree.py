"""Mistakes with the tree: what may stand where, and what a listing of it shows."""

from __future__ import annotations

from typing import Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import (
    EverstoreError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
)
from everstore.paths import parents_of

__all__: list[str] = []


@mutant("files.strict_looks")
def strictly_lists_no_empty_directory(broken: Broken) -> None:
    """A strict listing takes an empty directory for a missing one."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/", *, strict: bool = False) -> Any:
        found = await broken.files.list_directory(session_id, path, strict=strict)
        if strict and not found:
            raise PathNotFoundError.at("/" + path.strip("/"))
        return found


@mutant("tree.refuses_strictly.list")
def lists_files_strictly(broken: Broken) -> None:
    """A strict listing of a file is empty."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/", *, strict: bool = False) -> Any:
        try:
            return await broken.files.list_directory(session_id, path, strict=strict)
        except PathNotDirectoryError:
            return []


@mutant("tree.refuses_strictly.read")
def reads_directories_strictly(broken: Broken) -> None:
    """A strict read answers with a directory, as any other."""

    @broken.verb
    async def read_file(session_id: Any, path: str, *, strict: bool = False) -> Any:
        try:
            return await broken.files.read_file(session_id, path, strict=strict)
        except PathIsDirectoryError:
            return await broken.files.read_file(session_id, path)


@mutant("tree.refuses.write")
def writes_below_files(broken: Broken) -> None:
    """A file in the way is replaced by a directory."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        try:
            return await broken.files.write_file(session_id, path, content, encoding, **options)
        except ParentNotDirectoryError:
            for parent in parents_of("/" + path.strip("/")):
                found = await broken.files.stat_file(session_id, parent)
                if found is not None and not found.is_directory:
                    await broken.files.delete_file(session_id, parent)
            return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("tree.refuses.write")
def writes_over_empty_directories(broken: Broken) -> None:
    """An empty directory is replaced by the file."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        try:
            return await broken.files.write_file(session_id, path, content, encoding, **options)
        except PathIsDirectoryError:
            if not await broken.files.delete_file(session_id, path):
                raise
            return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("tree.refuses.directory")
def creates_directories_over_files(broken: Broken) -> None:
    """create_directory answers with the file that is in the way."""

    @broken.verb
    async def create_directory(session_id: Any, path: str) -> Any:
        try:
            return await broken.files.create_directory(session_id, path)
        except PathExistsError:
            found = await broken.files.read_file(session_id, path)
            return found.info() if found else None


@mutant("tree.directory.idempotent")
def creates_directories_once(broken: Broken) -> None:
    """A directory that exists cannot be created again."""

    @broken.verb
    async def create_directory(session_id: Any, path: str) -> Any:
        if path not in {"/", ""} and await broken.files.stat_file(session_id, path) is not None:
            raise PathExistsError.at(path)
        return await broken.files.create_directory(session_id, path)


@mutant("tree.list.direct_children")
def lists_everything_below(broken: Broken) -> None:
    """A listing has every entry below the directory."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/") -> Any:
        listing = await broken.files.list_directory(session_id, path)
        for info in list(listing):
            if info.is_directory:
                listing += await broken.files.list_directory(session_id, info.path)
        return sorted(listing, key=lambda info: info.path)


@mutant("files.write.creates_parents")
def lists_only_files(broken: Broken) -> None:
    """Directories exist only as prefixes of paths, and are not listed."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/") -> Any:
        return [info for info in await broken.files.list_directory(session_id, path) if not info.is_directory]


@mutant("tree.list.sorted")
def lists_by_locale(broken: Broken) -> None:
    """A listing is sorted without regard to case."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/") -> Any:
        return sorted(
            await broken.files.list_directory(session_id, path), key=lambda info: info.path.casefold()
        )


@mutant("tree.all_of_many")
def lists_one_page(broken: Broken) -> None:
    """A listing ends after a thousand entries, as one page of an object store does."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/") -> Any:
        return (await broken.files.list_directory(session_id, path))[:1000]


@mutant("tree.list.missing")
def refuses_to_list_nothing(broken: Broken) -> None:
    """Listing a missing directory is an error."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/") -> Any:
        if await broken.files.stat_file(session_id, path) is None:
            raise PathNotFoundError.at(path, "no such directory")
        return await broken.files.list_directory(session_id, path)


@mutant("tree.list.file")
def lists_files(broken: Broken) -> None:
    """Listing a file answers with the file, as ls does."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/") -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is not None and found.content is not None:
            return [found.info()]
        return await broken.files.list_directory(session_id, path)


@mutant("tree.stat.root")
def has_no_root_at_first(broken: Broken) -> None:
    """The root of an unused session does not exist."""

    @broken.verb
    async def stat_file(session_id: Any, path: str) -> Any:
        if path in {"/", ""} and not await broken.files.list_directory(session_id):
            return None
        return await broken.files.stat_file(session_id, path)


@mutant("tree.refuses.write_if_revision")
def makes_parents_first(broken: Broken) -> None:
    """Parents are made in a step of their own, before anything is checked."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        if isinstance(path, str):
            for parent in parents_of("/" + path.strip("/")):
                try:
                    await broken.files.create_directory(session_id, parent)
                except EverstoreError:
                    break
        return await broken.files.write_file(session_id, path, content, encoding, **options)
