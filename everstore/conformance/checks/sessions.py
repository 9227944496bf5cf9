"""Sessions: nothing done in one reaches another; their records; deleting them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidSessionIdError, PathNotFoundError
from everstore.models import InitialFile, SessionUsage, new_session_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundSession
    from everstore.store import Store

    Action = Callable[[BoundSession], Awaitable[Any]]
    Place = Callable[[Store, Any], Awaitable[Any]]


async def _fill(session: BoundSession, mark: str = "x") -> None:
    """One of everything."""
    await session.files.write_file("d/a", f"text {mark}")
    await session.files.write_file("d/sub/b", "YWJj", "base64")
    await session.files.seed_initial_file(InitialFile("kept", mark, is_readonly=True))
    await session.storage.set_value("k", mark)
    await session.storage.set_value("n", "1")
    await session.storage.set_secret("s", mark)


@table(
    "sessions.isolation.{row}",
    "1.3.1",
    "1.2.1",
    rows={
        "read_file": (lambda one: one.files.read_file("d/a"), None),
        "read_directory": (lambda one: one.files.read_file("d"), None),
        "stat_file": (lambda one: one.files.stat_file("d/a"), None),
        "list_directory": (lambda one: one.files.list_directory("d"), []),
        "list_root": (lambda one: one.files.list_directory(), []),
        "grep_files": (lambda one: one.files.grep_files("text"), []),
        "grep_everything": (lambda one: one.files.grep_files(""), []),
        "glob_files": (lambda one: one.files.glob_files("**"), []),
        "read_lines": (lambda one: one.files.read_lines("d/a"), None),
        "get_value": (lambda one: one.storage.get_value("k"), None),
        "stat_value": (lambda one: one.storage.stat_value("k"), None),
        "list_keys": (lambda one: one.storage.list_keys(), []),
        "get_secret": (lambda one: one.storage.get_secret("s"), None),
        "list_secrets": (lambda one: one.storage.list_secrets(), []),
        "usage": (lambda one: one.usage(), SessionUsage()),
    },
    likely="this verb ignores the session id",
)
async def isolation(case: Case, look: Action, expected: object) -> None:
    """What is in one session cannot be seen from another, which needs no record: {row}."""
    await _fill(case.store.session(case.id))
    other = case.session()
    answer = await look(other)
    assert answer == expected


@table(
    "sessions.no_reach.{row}",
    "1.3.2",
    rows={
        "write_file": (lambda one: one.files.write_file("d/a", "other"),),
        "write_if_absent": (lambda one: one.files.write_file("d/a", "other", if_absent=True),),
        "write_below": (lambda one: one.files.write_file("kept/x", "other"),),
        "create_directory": (lambda one: one.files.create_directory("d/a"),),
        "append_file": (lambda one: one.files.append_file("d/a", "other"),),
        "content_matches": (
            lambda one: one.files.write_file_if_content_matches("d/a", "text x", "text", "other", "text"),
        ),
        "seed": (lambda one: one.files.seed_initial_file(InitialFile("kept", "other")),),
        "delete_file": (lambda one: one.files.delete_file("d/a"),),
        "delete_tree": (lambda one: one.files.delete_file("d", recursive=True),),
        "set_value": (lambda one: one.storage.set_value("k", "other"),),
        "set_value_if_absent": (lambda one: one.storage.set_value("k", "other", if_absent=True),),
        "increment_value": (lambda one: one.storage.increment_value("n"),),
        "delete_value": (lambda one: one.storage.delete_value("k"),),
        "set_secret": (lambda one: one.storage.set_secret("s", "other"),),
        "delete_secret": (lambda one: one.storage.delete_secret("s"),),
    },
    likely="this verb ignores the session id",
)
async def no_reach(case: Case, action: Action) -> None:
    """What is done in one session changes nothing in another: {row}."""
    await _fill(case.store.session(case.id))
    async with case.untouched():
        await action(case.session())


@table(
    "sessions.no_source.{row}",
    "1.3.1",
    "1.3.2",
    rows={
        "edit_file": (lambda one: one.files.edit_file("d/a", "text", "other"),),
        "copy_file": (lambda one: one.files.copy_file("d/a", "stolen"),),
        "move_file": (lambda one: one.files.move_file("d", "stolen"),),
    },
    likely="the source is looked up without its session",
)
async def no_source(case: Case, action: Action) -> None:
    """A file of one session is no source in another: {row}."""
    await _fill(case.store.session(case.id))
    async with case.untouched():
        with refused(PathNotFoundError):
            await action(case.session())


def _near(number: int) -> dict[str, uuid.UUID]:
    return {
        "last_digit": uuid.UUID(int=number ^ 1),
        "first_digit": uuid.UUID(int=number ^ 1 << 127),
        "middle_digit": uuid.UUID(int=number ^ 1 << 62),
        "upper_half_only": uuid.UUID(int=number ^ (1 << 64) - 1),
        "bytes_turned": uuid.UUID(bytes_le=number.to_bytes(16)),
        "digits_turned": uuid.UUID(hex=f"{number:032x}"[::-1]),
    }


@table(
    "sessions.near_id.{row}",
    "1.3.3",
    rows={name: (name,) for name in _near(0x0123456789ABCDEF0123456789ABCDEF)},
    likely="ids are cut, folded or compared by prefix",
)
async def near_id(case: Case, relation: str) -> None:
    """Two sessions whose ids are nearly the same have nothing in common: {row}."""
    near = case.store.session(case.new_id(_near(case.id.int)[relation]))
    await _fill(case.store.session(case.id), "mine")
    await _fill(near, "theirs")
    contents = [
        found and found.content
        for found in (await case.files.read_file("d/a"), await near.files.read_file("d/a"))
    ]
    assert contents == ["text mine", "text theirs"]
    assert (await case.storage.get_value("k"), await near.storage.get_value("k")) == ("mine", "theirs")
    async with case.untouched():
        await case.store.delete_session(near.id)
    assert await case.snapshot(near.id) == {}


@table(
    "sessions.refused_ids.{row}",
    "1.1.2",
    "1.1.3",
    rows={
        "text": (str,),
        "hex": (lambda one: one.hex,),
        "prefixed_text": (lambda one: f"session_{one.hex}",),
        "bytes": (lambda one: one.bytes,),
        "number": (lambda one: one.int,),
        "none": (lambda _: None,),
    },
    likely="anything that can be made a UUID is taken as one",
)
async def refused_ids(case: Case, spelled: Callable[[uuid.UUID], Any]) -> None:
    """An id that is no uuid.UUID is InvalidSessionIdError in every part of the store: {row}."""
    wrong = spelled(case.id)
    async with case.untouched():
        for call in (
            lambda: case.store.file_system.write_file(wrong, "a", "x"),
            lambda: case.store.file_system.list_directory(wrong),
            lambda: case.store.storage.set_value(wrong, "k", "x"),
            lambda: case.store.storage.get_secret(wrong, "s"),
            lambda: case.store.sessions.get_session(wrong),
            lambda: case.store.delete_session(wrong),
        ):
            with refused(InvalidSessionIdError):
                await call()


async def _looks(one: BoundSession) -> list[object]:
    """What looks other than a listing's show of what ``_fill`` put there."""
    return [
        await one.files.grep_files("text"),
        await one.files.glob_files("**"),
        await one.files.read_lines("d/a"),
        await one.files.stat_file("d/a"),
        await one.storage.get_value("k"),
        await one.storage.stat_value("k"),
        await one.storage.get_secret("s"),
    ]


@check("sessions.delete.everything", "1.5.1", likely="a role is forgotten, or read-only files stay")
async def delete_everything(case: Case) -> None:
    """delete_session removes record, files, values and secrets, and is True once."""
    await _fill(case.store.session(case.id))
    await case.store.create_session("a title", session_id=case.id)
    assert all(await _looks(case.store.session(case.id)))
    assert await case.store.delete_session(case.id) is True
    assert await case.snapshot() == {}
    assert await case.store.sessions.get_session(case.id) is None
    # What a look keeps for the next one must go too.
    assert await _looks(case.store.session(case.id)) == [[], [], None, None, None, None, None]
    assert await case.store.delete_session(case.id) is False


@table(
    "sessions.delete.only_{row}",
    "1.5.1",
    rows={
        "files": (lambda store, one: store.file_system.write_file(one, "a", "x"),),
        "directory": (lambda store, one: store.file_system.create_directory(one, "d"),),
        "read_only_file": (
            lambda store, one: store.file_system.seed_initial_file(
                one, InitialFile("a", "x", is_readonly=True)
            ),
        ),
        "values": (lambda store, one: store.storage.set_value(one, "k", "x"),),
        "secrets": (lambda store, one: store.storage.set_secret(one, "s", "x"),),
        "record": (lambda store, one: store.create_session("title", session_id=one),),
    },
    likely="only the record decides whether there is a session",
)
async def delete_only(case: Case, put: Place) -> None:
    """A session that has only one kind of thing is deleted too, and says that there was something: {row}."""
    await put(case.store, case.id)
    assert await case.store.delete_session(case.id) is True
    assert await case.snapshot() == {}
    assert await case.store.delete_session(case.id) is False


@check("sessions.delete.leaves_others", "1.3.2", "1.5.1", likely="a purge takes more than its session")
async def delete_leaves_others(case: Case) -> None:
    """Deleting a session, or one part of it, leaves every other session as it was."""
    other = case.session()
    await _fill(other)
    await _fill(case.store.session(case.id))
    async with case.untouched(other.id):
        assert await case.store.file_system.purge_session(case.id) is True
        assert await case.store.storage.purge_session(case.id) is True
        await case.store.delete_session(case.id)
    assert await case.snapshot() == {}


@check(
    "sessions.delete.purges_are_apart",
    "1.5.2",
    likely="a purge of one part takes the other along, or is not repeatable",
)
async def purges_are_apart(case: Case) -> None:
    """Purging the files leaves the values, and the other way round; so an interrupted delete can go on."""
    await _fill(case.store.session(case.id))
    assert await case.store.file_system.purge_session(case.id) is True
    assert (await case.storage.get_value("k"), await case.storage.get_secret("s")) == ("x", "x")
    assert await case.store.file_system.purge_session(case.id) is False
    assert await case.store.delete_session(case.id) is True
    assert await case.snapshot() == {}


@check("sessions.delete.used_again", "1.5.3", likely="something of the deleted session comes back")
async def used_again(case: Case) -> None:
    """A deleted session that is used again starts empty."""
    await _fill(case.store.session(case.id))
    await case.store.delete_session(case.id)
    await case.files.write_file("new", "y")
    await case.storage.set_value("new", "y")
    assert await case.paths() == ["/new"]
    assert [info.key for info in await case.storage.list_keys()] == ["new"]
    assert await case.storage.list_secrets() == []
    assert await case.files.read_file("d/a") is None


@check("sessions.create.version_7", "1.1.1", likely="ids are random UUIDs, which do not sort by age")
async def create_version_7(case: Case) -> None:
    """A session that everstore names has a fresh version 7 UUID, and files that are there at once."""
    seeds = [InitialFile("a.txt", "x"), InitialFile("b/kept", "y", is_readonly=True)]
    made = [await case.store.create_session("t", files=seeds) for _ in range(3)]
    for session in made:
        case.new_id(session.id)
    assert {session.id.version for session in made} == {7}
    assert len({session.id for session in made}) == 3
    assert await case.paths(case.store.session(made[0].id)) == ["/a.txt", "/b/", "/b/kept"]


@check("sessions.unknown_is_empty", "1.2.1", likely="a session must be created before it is used")
async def unknown_is_empty(case: Case) -> None:
    """A session that nobody created is an empty one, and looking at it makes none."""
    unknown = case.new_id(new_session_id())
    assert await case.snapshot(unknown) == {}
    assert await case.store.session(unknown).files.delete_file("a") is False
    assert await case.store.sessions.get_session(unknown) is None
    assert await case.store.delete_session(unknown) is False
