"""Work for a process that is killed in the middle of it, and what its storage may then hold.

Every worker makes the steps of an endless program and acknowledges each; the same program, played on
the model, says what must be there after the last acknowledged step, or after the one that followed it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import inspect
import itertools
import random
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from everstore.changes import Append, Delete, Move, Write
from everstore.conformance.matching import Step
from everstore.conformance.model import Model
from everstore.conformance.showing import shown
from everstore.errors import BackendError, EverstoreError
from everstore.models import InitialFile, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from everstore.store import Store

    Tell = Callable[[dict[str, Any]], None]

__all__ = [
    "FILLING",
    "PROGRAMS",
    "Worker",
    "delete_sessions",
    "possible_states",
    "share_places",
    "state_of",
    "work",
]

FILLING = [InitialFile(f"/d/{name}/f", name * 2000, is_readonly=name == "b") for name in "abcde"]
"""The files of a session that is to be deleted."""


class Worker(msgspec.Struct, frozen=True):
    """Who works where, and by which program.

    Nobody else uses its area, which is a directory and what its keys begin with.
    """

    name: str
    program: str
    session: UUID
    seed: int

    def told(self, last: int) -> list[str]:
        """The last few of the first ``last`` steps, in words."""
        steps = itertools.islice(self.steps(), max(0, last - 6), last)
        return [f"{step.verb}({', '.join(shown(each) for each in step.arguments[1:])})" for step in steps]

    @property
    def area(self) -> str:
        """The directory."""
        return f"/{self.name}"

    def steps(self) -> Iterator[Step]:
        """The program; the same at each call."""
        chance = random.Random(self.seed)  # noqa: S311 - reproducible, not secret
        make = PROGRAMS[self.program]
        return (make(self, chance, f"{number}") for number in itertools.count())


async def possible_states(worker: Worker, done: int) -> list[dict[str, object]]:
    """What may be in a worker's area once ``done`` steps are acknowledged: one more was perhaps made."""
    model = Model()
    steps = worker.steps()
    for step in itertools.islice(steps, done):
        with contextlib.suppress(EverstoreError):
            step.on(model)
    before = await state_of(model, worker)
    with contextlib.suppress(EverstoreError):
        next(steps).on(model)
    return [before, await state_of(model, worker)]


async def state_of(store: Store | Model, worker: Worker) -> dict[str, object]:
    """What is in a worker's area, by listing and by searching: an orphan shows in one of them only."""

    async def ask(role: str, verb: str, *arguments: object) -> Any:
        answer = Step(role, verb, (worker.session, *arguments)).on(store)
        return await answer if inspect.isawaitable(answer) else answer

    state: dict[str, object] = {}
    directories = ["/"]
    while directories:
        for info in await ask("file_system", "list_directory", directories.pop()):
            if info.path.startswith(worker.area):
                file = await ask("file_system", "read_file", info.path)
                content = (file.content, file.encoding, file.size_bytes) if file else "listed, and not there"
                state[f"entry {info.path}"] = (content, info.size_bytes, info.is_readonly)
                directories += [info.path] * info.is_directory
    found = await ask("file_system", "glob_files", f"{worker.area}/**")
    state["files found"] = [info.path for info in found]
    tree = await ask("file_system", "list_tree", worker.area)
    state["tree"] = [(info.path, info.size_bytes) for info in tree]
    for key in await ask("storage", "list_keys"):
        if key.key.startswith(worker.area):
            state[f"value {key.key}"] = await ask("storage", "get_value", key.key)
    for secret in await ask("storage", "list_secrets"):
        if secret.name.startswith(worker.area):
            state[f"secret {secret.name}"] = await ask("storage", "get_secret", secret.name)
    record = await ask("sessions", "get_session")
    state["record"] = (record.title, record.created_ns) if record else None
    return state


# -- programs ------------------------------------------------------------------------------------------


def _content(chance: random.Random, number: str) -> str:
    """A content that is recognised, of a size that takes one write of the storage or many."""
    return number + "x" * chance.choice([0, 10, 5_000, 70_000])


def _one_of(worker: Worker, chance: random.Random, role: str, *calls: tuple[Any, ...]) -> Step:
    """One of these calls, each a verb and its arguments, in the worker's session."""
    verb, *arguments = chance.choice(calls)
    return Step(role, verb, (worker.session, *arguments))


def _files(worker: Worker, chance: random.Random, number: str) -> Step:
    path = f"{worker.area}/{chance.choice('ab')}/{chance.choice('ab')}"
    content = _content(chance, number)
    return _one_of(
        worker,
        chance,
        "file_system",
        ("write_file", path, content),
        ("write_file", path, base64.b64encode(content.encode()).decode(), "base64"),
        ("append_file", path, content),
        ("edit_file", path, number[-1], f"<{number}>"),
        ("delete_file", path),
        ("seed_initial_file", InitialFile(path, content, is_readonly=number.endswith("7"))),
    )


def _trees(worker: Worker, chance: random.Random, number: str) -> Step:
    one, other = (f"{worker.area}/{name}" for name in chance.sample("abc", 2))
    path = f"{one}/{chance.choice('xyz')}/{chance.choice('xyz')}"
    several = [
        Write(path, _content(chance, number)),
        Append(f"{other}/log", number),
        Move(one, f"{other}/{number}"),
        Write(path, number),
    ]
    return _one_of(
        worker,
        chance,
        "file_system",
        ("write_file", path, _content(chance, number)),
        ("write_file", path, number),
        ("create_directory", f"{one}/{number}/d"),
        ("apply_changes", several),
        ("apply_changes", [*several, Delete(f"{other}/nothing")]),
        ("move_file", one, other),
        ("move_file", one, f"{other}/{number}"),
        ("copy_file", one, other),
        ("delete_file", one, True),
    )


def _values(worker: Worker, chance: random.Random, number: str) -> Step:
    key = worker.area + chance.choice("abc")
    return _one_of(
        worker,
        chance,
        "storage",
        ("set_value", key, _content(chance, number)),
        ("set_value", key, number),
        ("increment_value", key, 3),
        ("increment_value", f"{worker.area} count", 1),
        ("delete_value", key),
    )


def _secrets(worker: Worker, chance: random.Random, number: str) -> Step:
    name = worker.area + chance.choice("abc")
    return _one_of(
        worker,
        chance,
        "storage",
        ("set_secret", name, _content(chance, number)),
        ("set_secret", name, number),
        ("delete_secret", name),
    )


def _records(worker: Worker, chance: random.Random, number: str) -> Step:
    record = Session(worker.session, number, int(number) + 1)
    steps = [
        Step("sessions", "add_session", (record,)),
        Step("sessions", "update_session_title", (record.id, _content(chance, number))),
        Step("sessions", "update_session_title", (record.id, number)),
        Step("sessions", "delete_session", (record.id,)),
    ]
    return chance.choice(steps)


PROGRAMS: dict[str, Callable[[Worker, random.Random, str], Step]] = {
    "files": _files,
    "trees": _trees,
    "values": _values,
    "secrets": _secrets,
    "records": _records,
}
"""What a worker may do, by name."""


# -- jobs of child processes ---------------------------------------------------------------------------


async def work(store: Store, tell: Tell, workers: list[dict[str, Any]]) -> None:
    """Let all workers work at the same time, for ever."""
    await asyncio.gather(*(_work(store, tell, msgspec.convert(worker, Worker)) for worker in workers))


async def _work(store: Store, tell: Tell, worker: Worker) -> None:
    for done, step in enumerate(worker.steps(), 1):
        try:
            await step.on(store)
        except BackendError:
            raise
        except EverstoreError:
            pass  # the model refuses it too
        tell({"worker": worker.name, "done": done})


async def share_places(store: Store, tell: Tell, session: str, workers: int) -> None:
    """Let all workers add lines to one file, change their own line of another, and count, for ever."""
    shared = store.session(UUID(session))
    await shared.files.write_file("/lines", "".join(f"{number}=0;\n" for number in range(workers)))

    async def add(number: int) -> None:
        for turn in itertools.count():
            await shared.files.append_file("/log", f"{number}.{turn}\n")
            tell({"worker": number, "kind": "log"})
            await shared.files.edit_file("/lines", f"{number}={turn};\n", f"{number}={turn + 1};\n")
            tell({"worker": number, "kind": "lines"})
            await shared.storage.increment_value("count")
            tell({"worker": number, "kind": "count"})

    await asyncio.gather(*(add(number) for number in range(workers)))


async def delete_sessions(store: Store, tell: Tell, sessions: list[str]) -> None:
    """Fill all sessions, then delete them, several at the same time."""

    async def fill_and_delete(session_id: UUID) -> None:
        session = store.session(session_id)
        await store.create_session("filled", session_id=session_id, files=FILLING)
        for name in "abc":
            await session.storage.set_value(name, "filled")
            await session.storage.set_secret(name, "filled")
        for event in ("filled", "deleting", "deleted"):
            if event == "deleted":
                await store.delete_session(session_id)
            tell({"session": str(session_id), "event": event})

    await asyncio.gather(*(fill_and_delete(UUID(session)) for session in sessions))
    await asyncio.Event().wait()
