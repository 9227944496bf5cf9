"""What changes of files do: each looks, refuses in the order of §3.11.1, and then puts things in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from msgspec.structs import replace

from everstore.clock import later_than, now_ns
from everstore.content import other_encoding, replace_text, require_text, stored_size
from everstore.errors import (
    DirectoryNotEmptyError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore.models import BytesFile, EditedFile, FileInfo, SessionFile, root_of
from everstore.paths import parent_of, root_stays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.models import Encoding, InitialFile
    from everstore.rules.tree import E, Tree

__all__ = [
    "append",
    "append_bytes",
    "compare_and_write",
    "delete",
    "edit",
    "info_of",
    "make_directories",
    "make_directory",
    "missing_above",
    "require_room",
    "restore_times",
    "seed",
    "write",
    "write_bytes",
]


def write(
    tree: Tree[E],
    path: str,
    content: str | bytes,
    encoding: Encoding = "text",
    if_revision: str | None = None,
    if_absent: bool = False,  # noqa: FBT001, FBT002 - as in all rules, the fields of the change
) -> SessionFile:
    """``write_file``."""
    old = tree.get_to_replace(path)
    missing = _require_writable(tree, path, old)
    if if_absent or if_revision is not None:
        RevisionConflictError.require(path, if_revision, None if old is None else old.revision)
    return _store(tree, path, old, missing, content, encoding)


def write_bytes(
    tree: Tree[E],
    path: str,
    data: bytes,
    if_revision: str | None = None,
    if_absent: bool = False,  # noqa: FBT001, FBT002 - a change's fields
) -> FileInfo:
    """``write_bytes``."""
    return write(tree, path, data, "base64", if_revision, if_absent).info()


def compare_and_write(
    tree: Tree[E],
    path: str,
    expected_content: str,
    expected_encoding: Encoding,
    content: str,
    encoding: Encoding,
) -> SessionFile | None:
    """``write_file_if_content_matches``."""
    old = tree.get(path)
    if old is None or old.is_directory:
        return None
    found = tree.read(old)
    if found.encoding != expected_encoding or found.content != expected_content:
        return None
    if old.is_readonly:
        raise ReadOnlyFileError.at(path)
    return _store(tree, path, old, (), content, encoding)


def seed(tree: Tree[E], file: InitialFile) -> SessionFile:
    """``seed_initial_file``."""
    old = tree.get_to_replace(file.path)
    missing: Sequence[str] = ()
    if old is None:
        missing = missing_above(tree, file.path)
    elif old.is_directory:
        raise PathIsDirectoryError.at(file.path)
    return _store(tree, file.path, old, missing, file.content, file.encoding, is_readonly=file.is_readonly)


def edit(tree: Tree[E], path: str, old: str, new: str, replace_all: bool = False) -> EditedFile:  # noqa: FBT001, FBT002 - a change's fields
    """``edit_file``."""
    found = tree.get(path)
    if found is None or found.is_directory or found.is_readonly:
        _require_writable(tree, path, found)
        raise PathNotFoundError.at(path)
    edited, lines = replace_text(path, require_text(tree.read(found)), old, new, replace_all=replace_all)
    return EditedFile.of(_store(tree, path, found, (), edited, "text"), lines)


def append(tree: Tree[E], path: str, content: str | bytes, encoding: Encoding = "text") -> FileInfo:
    """``append_file``."""
    old = tree.get(path)
    missing = _require_writable(tree, path, old)
    if old is None:
        return _store(tree, path, old, missing, content, encoding).info()
    stored = tree.encoding(old)
    if stored != encoding:
        raise other_encoding(path, stored, encoding)
    ascii_text = encoding == "text" and content.isascii()
    more = len(content) if ascii_text else stored_size(content, encoding)  # nearly always without a call
    if tree.limits is not None:
        require_room(tree, path, 0, more, old.size_bytes + more)
    file = FileInfo(
        tree.next_version(), old.created_ns, later_than(old.updated_ns), tree.session_id, path, old.serial,
        old.size_bytes + more, is_readonly=False, is_directory=False,
    )  # fmt: skip
    tree.append(file, old, content, encoding)
    return file


def append_bytes(tree: Tree[E], path: str, data: bytes) -> FileInfo:
    """``append_bytes``."""
    return append(tree, path, data, "base64")


def make_directory(tree: Tree[E], path: str, exist_ok: bool = True) -> FileInfo:  # noqa: FBT001, FBT002 - a change's fields
    """``create_directory``."""
    found = root_of(tree.session_id) if path == "/" else tree.get(path)
    if found is None:
        missing = missing_above(tree, path)
        require_room(tree, path, 1 + len(missing), 0)
        make_directories(tree, missing)
        return _make_directory(tree, path).info()
    info = info_of(found)
    if not exist_ok or not info.is_directory:
        raise PathExistsError.at(path)
    return info


def delete(tree: Tree[E], path: str, recursive: bool = False, strict: bool = False) -> bool:  # noqa: FBT001, FBT002 - a change's fields
    """``delete_file``."""
    found = None if path == "/" else tree.get_to_replace(path)
    if found is None or found.is_readonly:
        return strict and _refuse_to_delete(tree, path, found)
    if found.is_directory:
        if tree.readonly_below(path) is not None if recursive else tree.has_below(path):
            return strict and _refuse_to_delete(tree, path, found, recursive=recursive)
        if recursive:
            tree.remove_below(path)
    tree.remove(found)
    return True


def restore_times(tree: Tree[E], path: str, created_ns: int, updated_ns: int) -> bool:
    """``restore_times``."""
    found = None if path == "/" else tree.get(path)
    if found is None:
        return False
    tree.restamp(replace(found, created_ns=created_ns, updated_ns=updated_ns), found)
    return True


def _refuse_to_delete(tree: Tree[E], path: str, found: E | None, *, recursive: bool = False) -> NoReturn:
    """Tell what ``delete`` found in its way."""
    if path == "/":
        raise root_stays()
    if found is None:
        missing_above(tree, path)
        raise PathNotFoundError.at(path)
    if not found.is_directory:
        raise ReadOnlyFileError.at(path)
    if not recursive:
        raise DirectoryNotEmptyError.at(path)
    raise ReadOnlyFileError.at(tree.readonly_below(path) or path)


def info_of(entry: SessionFile | FileInfo) -> FileInfo:
    """An entry as a listing shows it."""
    return entry.info() if isinstance(entry, SessionFile) else entry


def missing_above(tree: Tree[E], path: str) -> Sequence[str]:
    """The directories above a path that are not there, the lowest first.

    ``ParentNotDirectoryError`` when it leads through a file.
    """
    parent = path.rpartition("/")[0]
    if not parent or tree.has_directory(parent):
        return ()
    missing: list[str] = []
    while parent != "/" and not tree.has_directory(parent):
        if tree.get(parent) is not None:
            raise ParentNotDirectoryError.through(path, parent)
        missing.append(parent)
        parent = parent_of(parent)
    return missing


def make_directories(tree: Tree[E], missing: Sequence[str]) -> None:
    """Make the directories that ``missing_above`` found missing."""
    for path in reversed(missing):
        _make_directory(tree, path)


def _make_directory(tree: Tree[E], path: str) -> SessionFile:
    now, version = now_ns(), tree.next_version()
    serial = tree.new_serial(version)
    made = SessionFile(version, now, now, tree.session_id, path, serial, 0, is_readonly=False, content=None)
    tree.put(made, None)
    return made


def require_room(tree: Tree[E], path: str, more: int, more_bytes: int, file_bytes: int = 0) -> None:
    """Refuse what is over a limit: so many entries and bytes more, and a file of so many bytes."""
    limits = tree.limits
    if limits is not None:
        grows = more > 0 or more_bytes > 0
        entries, size = tree.usage() if grows and limits.bounds_files else (0, 0)
        limits.require(
            path,
            file_bytes=(0, file_bytes),
            session_entries=(entries, more),
            session_bytes=(size, more_bytes),
        )


def _require_writable(tree: Tree[E], path: str, old: E | None) -> Sequence[str]:
    """Refuse to write in place of ``old``; the directories that are missing above the path."""
    if old is None:
        return missing_above(tree, path)
    if old.is_directory:
        raise PathIsDirectoryError.at(path)
    if old.is_readonly:
        raise ReadOnlyFileError.at(path)
    return ()


def _store(
    tree: Tree[E],
    path: str,
    old: E | None,
    missing: Sequence[str],
    content: str | bytes,
    encoding: Encoding,
    *,
    is_readonly: bool = False,
) -> SessionFile:
    """Put a file in place of ``old``, and below what is ``missing``, unless it is over a limit."""
    ascii_text = encoding == "text" and content.isascii()
    made: Any = SessionFile if ascii_text or type(content) is str else BytesFile
    size = len(content) if ascii_text else stored_size(content, encoding)  # nearly always without a call
    if tree.limits is not None:
        more = 0 if old is not None else 1 + len(missing)
        require_room(tree, path, more, size - (old.size_bytes if old is not None else 0), size)
    if missing:
        make_directories(tree, missing)
    version = tree.next_version()
    if old is None:
        created_ns = updated_ns = now_ns()
        serial = tree.new_serial(version)
    else:
        created_ns, updated_ns, serial = old.created_ns, later_than(old.updated_ns), old.serial
    file: SessionFile = made(
        version, created_ns, updated_ns, tree.session_id, path, serial, size, is_readonly, content, encoding
    )
    tree.put(file, old)
    return file
