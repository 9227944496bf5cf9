"""What a setting takes, in words, and what it was given in its place, as far as that may be shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

__all__ = ["given", "wanted"]

_NUMBER = re.compile(r"[-+]?[0-9.][0-9.,_]{0,20} ?[A-Za-z]{0,3}")
_KINDS = {"array": "a list", "object": "a table", "string": "a text"}
_FORMATS = {"path": "a path", "directory-path": "a directory", "file-path": "a file", "uuid": "a UUID"}


class _Schema(GenerateJsonSchema):
    """The schema of what can be described; what cannot is left open, and a default is nobody's business."""

    ignored_warning_kinds = {"non-serializable-default", "skipped-choice"}  # noqa: RUF012 - pydantic's own

    @override
    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
        del schema, error_info
        return {}


def wanted(model: type[BaseModel], path: Sequence[str]) -> str | None:
    """What the setting at a path of fields takes: ``a whole number, 1 or more``; ``None`` if nobody knows."""
    choices = _choices_at(model, path)
    if choices is None:
        return None
    found = [_words(each) for each in choices if each.get("type") != "null"]
    *others, last = dict.fromkeys(word for words in found for word in words) or ("",)
    if [] in found or not last:
        return None
    return f"{', '.join(others)} or {last}" if others else last


def given(model: type[BaseModel], path: Sequence[str], value: object) -> str:
    """A wrong value for a message, which has a number in it, with or without a unit, and nothing else.

    What was put into the wrong variable may be a secret; of a setting that is one, a number is, too.
    """
    if any(each.get("writeOnly") for each in _choices_at(model, path) or ()):
        return "something else"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value!r:.30}"
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else "something else"


def _choices_at(model: type[BaseModel], path: Sequence[str]) -> list[dict[str, Any]] | None:
    """What the setting at a path of fields is one of; ``None`` if nobody knows."""
    whole = model.model_json_schema(schema_generator=_Schema)
    at: dict[str, Any] = whole
    for name in path:
        tables = [each for each in _choices(at, whole) if name in each.get("properties", {})]
        if not tables:
            return None
        at = tables[0]["properties"][name]
    return _choices(at, whole)


def _choices(schema: dict[str, Any], whole: dict[str, Any]) -> list[dict[str, Any]]:
    """What a schema is one of, definitions looked up."""
    if "$ref" in schema:
        return _choices(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    several = schema.get("anyOf") or schema.get("allOf")
    return [schema] if several is None else [one for each in several for one in _choices(each, whole)]


def _words(schema: dict[str, Any]) -> list[str]:
    """What one choice is; ``[]`` when nobody knows."""
    if "const" in schema or "enum" in schema:
        return [str(each) for each in schema.get("enum", [schema.get("const")])]
    kind = schema.get("type")
    if kind == "boolean":
        return ["true", "false"]
    if kind in {"integer", "number"}:
        return [("a whole number" if kind == "integer" else "a number") + _bounds(schema)]
    if "pattern" in schema:
        return [f"a text that matches {schema['pattern']}"]
    word = _FORMATS.get(str(schema.get("format"))) or _KINDS.get(str(kind))
    return [] if word is None else [word]


def _bounds(schema: dict[str, Any]) -> str:
    least, most, above = (schema.get(name) for name in ("minimum", "maximum", "exclusiveMinimum"))
    if above is not None and schema["type"] == "integer":
        least, above = above + 1, None
    if above is not None:
        return f", more than {above:g}" + ("" if most is None else f", {most} at most")
    if least is not None:
        return f", {least} or more" if most is None else f", {least} to {most}"
    return "" if most is None else f", {most} at most"
