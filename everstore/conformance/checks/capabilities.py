"""What the backend declares: it does that, and nothing that works is left undeclared."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import EverstoreError, QuotaExceededError
from everstore.interfaces import Capabilities
from everstore.models import InitialFile, Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.store import Store

    Put = Callable[[Case, int], Awaitable[Any]]


@check("capabilities.typed", "7.5.1", likely="capabilities are a method, a dict, or missing")
async def typed(case: Case) -> None:
    """Every part of the store declares its capabilities in one typed object."""
    parts = (case.store.file_system, case.store.storage, case.store.sessions)
    assert [type(part.capabilities) for part in parts] == [Capabilities] * 3


async def _put(store: Store, case: Case) -> None:
    await store.file_system.write_file(case.id, "a", "x")
    await store.storage.set_value(case.id, "k", "x")
    await store.storage.set_secret(case.id, "s", "x")
    await store.sessions.add_session(Session(id=case.id))


async def _seen(store: Store, case: Case) -> dict[str, bool]:
    """By role, whether anything of the check's session is there."""
    storage = store.storage
    return {
        "file_system": await store.file_system.read_file(case.id, "a") is not None,
        "storage": bool(await storage.list_keys(case.id) or await storage.list_secrets(case.id)),
        "sessions": await store.sessions.get_session(case.id) is not None,
    }


@check("capabilities.durable", "7.5.1", "7.5.3", likely="declare durable, or secrets are kept in clear")
async def durable(case: Case) -> None:
    """What is there after the store was closed and opened again is what the parts declare as durable."""
    await _put(case.store, case)
    await case.reopen()
    parts = (case.store.file_system, case.store.storage, case.store.sessions)
    expected = dict(zip(case.store.backends, [part.capabilities.durable for part in parts], strict=True))
    assert await _seen(case.store, case) == expected


@check("capabilities.shared", "7.5.1", "7.5.3", likely="declare shared, or do not open the storage twice")
async def shared(case: Case) -> None:
    """What a second client sees is what the parts declare as shared; or it cannot be opened at all."""
    await _put(case.store, case)
    parts = (case.store.file_system, case.store.storage, case.store.sessions)
    expected = dict(zip(case.store.backends, [part.capabilities.shared for part in parts], strict=True))
    try:
        second = await case.open()
    except EverstoreError:
        assert not any(expected.values()), "shared is declared, and a second client cannot be opened"
        return
    seen = await _seen(second, case)
    assert seen == expected


def _base64(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


async def _append_to(case: Case, size: int) -> None:
    await case.files.write_file("a", "x" * (size - 5))
    await case.files.append_file("a", "xxxxx")


async def _edit_to(case: Case, size: int) -> None:
    await case.files.write_file("a", "ab")
    await case.files.edit_file("a", "b", "x" * (size - 1))


@table(
    "capabilities.max_file_bytes.{row}",
    "7.5.4",
    "7.4.2",
    rows={
        "write": (lambda case, size: case.files.write_file("a", "x" * size),),
        "base64": (lambda case, size: case.files.write_file("a", _base64(size), "base64"),),
        "seed": (lambda case, size: case.files.seed_initial_file(InitialFile("a", "x" * size)),),
        "append": (_append_to,),
        "edit": (_edit_to,),
    },
    likely="the declared limit is not what the storage keeps, or results are not checked against it",
    needs=("max_file_bytes",),
)
async def max_file_bytes(case: Case, put: Put) -> None:
    """A file of the declared limit and of one byte less is kept whole, one byte more is refused: {row}."""
    most = case.capabilities.max_file_bytes or 0
    for size in (most - 1, most):
        await put(case, size)
        assert (await case.read("a")).size_bytes == size
    await case.files.delete_file("a")
    with refused(QuotaExceededError):
        await put(case, most + 1)
    left = await case.files.read_file("a")
    assert left is None or left.size_bytes < most


@table(
    "capabilities.max_value_bytes.{row}",
    "7.5.4",
    "7.4.2",
    rows={
        "value": (
            lambda case, text: case.storage.set_value("k", text),
            lambda case: case.storage.get_value("k"),
        ),
        "secret": (
            lambda case, text: case.storage.set_secret("k", text),
            lambda case: case.storage.get_secret("k"),
        ),
    },
    likely="the declared limit is not what the storage keeps, or a ciphertext does not fit",
    needs=("max_value_bytes",),
)
async def max_value_bytes(
    case: Case, put: Callable[[Case, str], Awaitable[None]], get: Callable[[Case], Awaitable[str | None]]
) -> None:
    """A value of the declared limit and of one byte less is kept whole, one byte more is refused: {row}."""
    most = case.store.storage.capabilities.max_value_bytes or 0
    for size in (most - 1, most):
        await put(case, "x" * size)
        assert await get(case) == "x" * size
    async with case.untouched():
        with refused(QuotaExceededError):
            await put(case, "x" * (most + 1))


@check(
    "capabilities.max_file_bytes.undeclared",
    "7.5.3",
    "7.5.4",
    likely="the storage has a limit: declare it as max_file_bytes",
    unless=("max_file_bytes",),
)
async def large_file(case: Case) -> None:
    """Where no limit is declared, a file of 8 MiB is kept whole."""
    content = "0123456789abcdef" * (1 << 19)
    await case.files.write_file("a", content)
    assert (await case.read("a")).content == content


@check(
    "capabilities.max_value_bytes.undeclared",
    "7.5.3",
    "7.5.4",
    likely="the storage has a limit: declare it as max_value_bytes",
    unless=("max_value_bytes",),
)
async def large_value(case: Case) -> None:
    """Where no limit is declared, a value and a secret of 4 MiB are kept whole."""
    text = "0123456789abcdef" * (1 << 18)
    await case.storage.set_value("k", text)
    await case.storage.set_secret("s", text)
    assert await case.storage.get_value("k") == text
    assert await case.storage.get_secret("s") == text
