"""Arguments as a model gives them, and what is said of wrong ones: what would be right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.tools.answers import RefusedError, in_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from everstore.tools.declaring import Tool

__all__ = ["likely", "understood"]

_WRONG_TYPE = re.compile(r"Expected `(.+?)`, got `(.+?)`(?: - at `\$(.*)`)?")
_PLAINLY = {
    "Expected `int` >=": "a number from",
    "Expected `int` <=": "a number up to",
    "Expected `array` of length >=": "a list of at least",
}
_TYPES = {
    "str": "a string",
    "int": "an integer",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


def understood(tool: Tool, arguments: object) -> dict[str, Any]:
    """The arguments by name, of their types; ``RefusedError`` for what the tool does not take.

    ``arguments`` is a mapping, its JSON, or nothing. An argument that is null is one that is not given.
    """
    try:
        given = _object(tool, arguments)
    except RecursionError:
        raise _wrong(tool, "the arguments are nested too deep.") from None
    _check_names(tool, given, tool.parameters, "")
    return {
        one.name: _converted(tool, one.name, one.kind, given[one.name])
        for one in tool.takes
        if one.name in given
    }


def likely(word: str, words: Iterable[str]) -> str:
    """A question whether the word that is most like this one was meant; empty where none is like it."""
    found = get_close_matches(word, list(words), 1)
    return f" Did you mean {found[0]}?" if found else ""


def _object(tool: Tool, arguments: object) -> dict[str, Any]:
    if isinstance(arguments, str | bytes):
        try:
            arguments = msgspec.json.decode(arguments) if arguments.strip() else {}
        except (msgspec.DecodeError, UnicodeError) as error:
            why = "it is no text" if isinstance(error, UnicodeError) else error
            raise _wrong(tool, f"the arguments are not JSON: {why}.") from None
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise _wrong(tool, "the arguments are one JSON object.")
    plain = _without_nulls(arguments)
    return {str(name): value for name, value in plain.items()}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(part) for part in value]
    return value


def _check_names(tool: Tool, given: object, schema: dict[str, Any], place: str) -> None:
    """Refuse what is missing, and what is called otherwise, at any depth."""
    if "items" in schema and isinstance(given, list):
        for index, part in enumerate(given):
            _check_names(tool, part, schema["items"], f"{place}[{index}]")
    if "properties" not in schema or not isinstance(given, dict):
        return
    known = schema["properties"]
    within = f" in {place}" if place else ""
    for name in given:
        if name not in known:
            raise _wrong(
                tool, f"there is no argument {in_json(name[:60])}{within}.{likely(name[:60], known)}"
            )
    for name in schema.get("required", []):
        if name not in given:
            raise _wrong(tool, f"the argument {name} is missing{within}.")
    for name, value in given.items():
        _check_names(tool, value, known[name], f"{place}.{name}" if place else name)


def _converted(tool: Tool, name: str, kind: Any, value: object) -> Any:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        wrong = _WRONG_TYPE.fullmatch(str(error))
        if wrong is None:
            raise _wrong(tool, f"{name} is {_in_plain_words(str(error))}.") from None
        wanted, given, place = wrong.groups()
        told = f"{name}{place or ''} is {_TYPES.get(wanted, wanted)}, not {_TYPES.get(given, given)}."
        raise _wrong(tool, told) from None


def _in_plain_words(message: str) -> str:
    """A message of msgspec, such as that an ``int >= 1`` is expected."""
    for written, words in _PLAINLY.items():
        message = message.replace(written, words)
    return message


def _wrong(tool: Tool, what: str) -> RefusedError:
    takes = [one.name if one.is_required else f"{one.name} (optional)" for one in tool.takes]
    return RefusedError(f"{tool.name}: {what} It takes: {', '.join(takes)}.")
