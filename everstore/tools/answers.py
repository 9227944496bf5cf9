"""What a tool answers a model, within so many characters."""

from __future__ import annotations

import json

import msgspec

__all__ = ["Answer", "Page", "RefusedError", "call_of", "fitted", "in_json", "shown"]

_CUT = "\n[cut: the answer would be longer]"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a model is told; ``is_error`` says that it was refused or failed, and the text what to do."""

    text: str
    is_error: bool = False


class RefusedError(Exception):
    """What a tool does not do, in words for a model."""


class Page:
    """Lines of an answer, as many as there is room for.

    A part of the room is kept for what stands around them: ``around`` characters, half of it at most.
    """

    def __init__(self, most: int, around: int) -> None:
        self.lines: list[str] = []
        self.room = most - min(around, most // 2)

    def add(self, *lines: str) -> bool:
        """Add lines that belong together; ``False``, and none of them, where they are too long."""
        size = sum(map(len, lines)) + len(lines)
        if size > self.room:
            return False
        self.room -= size
        self.lines += lines
        return True

    def text(self, above: str, *below: str) -> str:
        """All of it: a line above, and those below that are not empty in brackets."""
        return "\n".join([above, *self.lines, *(f"[{line}]" for line in below if line)])


def fitted(text: str, most: int) -> str:
    """The text, with its end cut off where it has more characters than ``most``."""
    return text if len(text) <= most else text[: most - len(_CUT)] + _CUT


def call_of(tool: str, /, **arguments: object) -> str:
    """A call to make next: the tool's name, and the arguments that are not ``None`` in JSON."""
    return f"{tool} {in_json({name: value for name, value in arguments.items() if value is not None})}"


def shown(name: str) -> str:
    """A path or a key in an answer: in JSON where it could be taken for something else than one word."""
    return name if name.isprintable() and not {" ", '"'} & set(name) and name else in_json(name)


def in_json(value: object) -> str:
    r"""A value in JSON on one line; what nobody sees, or what could end a line, is an escape (``\u2028``)."""
    written = json.dumps(value, ensure_ascii=False)
    return written if written.isprintable() else "".join(map(_escaped, written))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
