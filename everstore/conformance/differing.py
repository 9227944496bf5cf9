"""What two sessions differ in, by reading all of both, and what a backend tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.case import Mismatch, snapshot
from everstore.models import FileChange, ValueChange

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.conformance.case import Case

__all__ = ["require_differences"]


async def _all_of(case: Case, session_id: UUID) -> dict[str, dict[str, tuple[Any, object]]]:
    """By reading everything: of files and of values, by place, the info and what of it can differ."""
    with case.trace.paused():
        seen: dict[str, Any] = await snapshot(case.store.session(session_id))
    found: dict[str, dict[str, tuple[Any, object]]] = {"file": {}, "value": {}, "secret": {}}
    for place, (info, kept) in seen.items():
        kind, _, name = place.partition(" ")
        what: object = kind == "value" and (kept, info.expires_ns)
        if kind == "file":
            what = (kept.is_directory, kept.data, kept.encoding, kept.is_readonly)
        found[kind][name] = (info, what)
    return found


def _kind(before: object, after: object) -> str:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


async def _expected(case: Case, a: UUID, b: UUID, kind: str) -> list[tuple[object, ...]]:
    """Every difference, by comparing all with all: place, kind, and the info of each side."""
    before, after = await _all_of(case, a), await _all_of(case, b)
    one, other = before[kind], after[kind]
    places = [
        place for place in sorted(one.keys() | other.keys()) if _what(one, place) != _what(other, place)
    ]
    return [
        (place, _kind(one.get(place), other.get(place)), _info(one, place), _info(other, place))
        for place in places
    ]


def _what(side: dict[str, tuple[Any, object]], place: str) -> object:
    return side[place][1] if place in side else None


def _info(side: dict[str, tuple[Any, object]], place: str) -> object:
    return side[place][0] if place in side else None


def _told(change: FileChange | ValueChange) -> tuple[object, ...]:
    place = change.path if isinstance(change, FileChange) else change.key
    return place, change.kind, change.before, change.after


async def require_differences(case: Case, a: UUID, b: UUID) -> int:
    """Both roles tell exactly what differs, whole and in pages, in both directions; how many there are."""
    count = 0
    for one, other in ((a, b), (b, a)):
        for role, kind in (("file_system", "file"), ("storage", "value")):
            diff = getattr(case.store, role).diff_sessions
            expected = await _expected(case, one, other, kind)
            got = [_told(change) for change in await diff(one, other)]
            if got != expected:
                wrong = [each for each in got if each not in expected]
                missing = [each for each in expected if each not in got]
                raise Mismatch(f"what differs: {missing!r}", f"{wrong!r}, and the rest of {len(got)}")
            for size in (1, 3, max(len(expected), 1)):
                pages: list[tuple[object, ...]] = []
                while page := await diff(one, other, after=pages[-1][0] if pages else None, limit=size):
                    assert len(page) == min(size, len(expected) - len(pages)), "a page that is not full"
                    pages += map(_told, page)
                assert pages == expected, f"pages of {size} are not the whole"
            count += len(expected)
    return count
