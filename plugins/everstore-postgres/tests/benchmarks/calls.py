"""What is called: of a contender, in a session, with a number that never comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Call", "check", "create", "fill", "get", "read", "replace", "set_", "stat"]

BODY = "x" * 1024
NAMES = [f"/src/file-{number}.txt" for number in range(100)]

Call = Callable[[Any, UUID, int], Awaitable[object]]


def read(contender: Any, session_id: UUID, number: int) -> Awaitable[object]:
    return contender.read(session_id, NAMES[number % len(NAMES)])


def stat(contender: Any, session_id: UUID, number: int) -> Awaitable[object]:
    return contender.stat(session_id, NAMES[number % len(NAMES)])


def replace(contender: Any, session_id: UUID, number: int) -> Awaitable[object]:
    return contender.write(session_id, NAMES[number % len(NAMES)], BODY)


def create(contender: Any, session_id: UUID, number: int) -> Awaitable[object]:
    return contender.write(session_id, f"/src/new-{number}.txt", BODY)


def set_(contender: Any, session_id: UUID, number: int) -> Awaitable[object]:
    return contender.set(session_id, NAMES[number % len(NAMES)], "value")


def get(contender: Any, session_id: UUID, number: int) -> Awaitable[object]:
    return contender.get(session_id, NAMES[number % len(NAMES)])


async def fill(contender: Any, session_id: UUID, calls: Iterable[Call] = (replace, set_)) -> None:
    """Make what the other calls expect to find."""
    for call in calls:
        for number in range(len(NAMES)):
            await call(contender, session_id, number)


async def check(contender: Any, session_id: UUID) -> None:
    """Assert that a contender does the work."""
    assert await contender.write(session_id, NAMES[7], "another") == 7
    assert await contender.read(session_id, NAMES[7]) == "another"
    assert await contender.write(session_id, NAMES[7], BODY) == len(BODY)
    assert await contender.stat(session_id, NAMES[7]) == len(BODY)
    await contender.set(session_id, NAMES[7], "another")
    assert await contender.get(session_id, NAMES[7]) == "another"
