"""Values in words: each as one short line, and of two that differ, where they do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

__all__ = ["Apart", "apart", "shown"]

_LONGEST = 80
_WHOLE = 240  # characters up to which both sides are shown as they are
_BEFORE, _AFTER = 40, 80  # characters of a long text shown around its first difference
_SOME = 3

_TOLD = (
    "path", "key", "name", "title", "content", "line_number", "line", "lines", "has_more", "size_bytes",
    "revision", "expires_at", "is_readonly", "is_directory",
)  # fmt: skip
"""What a reader wants to know of a record, in this order."""

_PLACES = ("path", "key", "name", "title")

_PUBLIC = {
    "version": "revision",
    "created_ns": "created_at",
    "updated_ns": "updated_at",
    "expires_ns": "expires_at",
    "serial": "id",
}
"""Fields by which records are kept, and the names by which they are known."""


def shown(value: object, longest: int = _LONGEST) -> str:
    """A value as one short line; of a record what it is about."""
    try:
        return _in_words(value, longest)
    except Exception:  # noqa: BLE001 - a check may hand over what refuses to be looked at
        return f"<{type(value).__name__}>"


def _in_words(value: object, longest: int) -> str:
    if isinstance(value, str) and len(value) > longest:
        return f"{value[: longest // 2]!r}... ({len(value)} characters)"
    if isinstance(value, list) and len(value) > _SOME:
        return f"[{shown(value[0], longest)}, ... {len(value)} items]"
    if isinstance(value, list):
        return f"[{', '.join(shown(each, longest) for each in value)}]"
    if isinstance(value, tuple) and 1 < len(value) <= _SOME:
        return f"({', '.join(shown(each, longest) for each in value)})"
    if isinstance(value, msgspec.Struct):
        told = _facts(value)
        if told:
            return f"{type(value).__name__}({told})"
    text = repr(value)
    return text if len(text) <= longest else f"{text[: longest // 2]}...{text[-longest // 4 :]}"


def _facts(record: msgspec.Struct) -> str:
    found = {name: getattr(record, name, None) for name in _TOLD}
    if found["path"] is not None:
        del found["name"]
    if found["content"] is not None or found["is_directory"]:
        del found["size_bytes"]
    return ", ".join(
        f"{name}={each if name == 'expires_at' else shown(each, _LONGEST // 2)}"
        for name, each in found.items()
        if each is not None and each is not False
    )


class Apart(NamedTuple):
    """Two values that differ, in words. ``field`` is the record's in which they first do, if it is in one."""

    expected: str
    got: str
    field: str | None = None


def apart(expected: object, got: object) -> Apart:
    """Both in words; of long ones only what differs, and where it stands.

    A list in which one file has another content reads ``[17]('/a').content: 'x'``; of one of another
    length what is missing, and what is there besides, is told.
    """
    spot = _spot(expected, got, "", None)
    is_short = len(repr(expected)) <= _WHOLE and len(repr(got)) <= _WHOLE
    if not is_short or isinstance(expected, msgspec.Struct) or isinstance(got, msgspec.Struct):
        return spot
    return Apart(repr(expected), repr(got), spot.field)


def _spot(expected: Any, got: Any, path: str, field: str | None) -> Apart:
    """Where they first differ, going down as long as both are of one kind."""
    is_like = type(expected) is type(got)
    if is_like and isinstance(expected, msgspec.Struct):
        for name in sorted(expected.__struct_fields__, key=_PUBLIC.__contains__):
            if getattr(expected, name) != getattr(got, name):
                public = _PUBLIC.get(name, name)
                if getattr(expected, public) == getattr(got, public):  # a part of a microsecond
                    public = name
                place = next((f"({shown(getattr(got, of))})" for of in _PLACES if hasattr(got, of)), "")
                return _spot(
                    getattr(expected, public), getattr(got, public), f"{path}{place}.{public}", public
                )
    if is_like and isinstance(expected, Mapping) and expected.keys() == got.keys():
        key = next((key for key in expected if expected[key] != got[key]), None)
        return _spot(expected[key], got[key], f"{path}[{key!r}]", field)
    if is_like and isinstance(expected, (list, tuple)) and len(expected) == len(got):
        return _item(expected, got, path, field)
    if is_like and isinstance(expected, (list, tuple, set, frozenset, Mapping)):
        return _members(expected, got, path, field)
    if is_like and isinstance(expected, (str, bytes)):
        return Apart(_at(path) + _around(expected, got), _at(path) + _around(got, expected), field)
    return Apart(f"{_at(path)}{shown(expected, _WHOLE)}", f"{_at(path)}{shown(got, _WHOLE)}", field)


def _at(path: str) -> str:
    return f"{path}: " if path else ""


def _item(expected: Any, got: Any, path: str, field: str | None) -> Apart:
    differing = [at for at, (one, two) in enumerate(zip(expected, got, strict=True)) if one != two]
    if not differing:  # equal in parts, and not in all
        return Apart(shown(expected, _WHOLE), shown(got, _WHOLE), field)
    first = differing[0]
    one, two = expected[first], got[first]
    spot = _spot(one, two, f"{path}[{first}]{_named(one, two)}", field)
    if len(differing) == 1 or isinstance(expected, tuple):
        return spot
    order = ", the same in another order" if sorted(map(repr, expected)) == sorted(map(repr, got)) else ""
    return Apart(spot.expected, f"{spot.got} ({len(differing)} of {len(expected)} differ{order})", spot.field)


def _named(one: object, two: object) -> str:
    """What two pairs are of, whose first half says it."""
    if isinstance(one, tuple) and isinstance(two, tuple) and len(one) > 1 and one[:1] == two[:1]:
        return f"({one[0]})" if isinstance(one[0], str) else ""
    return ""


def _members(expected: Collection[Any], got: Collection[Any], path: str, field: str | None) -> Apart:
    """What one has and the other has not."""
    wanted, came = _by_words(expected), _by_words(got)
    missing = [words for each, words in wanted.items() if each not in came]
    more = [words for each, words in came.items() if each not in wanted]
    told = _counted(got)
    told += f", without {_some(missing)}" if missing else ""
    told += f", with {_some(more)} besides" if more else ""
    if not missing and not more:
        twice = next((one for one, two in pairwise(sorted(map(repr, got))) if one == two), None)
        told += f", with {twice} more than once" if twice and len(got) > len(expected) else ""
    all_of_it = f"{_counted(expected)}: {_some(list(wanted.values()))}" if expected else "nothing"
    return Apart(f"{_at(path)}{all_of_it}", f"{_at(path)}{told}", field)


def _by_words(values: Collection[Any]) -> dict[str, str]:
    """Each of them as a reader sees it, by what tells it apart from others."""
    if isinstance(values, Mapping):
        return {repr(key): f"{shown(key)}: {shown(value)}" for key, value in values.items()}
    return {repr(each): shown(each) for each in values}


def _counted(values: Collection[Any]) -> str:
    return f"{len(values)} item{'s' * (len(values) != 1)}"


def _some(words: list[str]) -> str:
    more = f" and {len(words) - _SOME} more" if len(words) > _SOME else ""
    return ", ".join(words[:_SOME]) + more


def _around(text: str | bytes, other: str | bytes) -> str:
    """A text; of a long one what is around its first difference from the other."""
    if len(text) <= _BEFORE + _AFTER:
        return repr(text)
    first = _alike(text, other)
    start = max(0, first - _BEFORE)
    end = first + _AFTER
    dots = "..." if start else "", "..." if end < len(text) else ""
    return f"{dots[0]}{text[start:end]!r}{dots[1]} (of {len(text)}, differing from {first} on)"


def _alike(text: str | bytes, other: str | bytes) -> int:
    """How much of their beginnings is the same: by halves, for these may be megabytes."""
    alike, most = 0, min(len(text), len(other))
    while alike < most:
        half = (alike + most + 1) // 2
        if text[alike:half] == other[alike:half]:
            alike = half
        else:
            most = half - 1
    return alike
