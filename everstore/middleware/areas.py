"""Which paths a policy lets through: by globs, or by names that may not be in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol
from unicodedata import category, normalize

from everstore.errors import InvalidArgumentError, InvalidPatternError, shown
from everstore.globs import LiteralPattern, Selection, compile_glob, reach_of
from everstore.paths import parent_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EVERYTHING", "Area", "GlobArea", "NamelessArea", "plain_globs"]

_MOST_KNOWN = 1 << 14  # paths of which an area keeps what it said
_ODD = re.compile(r"[:~]|[. ](?:/|$)")
"""What a path has to have for Windows to see other names in it."""
_SHORT = 6  # characters that Windows leaves of a name that is too long for it, before ~1


class Area(Protocol):
    """Some of a tree: what is in it is a tree, too."""

    weight: int
    """What a character of a path may cost, as a ``Selection`` has it."""

    def has(self, path: str, /) -> bool:
        """Whether whatever is at a path is in it."""
        ...

    def has_directory(self, path: str, /) -> bool:
        """Whether a directory at a path is in it: also one that only leads to what is."""
        ...

    def has_all_below(self, path: str, /) -> bool:
        """Whether it is certain that all that can be below a path is in it."""
        ...


class _Everything:
    """All of a tree."""

    weight = 0

    def has(self, _path: str, /) -> bool:
        return True

    has_directory = has_all_below = has


EVERYTHING: Area = _Everything()


def plain_globs(name: str, patterns: object) -> tuple[str, ...]:
    """Globs as they were given; ``InvalidArgumentError`` for what is no list of them."""
    if isinstance(patterns, str) or not isinstance(patterns, Iterable):
        raise InvalidArgumentError(f"{name} is a list of globs, not {shown(patterns)}")
    globs = tuple(patterns)
    for each in globs:
        if not isinstance(each, str):
            raise InvalidArgumentError(f"{name} is a list of globs, and no glob is {shown(each)}")
        if not each:
            raise InvalidPatternError(f"{name} has an empty glob, which selects nothing", pattern=each)
        compile_glob(each)
    return globs


class GlobArea:
    """What globs select, without what other globs select and all that is below that.

    Without ``allowed`` globs it is all but what is denied.
    """

    def __init__(
        self, allowed: tuple[str, ...] | None, denied: tuple[str, ...], *, workspace_alias: bool
    ) -> None:
        """Globs are spelled as in a store with this alias."""
        kind: Callable[[str], str] = str if workspace_alias else LiteralPattern
        self._allowed = None if allowed is None else [*map(compile_glob, map(kind, allowed))]
        self._denied = [*map(compile_glob, map(kind, denied))]
        reaches = [reach_of(kind(each)) for each in allowed or ()]
        self._whole = [reach.whole for reach in reaches if reach.whole is not None]
        self._leads_anywhere = allowed is None or any(reach.leading is None for reach in reaches)
        self._leading = [compile_glob(each) for reach in reaches for each in reach.leading or ()]
        self.weight = sum(each.weight for each in (*(self._allowed or ()), *self._denied))
        self._refused: dict[str, bool] = {}
        self._selected: dict[str, bool] = {}

    def has(self, path: str, /) -> bool:
        """Whether whatever is at a path is in it."""
        if self._allowed is None:
            return not self._is_denied(path)
        known = self._selected.get(path)
        if known is None:
            known = _is_selected(self._allowed, path) and not self._is_denied(path)
            _keep(self._selected, path, known)
        return known

    def has_directory(self, path: str, /) -> bool:
        """Whether a directory at a path is in it."""
        if path == "/" or self.has(path):
            return True
        leads = self._leads_anywhere or _is_selected(self._leading, path)
        return leads and not self._is_denied(path)

    def has_all_below(self, path: str, /) -> bool:
        """Whether it is certain that all that can be below a path is in it."""
        if self._is_denied(path) or any(_meet(path, each.top) for each in self._denied):
            return False
        return self._allowed is None or any(_is_at_or_below(path, each) for each in self._whole)

    def _is_denied(self, path: str) -> bool:
        """Whether a denied glob selects the path, or one above it.

        Without recursion: a path may have more names than Python has frames.
        """
        if not self._denied:
            return False
        unknown: list[str] = []
        while (known := self._refused.get(path)) is None:
            unknown.append(path)
            known = _is_selected(self._denied, path)
            if known or path == "/":
                break
            path = parent_of(path)
        for each in unknown:
            _keep(self._refused, each, known)
        return known


class NamelessArea:
    """What no entry of some names is, or is above, nor of one that some file system takes for the same."""

    weight = 2

    def __init__(self, names: Iterable[str]) -> None:
        """Without these names."""
        self._names = frozenset(map(_folded, names))
        self._short = {name.replace(".", "").replace(" ", "")[:_SHORT] for name in self._names}

    def has(self, path: str, /) -> bool:
        """Whether no part of a path has one of the names."""
        folded = _folded(path)
        parts = folded.split("/")
        if not self._names.isdisjoint(parts):
            return False
        return _ODD.search(folded) is None or not any(map(self._is_for_windows, parts))

    def _is_for_windows(self, part: str) -> bool:
        """Whether a name is one of them to Windows, which drops what is at its end, or has a short name."""
        name = part.partition(":")[0].rstrip(". ")
        short, mark, number = name.rpartition("~")
        return name in self._names or bool(mark and number.isdecimal() and short in self._short)

    has_directory = has

    def has_all_below(self, _path: str, /) -> bool:
        """Nothing is certain: the names may be anywhere."""
        return False


def _folded(name: str) -> str:
    """A name without what macOS does not tell names apart by: case, forms of Unicode, unseen marks."""
    folded = name.casefold()
    if folded.isascii():
        return folded
    seen = "".join(each for each in folded if category(each) != "Cf")
    return normalize("NFKC", seen).casefold()


def _is_selected(selections: list[Selection], path: str) -> bool:
    return any(selection(path) for selection in selections)


def _keep(known: dict[str, bool], path: str, answer: bool) -> None:  # noqa: FBT001 - what is kept
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[path] = answer


def _is_at_or_below(path: str, top: str) -> bool:
    return top in {"/", path} or path.startswith(f"{top}/")


def _meet(path: str, top: str) -> bool:
    """Whether something may be both below ``path`` and at or below ``top``."""
    return _is_at_or_below(path, top) or _is_at_or_below(top, path)
