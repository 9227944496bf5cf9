"""The least that the rules need: a tree and a space, each over one dictionary."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from everstore.compat import override
from everstore.models import SessionFile
from everstore.rules import Space, Stamps, Tree

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.settings import Limits

__all__ = ["DictSpace", "DictTree", "Text"]


class DictTree(Tree[SessionFile]):
    """Files by their paths."""

    def __init__(self, session_id: UUID, limits: Limits) -> None:
        self.session_id = session_id
        self.limits = limits.of_files
        self.files: dict[str, SessionFile] = {}

    @override
    def get(self, path: str) -> SessionFile | None:
        return self.files.get(path)

    @override
    def read(self, entry: SessionFile) -> SessionFile:
        return entry

    @override
    def below(self, path: str) -> list[SessionFile]:
        return [self.files[at] for at in sorted(self.files) if at.startswith(path + "/")]

    @override
    def usage(self) -> tuple[int, int]:
        return len(self.files), sum(file.size_bytes for file in self.files.values())

    @override
    def next_version(self) -> int:
        return secrets.randbits(63)

    @override
    def new_serial(self, version: int) -> int:
        return version

    @override
    def put(self, file: SessionFile, old: SessionFile | None) -> None:
        assert self.files.get(file.path) is old
        self.files[file.path] = file

    @override
    def remove(self, entry: SessionFile) -> None:
        assert not self.below(entry.path)
        del self.files[entry.path]


class Text(Stamps, frozen=True):
    """A value or a secret with its text."""

    text: str


class DictSpace(Space[Text]):
    """Values by their keys; secrets in a space of their own, which counts with this one."""

    def __init__(self, limits: Limits, beside: DictSpace | None = None) -> None:
        self.limits = limits.of_values
        self.texts: dict[str, Text] = {}
        self.spaces = [self, beside] if beside else [self]
        if beside:
            beside.spaces.append(self)

    def alive(self, now: int) -> dict[str, Text]:
        return {
            key: text
            for key, text in sorted(self.texts.items())
            if text.expires_ns is None or text.expires_ns > now
        }

    @override
    def get(self, key: str, now: int) -> Text | None:
        return self.alive(now).get(key)

    @override
    def text(self, key: str, found: Text) -> str:
        return found.text

    @override
    def usage(self, now: int) -> tuple[int, int]:
        alive = [pair for space in self.spaces for pair in space.alive(now).items()]
        return len(alive), sum(len(key.encode()) + len(text.text.encode()) for key, text in alive)

    @override
    def next_version(self) -> int:
        return secrets.randbits(63)

    @override
    def put(self, key: str, text: str, stamps: Stamps, now: int) -> None:
        self.texts[key] = Text(stamps.version, stamps.created_ns, stamps.updated_ns, stamps.expires_ns, text)

    @override
    def remove(self, key: str, now: int) -> bool:
        there = self.get(key, now) is not None
        self.texts.pop(key, None)
        return there
