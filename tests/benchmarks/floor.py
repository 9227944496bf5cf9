"""The floor: what any store of this contract has to do, and nothing else.

Coroutines over nested dicts (session, directories, names). It normalises paths, makes missing
parents, refuses to write on a read-only file or a directory, builds one record a file and reads the
clock. It checks no argument, logs nothing, has no revisions, limits, threads or time to live.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["Floor"]

Directory = dict[str, Any]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One file."""

    path: str
    content: str
    size_bytes: int
    is_readonly: bool
    created_ns: int
    updated_ns: int


class Value(msgspec.Struct, frozen=True, gc=False):
    """One value."""

    text: str
    created_ns: int
    updated_ns: int


def segments_of(path: str) -> list[str]:
    """The segments of a path as callers spell it; the common spelling takes the short way."""
    if path[:1] == "/" and "//" not in path and "/." not in path and path[-1] != "/":
        segments = path[1:].split("/")
    else:
        segments = [segment for segment in path.split("/") if segment and segment != "."]
        if ".." in segments:
            raise ValueError(path)
    if segments and segments[0] == "workspace":
        del segments[0]
    return segments


class Floor:
    """Files and values of all sessions."""

    def __init__(self) -> None:
        self.files: dict[UUID, Directory] = {}
        self.values: dict[UUID, dict[str, Value]] = {}

    async def read_file(self, session_id: UUID, path: str) -> Any:
        node: Any = self.files.get(session_id)
        for segment in segments_of(path):
            if type(node) is not dict:
                return None
            node = node.get(segment)
        return node

    stat_file = read_file

    async def write_file(self, session_id: UUID, path: str, content: str) -> Record:
        segments = segments_of(path)
        name = segments.pop()
        node = self.files.get(session_id)
        if node is None:
            node = self.files[session_id] = {}
        for segment in segments:
            child = node.get(segment)
            if child is None:
                child = node[segment] = {}
            elif type(child) is not dict:
                raise NotADirectoryError(path)
            node = child
        old = node.get(name)
        now = time.time_ns()
        size = len(content) if content.isascii() else len(content.encode())
        if old is None:
            record = Record("/" + "/".join((*segments, name)), content, size, False, now, now)
        elif type(old) is dict:
            raise IsADirectoryError(path)
        elif old.is_readonly:
            raise PermissionError(path)
        else:
            record = Record(old.path, content, size, False, old.created_ns, now)
        node[name] = record
        return record

    async def list_directory(self, session_id: UUID, path: str) -> list[Any]:
        node: Any = self.files.get(session_id)
        for segment in segments_of(path):
            if type(node) is not dict:
                return []
            node = node.get(segment)
        if type(node) is not dict:
            return []
        return [node[name] for name in sorted(node)]

    async def grep_files(self, session_id: UUID, pattern: str) -> list[tuple[str, int, str]]:
        found: list[tuple[str, int, str]] = []
        directories = [self.files.get(session_id, {})]
        for directory in directories:
            for node in directory.values():
                if type(node) is dict:
                    directories.append(node)
                elif pattern in node.content:
                    lines = enumerate(node.content.split("\n"), 1)
                    found += [(node.path, number, line) for number, line in lines if pattern in line]
        found.sort()
        return found

    async def delete_file(self, session_id: UUID, path: str, recursive: bool) -> bool:
        segments = segments_of(path)
        name = segments.pop()
        parent: Any = self.files.get(session_id)
        for segment in segments:
            if type(parent) is not dict:
                return False
            parent = parent.get(segment)
        node = parent.get(name) if type(parent) is dict else None
        if node is None or (type(node) is dict and node and not recursive):
            return False
        nodes = [node]
        for found in nodes:
            if type(found) is dict:
                nodes += found.values()
            elif found.is_readonly:
                return False
        del parent[name]
        return True

    async def set_value(self, session_id: UUID, key: str, value: str) -> None:
        values = self.values.get(session_id)
        if values is None:
            values = self.values[session_id] = {}
        old = values.get(key)
        now = time.time_ns()
        values[key] = Value(value, now if old is None else old.created_ns, now)

    async def get_value(self, session_id: UUID, key: str) -> str | None:
        values = self.values.get(session_id)
        found = values and values.get(key)
        return found.text if found else None

    async def purge_session(self, session_id: UUID) -> None:
        self.files.pop(session_id, None)
        self.values.pop(session_id, None)
