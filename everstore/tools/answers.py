"""What a tool answers a model, within so many characters."""

from __future__ import annotations

import msgspec

__all__ = ["Answer", "call_of", "cut", "fitted", "in_json"]

_CUT = "\n[cut: the answer would be longer]"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a model is told; ``is_error`` says that nothing was done, and the text why."""

    text: str
    is_error: bool = False


def fitted(text: str, most: int) -> str:
    """The text, with its end cut off where it has more characters than ``most``."""
    return text if len(text) <= most else text[: most - len(_CUT)] + _CUT


def cut(text: str, most: int) -> str:
    """The beginning of a line of content, and how much of it is not shown."""
    return text if len(text) <= most else f"{text[:most]} ...[{len(text) - most:,} more characters]"


def call_of(tool: str, /, **arguments: object) -> str:
    """A call to make next: the tool's name, and its arguments in JSON."""
    return f"{tool} {in_json(arguments)}"


def in_json(value: object) -> str:
    r"""A value in JSON on one line; what nobody sees, or what could end a line, is an escape (``\u2028``)."""
    written = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    return written if written.isprintable() else "".join(map(_escaped, written))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
