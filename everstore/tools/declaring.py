"""A tool is a function: its docstring is what a model is told, its parameters are the arguments' schema."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

__all__ = ["Function", "Parameter", "Tool", "all_required", "tool"]

Function = Callable[..., Awaitable[str]]


class Parameter(msgspec.Struct, frozen=True):
    """An argument of a tool; ``kind`` is its type without ``None``, which an optional one also takes."""

    name: str
    kind: Any
    schema: dict[str, Any]
    default: Any

    @property
    def is_required(self) -> bool:
        """Whether it has to be given."""
        return self.default is inspect.Parameter.empty


class Tool(msgspec.Struct, frozen=True):
    """A tool as a model is told of it; ``parameters`` is a JSON Schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]
    reads_only: bool
    takes: tuple[Parameter, ...]
    does: Function


def tool(*, reads_only: bool = False) -> Callable[[Function], Tool]:
    """Make a tool of a coroutine function, whose first parameter is the desk that it works on."""

    def declared(function: Function) -> Tool:
        hints = get_type_hints(function, include_extras=True)
        _, *parameters = inspect.signature(function).parameters.values()
        takes = tuple(_parameter(one.name, hints[one.name], one.default) for one in parameters)
        schema = {
            "type": "object",
            "properties": {one.name: one.schema for one in takes},
            "required": [one.name for one in takes if one.is_required],
            "additionalProperties": False,
        }
        name, description = function.__name__.rstrip("_"), _unfolded(inspect.getdoc(function) or "")
        return Tool(name, description, schema, reads_only, takes, function)

    return declared


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    kind = _without_none(hint)
    schema = _plain_schema(kind)
    if default not in {inspect.Parameter.empty, None}:
        schema["default"] = default
    return Parameter(name, kind, schema, default)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in {Union, UnionType}:
        [hint] = [kind for kind in get_args(hint) if kind is not NoneType]
    return hint


def _unfolded(text: str) -> str:
    """A docstring whose paragraphs are lines."""
    return "\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _plain_schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a type, without references and titles."""
    schema = msgspec.json.schema(kind)
    definitions = schema.pop("$defs", {})

    def plain(part: Any) -> Any:
        if isinstance(part, list):
            return [plain(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return plain(definitions[part["$ref"].rpartition("/")[2]])
        made = {name: plain(one) for name, one in part.items() if name != "title"}
        if made.get("type") == "object":
            made["additionalProperties"] = False
        return made

    made: dict[str, Any] = plain(schema)
    return made


def all_required(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema in OpenAI's strict form: everything is required, and what is optional may be null."""
    made = dict(schema)
    if "items" in made:
        made["items"] = all_required(made["items"])
    if made.get("type") == "object":
        needed = made.get("required", [])
        parts = {name: all_required(part) for name, part in made["properties"].items()}
        made["properties"] = {
            name: part if name in needed else _or_null(part) for name, part in parts.items()
        }
        made["required"] = list(parts)
    return made


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    made = {name: part for name, part in schema.items() if name != "default"}
    made["type"] = [made["type"], "null"]
    return made


def annotation_of(parameter: Parameter) -> Any:
    """The type of an argument for who calls it from Python."""
    kind = get_args(parameter.kind)[0] if get_origin(parameter.kind) is Annotated else parameter.kind
    return kind | None if parameter.default is None else kind
