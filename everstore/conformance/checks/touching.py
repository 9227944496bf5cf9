"""touch_value: a new end for a value, and nothing else."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import TYPE_CHECKING, Any

from everstore.clock import stopped, turned
from everstore.conformance.case import Mismatch
from everstore.conformance.checks.expiry import require_end
from everstore.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from everstore.conformance.case import Case

_AT_ONCE = 12
_HOUR = 3600
_MONTH, _AGE = 31 * 24 * _HOUR, 99 * 365 * 24 * _HOUR
_ENDS = ("time_to_live",)


@check(
    "values.touch", "6.5.7", since="1.2", needs=_ENDS,
    likely="the new time to live is added to what was left, or only makes a life longer",
)  # fmt: skip
async def touch(case: Case) -> None:
    """touch_value gives a value the time to live, from now on, whatever it had before."""
    for ttl, new in product((None, 10, 10 * _HOUR), (_HOUR, _MONTH, _AGE)):
        await case.storage.set_value("k", "x", ttl=ttl)
        assert await case.storage.touch_value("k", ttl=new) is True
        info = await case.storage.stat_value("k")
        require_end(0 if info is None else info.expires_ns, new, f"what had {ttl} s to live, touched")
        with turned(new + 60):
            assert await case.storage.get_value("k") is None
    await case.storage.touch_value("k", ttl=1e-5)
    with turned(0.5):
        assert await case.storage.get_value("k") is None


@check("values.touch.for_ever", "6.5.7", since="1.2", likely="None leaves the end as it was")
async def touch_for_ever(case: Case) -> None:
    """Touched with None a value has no end any more."""
    ttl = 60 if case.capabilities.time_to_live else None
    await case.storage.set_value("k", "x", ttl=ttl)
    assert await case.storage.touch_value("k", ttl=None) is True
    info = await case.storage.stat_value("k")
    require_end(0 if info is None else info.expires_ns, None, "'k', touched with None")
    with turned(_HOUR):
        assert await case.storage.get_value("k") == "x"


@check("values.touch.absent", "6.5.7", since="1.2", likely="it answers True, or makes an empty value")
async def touch_absent(case: Case) -> None:
    """Where nothing is, touch_value answers False, and nothing is made."""
    await case.storage.set_secret("k", "a secret is no value")
    async with case.untouched():
        assert await case.storage.touch_value("k", ttl=None) is False


@check(
    "values.touch.over", "6.5.7", "6.5.6", since="1.2", needs=_ENDS,
    likely="what is over and not swept yet comes back",
)  # fmt: skip
async def touch_over(case: Case) -> None:
    """What is past its time is not brought back by touch_value, at its very end neither."""
    with stopped():
        await case.storage.set_value("k", "x", ttl=1)
        with turned(1):
            assert await case.storage.touch_value("k", ttl=_HOUR) is False
            assert await case.storage.get_value("k") is None
            assert await case.storage.touch_value("k", ttl=None) is False


@check(
    "values.touch.marks", "6.5.8", "3.2.8", since="1.2", needs=_ENDS,
    likely="a touch is a set of the same text",
)  # fmt: skip
async def touch_marks(case: Case) -> None:
    """touch_value moves neither text nor revision nor times, so a condition from before it holds."""
    info = await case.storage.set_value("k", "x\0", ttl=60)
    await asyncio.sleep(0.002)
    await case.storage.touch_value("k", ttl=_HOUR)
    after = await case.storage.stat_value("k")
    assert after is not None
    marks = [(one.revision, one.created_ns, one.updated_ns) for one in (info, after)]
    if marks[0] != marks[1]:
        raise Mismatch.of(marks[0], marks[1], "revision, created_ns and updated_ns")
    assert await case.storage.get_value("k") == "x\0"
    await case.storage.set_value("k", "y", if_revision=info.revision)


@check(
    "values.touch.beside", "6.5.8", since="1.2", level="standard", tags=("concurrency",),
    likely="the value is read, and written again in another step",
)  # fmt: skip
async def touch_beside(case: Case) -> None:
    """No increment is lost beside touches of the counter."""
    await case.storage.set_value("n", "0")
    calls: list[Awaitable[Any]] = []
    for _ in range(_AT_ONCE):
        calls += [case.storage.touch_value("n", ttl=None), case.storage.increment_value("n")]
    await asyncio.gather(*calls)
    assert await case.storage.get_value("n") == str(_AT_ONCE)
