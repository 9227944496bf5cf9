"""Arguments that are right: of kinds of somebody's own, and as large as they may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from everstore.changes import Append, Increment, SetValue
from everstore.compat import override
from everstore.conformance.registry import check
from everstore.models import FileInfo, InitialFile, Session

if TYPE_CHECKING:
    from everstore.conformance.case import Case


class _Text(str):
    """A text of somebody's own, which answers for itself."""

    __slots__ = ()

    @override
    def encode(self, *_: object, **__: object) -> bytes:
        return b"something else"

    @override
    def isascii(self) -> bool:
        return True


class _Number(int):
    """A number of somebody's own."""


class _Change(Append, frozen=True):
    """A change of somebody's own."""


class _Set(SetValue, frozen=True):
    """Another one."""


class _DriversUUID(UUID):
    """As asyncpg has one."""

    __slots__ = ()


@check(
    "arguments.of_own_kinds",
    "3.11.3",
    since="1.1",
    level="standard",
    tags=("hostile",),
    likely="the very object is kept, or handed to a driver that knows plain text and numbers only",
)
async def own_kinds(case: Case) -> None:
    """A kind of text, number or UUID of somebody's own counts as what it is, and comes back plain."""
    files, storage = case.store.file_system, case.store.storage
    at = _DriversUUID(int=case.id.int)
    text = "ünï\n" * 3
    # An encoding of a kind of its own is no Literal to a type checker, and one to whoever calls without.
    await files.write_file(at, _Text("d/a"), _Text(text), _Text("text"))  # type: ignore[arg-type]  # own kind
    [info] = await files.apply_changes(at, [_Change(_Text("d/a"), _Text("é"))])
    assert [type(info), type(getattr(info, "path", None))] == [FileInfo, str]
    await files.edit_file(at, _Text("d/a"), _Text("é"), _Text("è"))
    await files.seed_initial_file(at, InitialFile(_Text("d/b"), _Text(text), _Text("text")))  # type: ignore[arg-type]  # own kind
    found = await case.read("/d/a")
    assert (found.content, found.encoding) == (text + "è", "text")
    assert [type(found.content), type(found.path), type(found.encoding)] == [str, str, str]
    lines = await files.read_lines(at, "d/a", _Number(2), _Number(1))
    assert lines is not None
    assert [line.number for line in lines.lines] == [2]
    [match] = await files.grep_files(at, _Text("è"), _Text("d/"), limit=_Number(5), before=_Number(1))
    assert (match.line_number, len(match.before)) == (4, 1)
    assert [info.path for info in await files.glob_files(at, _Text("*/a"))] == ["/d/a"]
    await storage.set_value(at, _Text("ké"), _Text(text), ttl=_Number(50))
    assert await storage.get_value(at, "ké") == text
    assert [type(info.key) for info in await case.storage.list_keys()] == [str]
    page = await storage.read_values(at, _Text("k"), after=_Text("a"), limit=_Number(5))
    assert [(type(value.key), value.value) for value in page] == [(str, text)]
    assert await storage.get_values(at, [_Text("ké")]) == {"ké": text}
    assert await storage.increment_value(at, _Text("n"), _Number(5)) == 5
    await storage.set_values(at, {_Text("k2"): _Text(text), "k3": "é"})
    assert [await storage.get_value(at, key) for key in ("k2", "k3")] == [text, "é"]
    await storage.change_values(at, [_Set(_Text("k4"), _Text(text)), Increment(_Text("n"), _Number(1))])
    assert [await storage.get_value(at, key) for key in ("k4", "n")] == [text, "6"]
    assert await storage.touch_value(at, _Text("k2"), ttl=_Number(50))
    await storage.set_secret(at, _Text("s"), _Text(text))
    assert await storage.get_secret(at, "s") == text
    labels: Any = {_Text("ö"): _Text("ü")}
    own_id: Any = _DriversUUID(int=case.id.int)
    record = Session(id=own_id, title=_Text("é"), created_ns=5, labels=labels, parent=own_id)
    await case.store.sessions.add_session(record)
    kept = await case.store.sessions.get_session(case.id)
    assert kept is not None
    assert kept == Session(id=case.id, title="é", created_ns=5, labels={"ö": "ü"}, parent=case.id)
    kinds = [type(value) for value in msgspec.structs.astuple(kept)]
    assert [*kinds[:4], kinds[-1]] == [UUID, str, int, int, UUID]
    assert [[type(text) for text in pair] for pair in kept.labels.items()] == [[str, str]]


@check(
    "arguments.largest",
    "3.11.2",
    "1.4.9",
    since="1.1",
    level="standard",
    likely="what is just right is refused, or a driver counts with fewer bits",
)
async def largest(case: Case) -> None:
    """The largest numbers that 64 bits hold are accepted wherever a number is."""
    most = 2**63 - 1
    await case.files.write_file("a", "x\ny\n")
    assert len(await case.files.grep_files("", limit=most)) == 2
    for start, count in ((1, 2), (most, 0)):
        found = await case.files.read_lines("a", start, most)
        assert found is not None
        assert (len(found.lines), found.has_more) == (count, False)
    record = Session(id=case.id, created_ns=0, updated_ns=9 * 10**18)
    await case.store.sessions.add_session(record)
    assert await case.store.sessions.get_session(case.id) == record
    assert case.id in [one.id for one in await case.store.sessions.list_sessions(limit=most)]
    retitled = await case.store.sessions.update_session_title(case.id, "later")
    assert retitled.updated_ns > record.updated_ns
    assert await case.storage.increment_value("n", -(2**63)) == -(2**63)
    assert (
        len(await case.storage.list_keys(limit=most)) == len(await case.storage.read_values(limit=most)) == 1
    )
    assert await case.storage.increment_value("n", 2**64 - 1) == most
