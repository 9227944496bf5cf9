"""The steps of a state machine that are about several files: changes in one call, and whole trees."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from everstore.changes import (
    Append,
    AppendBytes,
    Copy,
    Delete,
    Edit,
    MakeDirectory,
    Move,
    Write,
    WriteBytes,
)
from everstore.conformance.machine import Machine, step

if TYPE_CHECKING:
    from everstore.changes import AnyFileChange
    from everstore.models import Encoding

    Drawn = tuple[str, int, int, tuple[str, Encoding], bool]

__all__ = ["SeveralMachine"]

_AT = st.integers(0, 3)
_NAME = st.integers(0, 15)
_KIND = st.sampled_from(
    ["write", "write_bytes", "edit", "append", "append_bytes", "delete", "move", "copy", "directory"]
)
_TEXTS = [(text, "text") for text in ("", "a", "ab\nb", "\u00e9\u2028a", "a\0")]
_CONTENT = st.sampled_from([*_TEXTS, ("YQ==", "base64"), ("YR==", "base64")])


class SeveralMachine(Machine):
    """What is about several files in one call, on the paths of a machine of files."""

    @abstractmethod
    def path(self, which: int) -> str:
        """One of the run's paths."""

    @step(at=_AT, path=_NAME)
    def create_directory_anew(self, at: int, path: int) -> None:
        """Create a directory that is not there."""
        self.call(at, "file_system", "create_directory", self.path(path), exist_ok=False)

    @step(
        at=_AT,
        path=_NAME,
        depth=st.sampled_from([None, 1, 2]),
        after=st.none() | _NAME,
        limit=st.sampled_from([None, 0, 1, 3]),
    )
    def list_tree(self, at: int, path: int, depth: int | None, after: int | None, limit: int | None) -> None:
        """List a tree, or a page of it."""
        start = None if after is None else self.path(after)
        options = {"depth": depth, "after": start, "limit": limit}
        self.call(at, "file_system", "list_tree", self.path(path), **options)

    @step(at=_AT, drawn=st.lists(st.tuples(_KIND, _NAME, _NAME, _CONTENT, st.booleans()), max_size=4))
    def apply_changes(self, at: int, drawn: list[Drawn]) -> None:
        """Make several changes."""
        changes = [
            _change(kind, self.path(a), self.path(b), *content, flag=flag)
            for kind, a, b, content, flag in drawn
        ]
        self.call(at, "file_system", "apply_changes", changes)


def _change(kind: str, path: str, other: str, text: str, encoding: Encoding, *, flag: bool) -> AnyFileChange:
    """A change of a kind, of what was drawn."""
    kinds: dict[str, AnyFileChange] = {
        "write": Write(path, text, encoding, if_absent=flag),
        "edit": Edit(path, text, "ab", replace_all=flag),
        "append": Append(path, text, encoding),
        "write_bytes": WriteBytes(path, text.encode(), if_absent=flag),
        "append_bytes": AppendBytes(path, text.encode()),
        "delete": Delete(path, recursive=flag),
        "move": Move(path, other, overwrite=flag),
        "copy": Copy(path, other, overwrite=flag),
        "directory": MakeDirectory(path, exist_ok=flag),
    }
    return kinds[kind]
