"""What a model is told of an error: what is, and what to do next.

Never a setting's name, a revision, or what a driver said: a model can do nothing about those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.errors import (
    BackendError,
    BackendUnavailableError,
    DataDamagedError,
    DirectoryNotEmptyError,
    EditError,
    InvalidContentError,
    InvalidKeyError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
    PluginError,
    PolicyError,
    QuotaExceededError,
    ReadOnlyFileError,
    ReadOnlySessionError,
    RevisionConflictError,
    SettingsError,
    StoreClosedError,
    StoreContextError,
    UnsupportedError,
)
from everstore.tools.answers import call_of, shown
from everstore.tools.lines import lines_around
from everstore.tools.lookalikes import what_is_like

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from everstore.errors import EverstoreError
    from everstore.tools.desk import Desk

__all__ = ["most_like", "refusal_of"]

_OF_THE_HOST = (StoreClosedError, StoreContextError, SettingsError, PluginError)
_MOST_WORDS = 600  # characters of an error's own message
_LINES = 3  # that are shown from each of the nearest on


async def refusal_of(desk: Desk, error: EverstoreError) -> str:
    """The words for an error, which is raised instead where it is the host's programming error."""
    if isinstance(error, _OF_THE_HOST):
        raise error
    if isinstance(error, EditError):
        nearest = "" if error.matches else await most_like(desk, error)
        return f"{_edit(error)}\n{nearest}" if nearest else _edit(error)
    if isinstance(error, PathNotFoundError):
        return f"There is no {shown(error.path)}. {await what_is_like(desk, error.path)}"
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words(error)
    return _own_words(error)


async def most_like(desk: Desk, error: EditError) -> str:
    """The lines of a file that are most like a text that is not in it; empty where none are."""
    blocks: list[str] = []
    told: list[int] = []
    last = 0
    for number in error.nearest[:1] if error.differs else sorted(error.nearest):
        if number <= last:
            continue
        block = await lines_around(desk, error.path, number, _LINES, more=1)
        if block:
            told.append(number)
            blocks.append("\n".join(block))
        last = number + _LINES
    seen = "\n   ...\n".join(blocks)
    return f"Most like it: {_numbers(tuple(told), len(told))}.\n{seen}" if blocks else ""


def _edit(error: EditError) -> str:
    name = shown(error.path)
    if error.matches:
        at = _numbers(error.lines, error.matches)
        return (
            f"The old text is in {name} more than once, at {at}, and nothing was changed."
            " Give more of the lines around it, or set replace_all to true."
        )
    told = f"The old text is not in {name}, and nothing was changed."
    if error.differs == "line ends":  # which no tool shows: those of this file are not all alike
        return f"{told} Only its line ends differ: edit the lines one by one, or with apply_patch."
    if error.differs:
        return f"{told} Only its {error.differs} differs."
    if error.nearest:
        return told
    return f"{told} Nothing there is like it. Look first: {call_of('read', path=error.path)}"


def _numbers(lines: tuple[int, ...], count: int) -> str:
    if len(lines) == 1:
        return f"line {lines[0]}" if count == 1 else f"line {lines[0]} ({count} times)"
    more = " and others" if count > len(lines) else ""
    return f"lines {', '.join(map(str, lines))}{more}"


def _conflict(error: RevisionConflictError) -> str:
    place = shown(str(error.facts["place"]))
    if error.facts["expected_revision"] is None:
        return f"Something is at {place} already, and was left as it is. Read it, or write somewhere else."
    return (
        f"{place} was changed after you read or wrote it last, by your own edit or by somebody else,"
        " and was left as it is. Read it again first."
    )


def _quota(error: QuotaExceededError) -> str:
    who = _WHO.get(error.limit.removeprefix("max_"), "This")
    told = f"{who} may have {error.allowed:,} {error.unit} at most, and would have {error.wanted:,}."
    remedy = (
        "Delete what is not needed."
        if error.limit.startswith("session_")
        else "Make it smaller, or split it."
    )
    return f"{told} Nothing was changed. {remedy}"


_WHO = {
    "file_bytes": "A file",
    "session_entries": "This session",
    "session_bytes": "All files together",
    "key_bytes": "A key",
    "value_bytes": "A remembered text",
    "session_keys": "This session",
    "session_value_bytes": "All that is remembered together",
}


def _content(error: InvalidContentError) -> str:
    if "stored" not in error.facts:
        return _own_words(error)
    name = shown(str(error.facts["path"]))
    return f"{name} is stored as bytes, not as text, and can only be replaced: write all of it."


def _unavailable(error: BackendUnavailableError) -> str:
    if getattr(error, "happened", None) is False:
        return "The storage cannot be reached now, and nothing was done. Try again."
    return "The storage did not answer, and may have done it or not. Look first, then try again."


def _damaged(error: DataDamagedError) -> str:
    del error
    return "What is stored there is damaged and cannot be read. It can be written anew, or deleted."


def _own_words(error: EverstoreError) -> str:
    """The error's message, unless it is for who runs the host."""
    message = str(error)
    return "This is not allowed here." if "EVERSTORE_" in message else _one_line(message)


def _one_line(words: str) -> str:
    words = words[:_MOST_WORDS]
    return words if words.isprintable() else "".join(c if c.isprintable() else " " for c in words)


def _policy(error: PolicyError) -> str:
    what = "This" if error.path is None else shown(error.path)
    return (
        f"{what} is refused: {_one_line(error.reason)}. The host decides that: do without, or ask the user."
    )


_WORDS: dict[type[EverstoreError], Callable[[Any], str]] = {
    RevisionConflictError: _conflict,
    QuotaExceededError: _quota,
    ReadOnlyFileError: lambda error: (
        f"{shown(error.path)} is read-only, and was left as it is. A copy of it can be changed."
    ),
    ReadOnlySessionError: lambda _: (
        "This session is a checkpoint: it is kept as it was, and nothing in it can be changed. Only read it."
    ),
    PolicyError: _policy,
    ParentNotDirectoryError: _own_words,
    PathIsDirectoryError: lambda error: (
        f"{shown(error.path)} is a directory, not a file. See what is in it: {call_of('ls', path=error.path)}"
    ),
    PathNotDirectoryError: lambda error: (
        f"{shown(error.path)} is a file, not a directory. See it: {call_of('read', path=error.path)}"
    ),
    DirectoryNotEmptyError: lambda error: (
        f"{shown(error.path)} is not empty. With all that is in it:"
        f" {call_of('delete', path=error.path, recursive=True)}"
    ),
    PathExistsError: lambda error: (
        f"Something is at {shown(error.path)} already, and was left as it is."
        " Choose another path; move and copy replace a file, not a directory, when overwrite is true."
    ),
    InvalidKeyError: _own_words,
    InvalidContentError: _content,
    UnsupportedError: lambda _: "The storage of this session cannot do that.",
    BackendUnavailableError: _unavailable,
    DataDamagedError: _damaged,
    BackendError: lambda _: "The storage failed. Trying again will hardly help: tell the user.",
}
