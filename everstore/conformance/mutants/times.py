"""Mistakes with times that are restored: what gets them, what else moves, and what becomes of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.changes import FileTimes, SecretTimes, ValueTimes
from everstore.clock import now_ns
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.conformance.mutants.forks import pairs_of
from everstore.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.middleware.base import Call

__all__: list[str] = []

_FILES, _STORAGE = "file_system", "storage"


def _restoring(broken: Broken, role: str, restore: Callable[[Call, Any, Any], Awaitable[Any]]) -> None:
    """Let this, which is handed the sound verb first, be how times of a role are restored."""

    def wrap(call: Call) -> Call:
        async def restore_times(session_id: Any, times: Any) -> Any:
            return await restore(call, session_id, times)

        return restore_times

    broken.around(wrap, [role], ["restore_times"])


async def _one_by_one(call: Call, session_id: Any, times: Any) -> list[bool]:
    answers = []
    for each in times:
        await asyncio.sleep(0)
        answers += await call(session_id, [each])
    return answers


@mutant("times.files")
def leaves_directories_alone(broken: Broken) -> None:
    """Directories have no times of their own that could be restored."""

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        infos = [await broken.files.stat_file(session_id, each.path) for each in times]
        pairs = [*zip(times, infos, strict=True)]
        answers = await call(
            session_id, [each for each, info in pairs if info is None or not info.is_directory]
        )
        return [True if info is not None and info.is_directory else answers.pop(0) for _, info in pairs]

    _restoring(broken, _FILES, restore)


@mutant("times.files.nothing_else")
def writes_to_restore(broken: Broken) -> None:
    """What gets its times back is written once more, and has another revision."""

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        for each in times:
            found = await broken.files.read_file(session_id, each.path)
            if found is not None and found.content is not None and not found.is_readonly:
                await broken.files.write_file(session_id, found.path, found.content, found.encoding)
        return await call(session_id, times)

    _restoring(broken, _FILES, restore)


@mutant("times.files.absent")
def makes_what_had_times(broken: Broken) -> None:
    """Where nothing is a directory is made, which has the times then."""

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        for each in times:
            if each.path.count("/") == 1 and await broken.files.stat_file(session_id, each.path) is None:
                await broken.files.create_directory(session_id, each.path)
        return await call(session_id, times)

    _restoring(broken, _FILES, restore)


@mutant("times.files.absent")
def takes_the_first_of_two(broken: Broken) -> None:
    """Of two times of one path the first counts."""

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        return [*reversed(await call(session_id, [*reversed(times)]))]

    _restoring(broken, _FILES, restore)


@mutant("times.files.go_on")
def ages_on(broken: Broken) -> None:
    """An append moves updated_at on by a microsecond only, from what was restored."""

    @broken.verb
    async def append_file(session_id: Any, path: str, *content: Any) -> Any:
        before = await broken.files.stat_file(session_id, path)
        info = await broken.files.append_file(session_id, path, *content)
        if before is not None:
            times = FileTimes(info.path, before.created_ns, before.updated_ns + 1000)
            await broken.files.restore_times(session_id, [times])
        return info


@mutant("times.files.one_step")
def restores_file_after_file(broken: Broken) -> None:
    """Times of several files are restored one after the other."""
    _restoring(broken, _FILES, _one_by_one)


@mutant("times.refused")
def restores_up_to_the_wrong_one(broken: Broken) -> None:
    """Each time is looked at when it is its turn, when those before it are restored already."""

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        try:
            return await call(session_id, times)
        except InvalidArgumentError as error:
            if getattr(error, "index", 0):
                await call(session_id, times[: error.index])
            raise

    _restoring(broken, _STORAGE, restore)


@mutant("times.storage")
def knows_no_names(broken: Broken) -> None:
    """A secret's times are those of the value of its name, where there is one."""

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        keys = {info.key for info in await broken.storage.list_keys(session_id)}
        taken = [
            ValueTimes(each.name, each.created_ns, each.updated_ns)
            if isinstance(each, SecretTimes) and each.name in keys
            else each
            for each in times
        ]
        return await call(session_id, taken)

    _restoring(broken, _STORAGE, restore)


@mutant("times.storage.nothing_else")
def sets_to_restore(broken: Broken) -> None:
    """A value that gets its times back is set once more, and does not end any more."""

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        for each in times:
            if isinstance(each, ValueTimes):
                text = await broken.storage.get_value(session_id, each.key)
                if text is not None:
                    await broken.storage.set_value(session_id, each.key, text)
        return await call(session_id, times)

    _restoring(broken, _STORAGE, restore)


@mutant("times.storage.absent")
def sets_what_had_times(broken: Broken) -> None:
    """Where nothing is an empty value is set, which has the times then."""

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        for each in times:
            if isinstance(each, ValueTimes) and await broken.storage.get_value(session_id, each.key) is None:
                await broken.storage.set_value(session_id, each.key, "")
        return await call(session_id, times)

    _restoring(broken, _STORAGE, restore)


@mutant("times.storage.over")
def finds_what_is_over(broken: Broken) -> None:
    """What is over and not swept yet has its times restored like anything else."""
    kept: set[Any] = set()

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        kept.add((session_id, key))
        return await broken.storage.set_value(session_id, key, value, **options)

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        answers = await call(session_id, times)
        return [
            answer or (isinstance(each, ValueTimes) and (session_id, each.key) in kept)
            for each, answer in zip(times, answers, strict=True)
        ]

    _restoring(broken, _STORAGE, restore)


@mutant("times.storage.go_on")
def is_created_anew(broken: Broken) -> None:
    """What is incremented after its times were restored is as new as the sum."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> Any:
        before = await broken.storage.stat_value(session_id, key)
        answer = await broken.storage.increment_value(session_id, key, amount)
        after = await broken.storage.stat_value(session_id, key)
        if before is not None and after is not None and before.created_ns < now_ns() - 10**18 // 10:
            times = ValueTimes(key, after.updated_ns, after.updated_ns)
            await broken.storage.restore_times(session_id, [times])
        return answer


@mutant("times.storage.one_step")
def restores_key_after_key(broken: Broken) -> None:
    """Times of several values are restored one after the other."""
    _restoring(broken, _STORAGE, _one_by_one)


@mutant("times.forked")
def restores_in_forks_too(broken: Broken) -> None:
    """A fork shares the times of its source: what is restored in one is in the other."""
    others = pairs_of(broken, _FILES)

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        if session_id in others:
            await call(others[session_id], times)
        return await call(session_id, times)

    _restoring(broken, _FILES, restore)


@mutant("times.reopened", durable=True)
def writes_times_later(broken: Broken) -> None:
    """Times are written down with the next that are restored, at the latest when it occurs to somebody."""
    waiting: list[Any] = []

    async def restore(call: Call, session_id: Any, times: Any) -> Any:
        for of_session, some in waiting:
            await call(of_session, some)
        waiting[:] = [(session_id, times)]
        return [True] * len(times)

    _restoring(broken, _STORAGE, restore)
