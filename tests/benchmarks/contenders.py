"""Who is measured, each opened the way its users open it.

A contender's calls all take a session first and then what the contract's verb takes. A verb that it
has no equivalent of is not there. Text goes in and text comes out.
"""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ancestor import AncestorPort
from floor import Floor
from fsspec.implementations.memory import MemoryFileSystem
from key_value.aio.stores.memory import MemoryStore
from langgraph.store.base import PutOp
from langgraph.store.memory import InMemoryStore

import everstore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["CONTENDERS", "Contender", "open_contender"]


def _content(answer: Any) -> Any:
    return answer.content


@dataclass
class Contender:
    """One store under measurement.

    ``is_async`` tells whether its calls are awaited; one that only has plain functions is called in
    a plain loop and pays for no coroutine. ``text_of`` takes the text out of a read's answer,
    ``names_of`` the paths or names out of a listing's.
    """

    name: str
    calls: dict[str, Callable[..., Any]]
    is_async: bool = True
    new_session: Callable[[], Any] = uuid.uuid4
    text_of: Callable[[Any], str] = _content
    names_of: Callable[[list[Any]], list[str]] = field(
        default=lambda answer: [entry.path for entry in answer]
    )


@asynccontextmanager
async def _everstore() -> AsyncIterator[Contender]:
    async with everstore.open_store(backend="memory") as store:
        files, storage = store.file_system, store.storage
        verbs = ("read_file", "stat_file", "write_file", "list_directory", "grep_files", "delete_file")
        calls = {verb: getattr(files, verb) for verb in (*verbs, "purge_session")}
        calls |= {verb: getattr(storage, verb) for verb in ("get_value", "set_value")}
        yield Contender("everstore", calls)


def _plain(name: str, store: Floor | AncestorPort) -> Contender:
    verbs = ("read_file", "stat_file", "write_file", "list_directory", "grep_files", "delete_file")
    return Contender(
        name, {verb: getattr(store, verb) for verb in (*verbs, "get_value", "set_value", "purge_session")}
    )


@asynccontextmanager
async def _floor() -> AsyncIterator[Contender]:
    yield _plain("floor", Floor())


@asynccontextmanager
async def _ancestor() -> AsyncIterator[Contender]:
    yield _plain("ancestor", AncestorPort())


@asynccontextmanager
async def _fsspec() -> AsyncIterator[Contender]:
    """A session is a directory at the top."""
    files = MemoryFileSystem(global_store=False, skip_instance_cache=True)

    def grep(session: str, pattern: str) -> list[tuple[str, int, str]]:
        found: list[tuple[str, int, str]] = []
        for path in files.find(session):
            text = files.cat_file(path).decode()
            if pattern in text:
                lines = enumerate(text.split("\n"), 1)
                found += [(path, number, line) for number, line in lines if pattern in line]
        return found

    def delete(session: str, path: str, recursive: bool) -> bool:
        files.rm(session + path, recursive=recursive)
        return True

    yield Contender(
        "fsspec",
        {
            "read_file": lambda session, path: files.cat_file(session + path).decode(),
            "stat_file": lambda session, path: files.info(session + path),
            "write_file": lambda session, path, content: files.pipe_file(session + path, content.encode()),
            "list_directory": lambda session, path: files.ls(session + path, detail=True),
            "grep_files": grep,
            "delete_file": delete,
            "purge_session": lambda session: files.exists(session) and files.rm(session, recursive=True),
        },
        is_async=False,
        new_session=lambda: f"/{uuid.uuid4().hex}",
        text_of=str,
        names_of=lambda answer: [entry["name"] for entry in answer],
    )


@asynccontextmanager
async def _key_value() -> AsyncIterator[Contender]:
    """A session is a collection, a file a key: there are no directories and no search."""
    store = MemoryStore()
    await store.setup()

    async def put(session: str, key: str, text: str) -> None:
        await store.put(key, {"text": text}, collection=session)

    async def get(session: str, key: str) -> str | None:
        found = await store.get(key, collection=session)
        return None if found is None else found["text"]

    async def purge(session: str) -> None:
        await store.delete_many(await store.keys(session))

    yield Contender(
        "py-key-value",
        {"read_file": get, "write_file": put, "get_value": get, "set_value": put, "purge_session": purge},
        new_session=lambda: uuid.uuid4().hex,
        text_of=str,
    )


@asynccontextmanager
async def _langgraph() -> AsyncIterator[Contender]:
    """A session and a directory are a namespace, a file is an item of it."""
    store = InMemoryStore()

    def place(session: str, path: str) -> tuple[tuple[str, ...], str]:
        *directories, name = path.split("/")[1:]
        return (session, "files", *directories), name

    async def write(session: str, path: str, content: str) -> None:
        await store.aput(*place(session, path), {"text": content})

    async def read(session: str, path: str) -> Any:
        return await store.aget(*place(session, path))

    async def list_directory(session: str, path: str) -> list[Any]:
        return await store.asearch((session, "files", *path.split("/")[1:]), limit=1 << 30)

    async def grep(session: str, pattern: str) -> list[tuple[str, int, str]]:
        found: list[tuple[str, int, str]] = []
        for item in await store.asearch((session, "files"), limit=1 << 30):
            text = item.value["text"]
            if pattern in text:
                path = "/".join((*item.namespace[1:], item.key))
                found += [(path, at, line) for at, line in enumerate(text.split("\n"), 1) if pattern in line]
        return found

    async def delete(session: str, path: str, recursive: bool) -> bool:
        doomed = await list_directory(session, path)
        await store.abatch([PutOp(item.namespace, item.key, None) for item in doomed])
        return bool(doomed)

    async def set_value(session: str, key: str, text: str) -> None:
        await store.aput((session, "values"), key, {"text": text})

    async def get_value(session: str, key: str) -> str | None:
        found = await store.aget((session, "values"), key)
        return None if found is None else found.value["text"]

    async def purge(session: str) -> None:
        items = await store.asearch((session,), limit=1 << 30)
        await store.abatch([PutOp(item.namespace, item.key, None) for item in items])

    yield Contender(
        "langgraph",
        {
            "read_file": read,
            "stat_file": read,
            "write_file": write,
            "list_directory": list_directory,
            "grep_files": grep,
            "delete_file": delete,
            "get_value": get_value,
            "set_value": set_value,
            "purge_session": purge,
        },
        new_session=lambda: uuid.uuid4().hex,
        text_of=lambda item: item.value["text"],
        names_of=lambda items: [item.key for item in items],
    )


CONTENDERS = {
    "everstore": _everstore,
    "floor": _floor,
    "ancestor": _ancestor,
    "fsspec": _fsspec,
    "py-key-value": _key_value,
    "langgraph": _langgraph,
}


def open_contender(name: str) -> Any:
    """An empty store of that name, as an async context manager."""
    return CONTENDERS[name]()
