"""What is measured: which calls are timed, what stands there before, and what must be true after."""

from __future__ import annotations

import asyncio
from time import process_time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contenders import Contender

__all__ = ["WORKLOADS", "Workload"]

KIB = "".join(f"line {number:03} of a file that an agent keeps\n" for number in range(27))[:1023] + "\n"
Arguments = list[tuple[Any, ...]]


def path_of(number: int, top: str = "src") -> str:
    """One of a session's paths: a hundred files to a directory."""
    return f"/{top}/package_{number // 100:02}/module_{number:04}.py"


class Workload:
    """Calls of one verb, timed one after the other.

    ``target`` is the least share of the floor's throughput that everstore may have.
    """

    name: str
    target: float
    verb: str
    needs: tuple[str, ...] = ()

    async def prepare(self, contender: Contender) -> Any:
        """Fill an empty store; what comes back is handed to everything below."""
        return await filled(contender)

    async def before(self, contender: Contender, session: Any, turn: int) -> Any:
        """What has to be in place before each turn; not timed. The session to use in it."""
        return session

    def arguments(self, turn: int) -> Arguments:
        """The arguments of a turn's calls: fresh strings, as they arrive from outside."""
        raise NotImplementedError

    async def time(self, contender: Contender, session: Any, turn: int) -> float:
        """Nanoseconds a call."""
        arguments = self.arguments(turn)
        timed = timed_async if contender.is_async else timed_plain
        answer = timed(contender.calls[self.verb], session, arguments)
        return (await answer if contender.is_async else answer) / len(arguments)

    async def check(self, contender: Contender, session: Any) -> None:
        """Assert that the work was done."""
        raise NotImplementedError


async def filled(contender: Contender) -> Any:
    """A new session of a thousand files of 1 KiB in ten directories."""
    session = contender.new_session()
    for number in range(1000):
        await call(contender, "write_file", session, path_of(number), KIB)
    return session


async def call(contender: Contender, verb: str, *arguments: Any) -> Any:
    """One call, outside any measurement."""
    answer = contender.calls[verb](*arguments)
    return await answer if contender.is_async else answer


async def timed_async(verb: Any, session: Any, arguments: Arguments) -> int:
    """Nanoseconds of all calls; spelled out, for unpacking arguments costs as much as a look-up."""
    if len(arguments[0]) == 1:
        started = process_time_ns()
        for (first,) in arguments:
            await verb(session, first)
    else:
        started = process_time_ns()
        for first, second in arguments:
            await verb(session, first, second)
    return process_time_ns() - started


def timed_plain(verb: Any, session: Any, arguments: Arguments) -> int:
    """The same for plain functions."""
    if len(arguments[0]) == 1:
        started = process_time_ns()
        for (first,) in arguments:
            verb(session, first)
    else:
        started = process_time_ns()
        for first, second in arguments:
            verb(session, first, second)
    return process_time_ns() - started


class Read(Workload):
    """Read files of 1 KiB, each of a thousand in turn."""

    name, target, verb = "read 1 KiB", 0.5, "read_file"

    def arguments(self, turn: int) -> Arguments:
        return [(path_of(number),) for number in range(turn % 10, 1000, 2)]

    async def check(self, contender: Contender, session: Any) -> None:
        answer = await call(contender, "read_file", session, path_of(617))
        assert contender.text_of(answer) == KIB


class ReadLarge(Workload):
    """Read files of 1 MiB."""

    name, target, verb = "read 1 MiB", 0.5, "read_file"
    text = KIB * 1024

    async def prepare(self, contender: Contender) -> Any:
        session = contender.new_session()
        for number in range(4):
            await call(contender, "write_file", session, path_of(number), f"{number}{self.text[1:]}")
        return session

    def arguments(self, turn: int) -> Arguments:
        return [(path_of(number % 4),) for number in range(100)]

    async def check(self, contender: Contender, session: Any) -> None:
        answer = await call(contender, "read_file", session, path_of(3))
        assert contender.text_of(answer) == f"3{self.text[1:]}"


class Stat(Read):
    """Stat files."""

    name, verb = "stat", "stat_file"

    async def check(self, contender: Contender, session: Any) -> None:
        answer = await call(contender, "stat_file", session, path_of(617))
        size = getattr(answer, "size_bytes", None)
        if contender.name == "fsspec":
            size = answer["size"]
        if contender.name == "langgraph":
            size = len(answer.value["text"])
        assert size == 1024


class Get(Workload):
    """Get values of 100 characters."""

    name, target, verb = "get", 0.4, "get_value"
    text = "v" * 100

    async def prepare(self, contender: Contender) -> Any:
        session = contender.new_session()
        for number in range(100):
            await call(contender, "set_value", session, f"key-{number:03}", f"{self.text}{number:03}")
        return session

    def arguments(self, turn: int) -> Arguments:
        return [(f"key-{number % 100:03}",) for number in range(turn, turn + 500)]

    async def check(self, contender: Contender, session: Any) -> None:
        assert await call(contender, "get_value", session, "key-042") == f"{self.text}042"


class Set(Get):
    """Set values of 100 characters that are there already."""

    name, target, verb = "set", 0.35, "set_value"
    needs = ("get_value",)

    def arguments(self, turn: int) -> Arguments:
        return [(f"key-{number % 100:03}", f"{self.text}{turn}/{number}") for number in range(500)]

    async def check(self, contender: Contender, session: Any) -> None:
        await call(contender, "set_value", session, "key-042", "another")
        assert await call(contender, "get_value", session, "key-042") == "another"


class Replace(Workload):
    """Write files of 1 KiB that are there already."""

    name, target, verb = "replace 1 KiB", 0.5, "write_file"

    def arguments(self, turn: int) -> Arguments:
        return [(path_of(number), f"{turn:06}{KIB[6:]}") for number in range(turn % 10, 1000, 2)]

    async def check(self, contender: Contender, session: Any) -> None:
        await call(contender, "write_file", session, path_of(617), "another")
        assert contender.text_of(await call(contender, "read_file", session, path_of(617))) == "another"


class Create(Workload):
    """Write 500 new files of 1 KiB, and their directories, into an empty session."""

    name, target, verb = "create 1 KiB", 0.5, "write_file"

    needs = ("purge_session",)

    async def prepare(self, contender: Contender) -> Any:
        return [contender.new_session()]

    async def before(self, contender: Contender, session: Any, turn: int) -> Any:
        await call(contender, "purge_session", session.pop())
        session.append(contender.new_session())
        return session[0]

    def arguments(self, turn: int) -> Arguments:
        # Another top directory every turn: a path seen before would be no new one for any cache.
        return [(path_of(number, f"turn{turn:04}"), f"{number:06}{KIB[6:]}") for number in range(500)]

    async def check(self, contender: Contender, session: Any) -> None:
        fresh = await self.before(contender, session, 0)
        await self.time(contender, fresh, 9999)
        for number in (0, 123, 499):
            answer = await call(contender, "read_file", fresh, path_of(number, "turn9999"))
            assert contender.text_of(answer) == f"{number:06}{KIB[6:]}"


class List(Workload):
    """List a directory of 100 files in a session of 1,000."""

    name, target, verb = "list 100", 0.35, "list_directory"

    def arguments(self, turn: int) -> Arguments:
        return [(f"/src/package_{number % 10:02}",) for number in range(50)]

    async def check(self, contender: Contender, session: Any) -> None:
        names = contender.names_of(await call(contender, "list_directory", session, "/src/package_03"))
        assert [name[-14:] for name in names] == [f"module_{number:04}.py" for number in range(300, 400)]


class ListChanged(List):
    """List a directory of 100 files, one of which was written since it was last listed."""

    name, target, verb = "write one, list 100", 0.35, "list_directory"
    needs = ("write_file",)

    async def time(self, contender: Contender, session: Any, turn: int) -> float:
        numbers = range(turn % 100, 1000, 100)
        content = f"{turn:06}{KIB[6:]}"
        arguments = [(path_of(number), content, f"/src/package_{number // 100:02}") for number in numbers]
        write, list_directory = contender.calls["write_file"], contender.calls["list_directory"]
        started = process_time_ns()
        if contender.is_async:
            for path, content, directory in arguments:
                await write(session, path, content)
                await list_directory(session, directory)
        else:
            for path, content, directory in arguments:
                write(session, path, content)
                list_directory(session, directory)
        return (process_time_ns() - started) / len(arguments)


class Search(Workload):
    """Search 1,000 files of 8 KiB for a literal that 20 of them hold once."""

    name, target, verb = "search 8 MiB", 0.85, "grep_files"
    needle = "needle in a haystack"
    line_number = (KIB * 8)[:4000].count("\n") + 2

    async def prepare(self, contender: Contender) -> Any:
        session = contender.new_session()
        for number in range(1000):
            text = f"{number:06}{(KIB * 8)[6:]}"
            if number % 50 == 7:
                text = f"{text[:4000]}\na {self.needle}\n{text[4000 + len(self.needle) + 4 :]}"
            await call(contender, "write_file", session, path_of(number), text)
        return session

    def arguments(self, turn: int) -> Arguments:
        return [(self.needle,)]

    async def check(self, contender: Contender, session: Any) -> None:
        found = await call(contender, "grep_files", session, self.needle)
        assert len(found) == 20
        rows = [one if isinstance(one, tuple) else (one.path, one.line_number, one.line) for one in found]
        assert {(number, line) for _path, number, line in rows} == {(self.line_number, f"a {self.needle}")}
        assert rows[3][0].endswith("module_0157.py")


class Delete(Workload):
    """Delete a tree of 1,000 files in ten directories."""

    name, target, verb = "delete 1,000", 0.5, "delete_file"

    async def prepare(self, contender: Contender) -> Any:
        session = contender.new_session()
        await call(contender, "write_file", session, "/keep/this.txt", KIB)
        return session

    async def before(self, contender: Contender, session: Any, turn: int) -> Any:
        for number in range(1000):
            await call(contender, "write_file", session, path_of(number), KIB)
        return session

    def arguments(self, turn: int) -> Arguments:
        return [("/src", True)]

    async def check(self, contender: Contender, session: Any) -> None:
        await self.before(contender, session, 0)
        assert await call(contender, "delete_file", session, "/src", True) is True
        try:
            answer = await call(contender, "read_file", session, path_of(617))
        except FileNotFoundError:
            answer = None
        assert answer is None
        assert contender.text_of(await call(contender, "read_file", session, "/keep/this.txt")) == KIB


class Mixed(Workload):
    """100 tasks at once, each in a session of its own: reads, stats, writes, values, a listing."""

    name, target, verb = "100 tasks, mixed", 0.4, "read_file"
    needs = ("stat_file", "write_file", "list_directory", "get_value", "set_value")
    FILES = 20

    async def prepare(self, contender: Contender) -> Any:
        sessions = [contender.new_session() for _ in range(100)]
        for session in sessions:
            for number in range(self.FILES):
                await call(contender, "write_file", session, path_of(number), KIB)
            await call(contender, "set_value", session, "step", "0")
        return sessions

    async def time(self, contender: Contender, session: Any, turn: int) -> float:
        work = [self._agent(contender.calls, one, turn) for one in session]
        started = process_time_ns()
        steps = await asyncio.gather(*work)
        return (process_time_ns() - started) / sum(steps)

    async def _agent(self, calls: dict[str, Any], session: Any, turn: int) -> int:
        read, stat, write = calls["read_file"], calls["stat_file"], calls["write_file"]
        for number in range(turn % 5, self.FILES, 5):
            await stat(session, path_of(number))
            await read(session, path_of(number))
            await write(session, path_of(number), f"{turn:06}{KIB[6:]}")
            step = await calls["get_value"](session, "step")
            await calls["set_value"](session, "step", f"{int(step) + 1}")
            await read(session, path_of(number + 1))
        await calls["list_directory"](session, "/src/package_00")
        return self.FILES // 5 * 6 + 1

    async def check(self, contender: Contender, session: Any) -> None:
        await self.time(contender, session, 3)
        assert int(await call(contender, "get_value", session[99], "step")) % 4 == 0
        text = contender.text_of(await call(contender, "read_file", session[42], path_of(8)))
        assert text == f"000003{KIB[6:]}"
        listing = contender.names_of(await call(contender, "list_directory", session[42], "/src/package_00"))
        assert len(listing) == self.FILES


WORKLOADS: list[Workload] = [
    Read(),
    ReadLarge(),
    Stat(),
    Get(),
    Set(),
    Replace(),
    Create(),
    List(),
    ListChanged(),
    Search(),
    Delete(),
    Mixed(),
]
