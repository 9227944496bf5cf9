"""The tour's own books: what must be in the session, known without asking everstore."""

from __future__ import annotations

import inspect
import re
import secrets
from collections import Counter
from itertools import chain, count
from typing import TYPE_CHECKING

from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from everstore.session import BoundSession
    from everstore.store import Store

__all__ = ["Scene", "numbered_lines"]

_WORD = re.compile(r"[A-Za-z]{4,20}")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")
_LARGEST = 1 << 20  # bytes of a file that is read and edited


class Scene:
    """What the steps work with, by the names that their functions give to parameters.

    ``known`` holds for each path the bytes that must be there: first those of the local files,
    then moved on by every step. ``path`` is the file that is read and edited, and ``line`` a line
    that is in it once; ``word`` and ``pattern`` are searched for, ``token`` is the secret.
    """

    def __init__(self, store: Store, work: BoundSession, known: dict[str, bytes]) -> None:
        """The books as they are after the import."""
        self.store = store
        self.session_id = work.id
        self.files = work.files
        self.storage = work.storage
        self.known = known
        self.imported = sorted(known)
        self.home = _free_directory(known)
        self.plan = f"{self.home}/plan.md"
        self.plan_text = "# Plan\n\n1. look around the tree\n2. change what has to change\n"
        self.team = f"{self.home}/draft/team.txt"
        self.draft, self.copy, self.moved = f"{self.home}/draft", f"{self.home}/copy", f"{self.home}/moved"
        self.rules = InitialFile(f"{self.home}/RULES.md", "Never change this file.\n", is_readonly=True)
        self.path, self.line = self._editable() or (self.plan, "1. look around the tree")
        self.word = self._frequent_word()
        self.suffix = self._frequent_suffix()
        self.pattern = "^(agent|class|from|import|include|use) [A-Za-z0-9_]+"
        self.token = secrets.token_hex(16)

    def arguments(self, act: Callable[..., object]) -> dict[str, object]:
        """What a step's function wants, by the names of its parameters."""
        return {name: getattr(self, name) for name in inspect.signature(act).parameters}

    @property
    def glob(self) -> str:
        """A glob for the most frequent kind of file."""
        return f"*{self.suffix}"

    @property
    def paths(self) -> list[str]:
        """Every path there must be, sorted."""
        return sorted(self.known)

    @property
    def can_branch(self) -> bool:
        """Whether the backends can fork sessions."""
        roles = (self.store.file_system, self.store.storage, self.store.sessions)
        return all(role.capabilities.forks for role in roles)

    def text(self, path: str) -> str:
        """The text that must be in a text file."""
        return self.known[path].decode()

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every file there must be whose bytes are text, in the order of paths."""
        for path in self.paths:
            try:
                yield path, self.text(path)
            except UnicodeDecodeError:
                continue

    def matching(self, pattern: str) -> Iterator[tuple[str, int, str]]:
        """Path, number and text of every line there must be in which the expression is found."""
        search = re.compile(pattern, re.ASCII | re.MULTILINE).search
        for path, text in self.texts():
            if search(text):  # most texts need not be taken apart
                yield from ((path, number, line) for number, line in numbered_lines(text) if search(line))

    def _editable(self) -> tuple[str, str] | None:
        """A text file, a README before others, and a line that is in it only once."""
        for path in sorted(
            self.known, key=lambda path: ("readme" not in path.lower(), path.count("/"), path)
        ):
            if len(self.known[path]) > _LARGEST:
                continue
            try:
                text = self.text(path)
            except UnicodeDecodeError:
                continue
            for line in text.split("\n"):
                if 12 <= len(line) <= 50 and line.isprintable() and text.find(line) == text.rfind(line):
                    return path, line
        return None

    def _frequent_word(self) -> str:
        words = Counter(_WORD.findall(self.text(self.path))) if self.path in self.known else Counter[str]()
        return max(words, key=lambda word: (words[word], word), default="look")

    def _frequent_suffix(self) -> str:
        suffixes = Counter(found[0] for path in self.known if (found := _SUFFIX.search(path)))
        return max(suffixes, key=lambda suffix: (suffixes[suffix], suffix), default=".md")


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    r"""The lines of a text with their numbers, from 1: ``\n`` ends a line, with one ``\r`` before it."""
    *lines, last = text.split("\n")
    lines = [line.removesuffix("\r") for line in lines]
    return enumerate([*lines, last] if last else lines, start=1)


def _free_directory(known: dict[str, bytes]) -> str:
    taken = {path.split("/")[1] for path in known}
    names = chain(["everstore-tour"], (f"everstore-tour-{number}" for number in count(2)))
    return next(f"/{name}" for name in names if name not in taken)
