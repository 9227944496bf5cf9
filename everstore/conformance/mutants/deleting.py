"""Mistakes with deleting and with read-only files."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import ParentNotDirectoryError, PathNotFoundError, ReadOnlyFileError
from everstore.models import InitialFile
from everstore.paths import parents_of

__all__: list[str] = []


@mutant("tree.delete.sibling.longer")
def takes_siblings_by_prefix(broken: Broken) -> None:
    """A recursive delete takes every path that begins with the directory's."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        answer = await broken.files.delete_file(session_id, path, recursive)
        if answer and recursive:
            for info in await broken.entries(session_id):
                if info.path.startswith("/" + path.strip("/")):
                    await broken.files.delete_file(session_id, info.path, recursive=True)
        return answer


@mutant("tree.delete.like_in_name")
def deletes_by_like(broken: Broken) -> None:
    """A recursive delete is a LIKE whose pattern is the unescaped path."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        answer = await broken.files.delete_file(session_id, path, recursive)
        if answer and recursive:
            like = ("/" + path.strip("/")).replace("[", "[[]").replace("%", "*").replace("_", "?")
            for info in await broken.entries(session_id):
                if fnmatchcase(info.path, like):
                    await broken.files.delete_file(session_id, info.path, recursive=True)
        return answer


@mutant("tree.delete.nothing.wildcard")
def deletes_by_glob(broken: Broken) -> None:
    """delete_file takes a glob."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        if await broken.files.delete_file(session_id, path, recursive):
            return True
        pattern = "/" + path.strip("/")
        matching = [info for info in await broken.entries(session_id) if fnmatchcase(info.path, pattern)]
        return any(
            [await broken.files.delete_file(session_id, info.path) for info in matching if "*" in path]
        )


@mutant("tree.delete.nothing.prefix_of_a_name")
def deletes_by_prefix(broken: Broken) -> None:
    """Deleting what is missing deletes what begins with its name."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        if await broken.files.stat_file(session_id, path) is not None:
            return await broken.files.delete_file(session_id, path, recursive)
        prefix = "/" + path.strip("/")
        found = [info for info in await broken.entries(session_id) if info.path.startswith(prefix)]
        return any([await broken.files.delete_file(session_id, info.path) for info in found])


@mutant("tree.delete.nothing.missing")
def always_says_deleted(broken: Broken) -> None:
    """delete_file answers True whatever there was."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        await broken.files.delete_file(session_id, path, recursive)
        return True


@mutant("tree.delete.full_directory")
def always_recursive(broken: Broken) -> None:
    """A directory is deleted with all it has, recursive or not."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        del recursive
        return await broken.files.delete_file(session_id, path, recursive=True)


@mutant("tree.delete.root")
def deletes_the_root(broken: Broken) -> None:
    """A recursive delete of the root empties it."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        if recursive and path in {"", "/", "/workspace", "."}:
            infos = await broken.files.list_directory(session_id)
            return any(
                [await broken.files.delete_file(session_id, info.path, recursive=True) for info in infos]
            )
        return await broken.files.delete_file(session_id, path, recursive)


@mutant("tree.delete.leaves_parents")
def prunes_empty_parents(broken: Broken) -> None:
    """A directory goes with its last file, as in an object store."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        answer = await broken.files.delete_file(session_id, path, recursive)
        for parent in reversed(parents_of("/" + path.strip("/"))) if answer else ():
            await broken.files.delete_file(session_id, parent)
        return answer


async def _forced(broken: Broken, session_id: Any, path: str) -> None:
    """Delete a tree, read-only files too."""
    inside = "/" + path.strip("/")
    for info in await broken.entries(session_id):
        if info.is_readonly and (info.path == inside or info.path.startswith(inside + "/")):
            await broken.files.seed_initial_file(session_id, InitialFile(info.path, ""))
    await broken.files.delete_file(session_id, path, recursive=True)


@mutant("tree.delete.tree_with_read_only.deep")
def takes_read_only_along(broken: Broken) -> None:
    """A recursive delete takes read-only files with it, as the ancestor's did."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        found = await broken.files.stat_file(session_id, path)
        if recursive and found is not None and found.is_directory and path not in {"/", ""}:
            await _forced(broken, session_id, path)
            return True
        return await broken.files.delete_file(session_id, path, recursive)


@mutant("tree.delete.read_only")
def deletes_read_only(broken: Broken) -> None:
    """A read-only file can be deleted by name."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        found = await broken.files.stat_file(session_id, path)
        if found is not None and found.is_readonly:
            await _forced(broken, session_id, path)
            return True
        return await broken.files.delete_file(session_id, path, recursive)


@mutant("tree.delete.strict")
def strictly_deletes_files_only(broken: Broken) -> None:
    """A strict delete takes a directory that is not empty for one that cannot be deleted."""

    @broken.verb
    async def delete_file(
        session_id: Any,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the ancestor's signature
        *,
        strict: bool = False,
    ) -> bool:
        return await broken.files.delete_file(session_id, path, recursive and not strict, strict=strict)


@mutant("tree.refuses_strictly.delete")
def never_deletes_strictly(broken: Broken) -> None:
    """A strict delete answers False, as any other."""

    @broken.verb
    async def delete_file(
        session_id: Any,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the ancestor's signature
        *,
        strict: bool = False,
    ) -> bool:
        del strict
        return await broken.files.delete_file(session_id, path, recursive)


@mutant("tree.refuses_strictly.delete_tree")
def blames_the_tree(broken: Broken) -> None:
    """A strict delete of a tree tells the tree for the read-only file in it."""

    @broken.verb
    async def delete_file(
        session_id: Any,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the ancestor's signature
        *,
        strict: bool = False,
    ) -> bool:
        try:
            return await broken.files.delete_file(session_id, path, recursive, strict=strict)
        except ReadOnlyFileError:
            raise ReadOnlyFileError.at("/" + path.strip("/")) from None


@mutant("tree.refuses_strictly.delete_recursive")
def finds_nothing_below_files(broken: Broken) -> None:
    """A strict delete, if recursive, takes what leads through a file for what is missing."""

    @broken.verb
    async def delete_file(
        session_id: Any,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the ancestor's signature
        *,
        strict: bool = False,
    ) -> bool:
        try:
            return await broken.files.delete_file(session_id, path, recursive, strict=strict)
        except ParentNotDirectoryError:
            if not recursive:
                raise
            raise PathNotFoundError.at("/" + path.strip("/")) from None


@mutant("tree.refuses.append")
def appends_to_read_only(broken: Broken) -> None:
    """append_file forgets to look whether a file is read-only."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        try:
            return await broken.files.append_file(session_id, path, content, encoding)
        except ReadOnlyFileError:
            found = await broken.files.read_file(session_id, path)
            text = (found.content or "") if found else ""
            seed = InitialFile(path, text + content, encoding, is_readonly=True)
            return await broken.files.seed_initial_file(session_id, seed)


@mutant("tree.refuses.write")
def writes_read_only(broken: Broken) -> None:
    """write_file takes the flag off."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        try:
            return await broken.files.write_file(session_id, path, content, encoding, **options)
        except ReadOnlyFileError:
            return await broken.files.seed_initial_file(session_id, InitialFile(path, content, encoding))


@mutant("tree.readonly.seed")
def forgets_read_only(broken: Broken) -> None:
    """A seed's flag is not kept."""

    @broken.verb
    async def seed_initial_file(session_id: Any, file: InitialFile) -> Any:
        return await broken.files.seed_initial_file(session_id, replace(file, is_readonly=False))


@mutant("tree.readonly.seed_replaces")
def counts_new_read_only_files(broken: Broken) -> None:
    """A tree keeps count of the read-only files that were made in it, not of those that became so."""
    became: set[Any] = set()

    @broken.verb
    async def seed_initial_file(session_id: Any, file: InitialFile) -> Any:
        before = await broken.files.stat_file(session_id, file.path)
        seeded = await broken.files.seed_initial_file(session_id, file)
        if before is not None and not before.is_readonly and seeded.is_readonly:
            became.add((session_id, seeded.path))
        return seeded

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        for info in await broken.entries(session_id) if recursive else []:
            if (session_id, info.path) in became and info.path.startswith(f"/{path.strip('/')}/"):
                await broken.files.seed_initial_file(session_id, InitialFile(info.path, ""))
        return await broken.files.delete_file(session_id, path, recursive)


@mutant("tree.readonly.copy_is_writable")
def copies_the_flag(broken: Broken) -> None:
    """A copy of a read-only file is read-only."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        answer = await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        found = await broken.files.read_file(session_id, source)
        if found is not None and found.is_readonly and found.content is not None:
            seed = InitialFile(destination, found.content, found.encoding, is_readonly=True)
            return (await broken.files.seed_initial_file(session_id, seed)).info()
        return answer


@mutant("tree.readonly.unconditional_writes_elsewhere")
def protects_neighbours(broken: Broken) -> None:
    """A tree cannot be moved where a path that begins with its own is read-only."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        begins = "/" + source.strip("/")
        if await broken.files.stat_file(session_id, source) is not None:
            for info in await broken.entries(session_id):
                if info.is_readonly and info.path.startswith(begins):
                    raise ReadOnlyFileError.at(info.path)
        return await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
