"""Mistakes with paths, directories, deleting, read-only files, copying and moving."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import (
    EverstoreError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
)
from everstore.models import InitialFile
from everstore.paths import parents_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []


def _respelled(broken: Broken, change: Callable[[str], str]) -> None:
    """Change every path on its way in."""

    def wrap(call: Call) -> Call:
        async def respelled(session_id: Any, *args: Any, **kwargs: Any) -> Any:
            changed = [change(each) if isinstance(each, str) else each for each in args[:1]]
            return await call(session_id, *changed, *args[1:], **kwargs)

        return respelled

    def wrap_both(call: Call) -> Call:
        async def respelled(session_id: Any, source: str, destination: str, **kwargs: Any) -> Any:
            return await call(session_id, change(source), change(destination), **kwargs)

        return respelled

    def wrap_seed(call: Call) -> Call:
        async def respelled(session_id: Any, file: InitialFile) -> Any:
            return await call(session_id, replace(file, path=change(file.path)))

        return respelled

    names = ("read_file", "write_file", "stat_file", "list_directory", "delete_file", "create_directory")
    broken.around(wrap, ["file_system"], (*names, "edit_file", "append_file", "read_lines"))
    broken.around(wrap_both, ["file_system"], ("copy_file", "move_file"))
    broken.around(wrap_seed, ["file_system"], ("seed_initial_file",))


async def _everything(broken: Broken, session_id: Any) -> list[Any]:
    """Every entry of a session, parents before children."""
    found = []
    directories = ["/"]
    while directories:
        for info in await broken.files.list_directory(session_id, directories.pop()):
            found.append(info)
            if info.is_directory:
                directories.append(info.path)
    return found


@mutant("tree.delete.sibling.other_case")
def folds_case(broken: Broken) -> None:
    """Paths are compared without regard to case."""
    _respelled(broken, str.lower)


@mutant("hostile.name.backslash")
def splits_at_backslash(broken: Broken) -> None:
    """A backslash separates segments, as on Windows."""
    _respelled(broken, lambda path: path.replace("\\", "/"))


@mutant("hostile.name.trailing_dot")
def drops_trailing_dot(broken: Broken) -> None:
    """A dot at the end of a name is dropped, as on Windows."""
    _respelled(broken, lambda path: path.rstrip(".") if not path.endswith(("/.", "..")) else path)


@mutant("hostile.name.percent_encoded")
def decodes_percent(broken: Broken) -> None:
    """Paths are percent-decoded, as those of a URL are."""
    _respelled(broken, unquote)


@mutant("hostile.name.tilde")
def expands_home(broken: Broken) -> None:
    """A leading tilde is expanded."""
    _respelled(broken, lambda path: path.replace("~", "home"))


@mutant("hostile.refused_path.parent_inside")
def resolves_parents(broken: Broken) -> None:
    """'..' is resolved in place of being refused."""

    def resolved(path: str) -> str:
        segments: list[str] = []
        for segment in path.split("/"):
            if segment == "..":
                del segments[-1:]
            else:
                segments.append(segment)
        return "/".join(segments)

    _respelled(broken, resolved)


@mutant("hostile.refused_path.nul")
def cuts_paths_at_nul(broken: Broken) -> None:
    """A path ends at its first NUL, as a C string does."""
    _respelled(broken, lambda path: path.partition("\0")[0])


@mutant("hostile.refused_path.newline")
def drops_control_characters_in_paths(broken: Broken) -> None:
    """Control characters in a path are dropped."""
    _respelled(broken, lambda path: "".join(each for each in path if each >= " "))


@mutant("hostile.refused_path.lone_high_surrogate")
def replaces_surrogates_in_paths(broken: Broken) -> None:
    """A lone surrogate in a path becomes a question mark."""
    _respelled(broken, lambda path: path.encode(errors="replace").decode())


@mutant("hostile.refused_path.segment_too_long")
def cuts_long_segments(broken: Broken) -> None:
    """A segment that is too long is cut."""
    _respelled(broken, lambda path: "/".join(segment[:255] for segment in path.split("/")))


@mutant("hostile.refused_path.alias_twice")
def strips_every_alias(broken: Broken) -> None:
    """/workspace is stripped as often as it is there."""

    def stripped(path: str) -> str:
        path = path.lstrip("/")
        while path.startswith("workspace/"):
            path = path.removeprefix("workspace/").lstrip("/")
        return path

    _respelled(broken, stripped)


@mutant("hostile.beside_alias")
def strips_alias_by_prefix(broken: Broken) -> None:
    """/workspaces/x loses its first ten characters too."""
    _respelled(
        broken, lambda path: path.removeprefix("/workspace") if path.startswith("/workspaces") else path
    )


@mutant("tree.delete.sibling.longer")
def takes_siblings_by_prefix(broken: Broken) -> None:
    """A recursive delete takes every path that begins with the directory's."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        answer = await broken.files.delete_file(session_id, path, recursive)
        if answer and recursive:
            for info in await _everything(broken, session_id):
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
            for info in await _everything(broken, session_id):
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
        matching = [info for info in await _everything(broken, session_id) if fnmatchcase(info.path, pattern)]
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
        found = [info for info in await _everything(broken, session_id) if info.path.startswith(prefix)]
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
    for info in await _everything(broken, session_id):
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


@mutant("tree.readonly.refuses.append")
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


@mutant("tree.readonly.refuses.write")
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


@mutant("tree.below_file.write")
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


@mutant("tree.on_directory.write_on_empty")
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


@mutant("tree.directory.on_file")
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
            raise PathExistsError.at(path, "something is already there")
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


@mutant("tree.list.all_of_many")
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


@mutant("tree.refused_leaves_no_parents.conflict")
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


@mutant("transfers.tree.move")
def moves_files_only(broken: Broken) -> None:
    """An empty directory is left behind by a move, as object stores do."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        answer = await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
        for info in reversed(await _everything(broken, session_id)):
            if info.is_directory and info.path.startswith("/" + destination.strip("/") + "/"):
                await broken.files.delete_file(session_id, info.path)
        return answer


@mutant("transfers.copy.own_id")
def copies_the_id(broken: Broken) -> None:
    """A copied file has the id of its source."""
    ids: dict[Any, Any] = {}

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        before = await _everything(broken, session_id)
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
