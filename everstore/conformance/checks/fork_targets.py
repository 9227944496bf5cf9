"""Targets of forks: what may not be one, what becomes of what was there, and who cannot fork."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING

from everstore.changes import Write
from everstore.conformance.case import refused
from everstore.conformance.forked import fork_both, held, require_held, several_of_everything
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.conformance.scene import Scene
from everstore.errors import (
    CheckpointNotFoundError,
    InvalidArgumentError,
    ReadOnlySessionError,
    SessionNotEmptyError,
    UnsupportedError,
)
from everstore.models import new_checkpoint_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.session import BoundSession

check = partial(any_check, since="1.3", needs=("forks",))
table = partial(any_table, since="1.3", needs=("forks",))


@table(
    "forks.not_empty.{row}",
    "3.14.4", "6.6.3",
    rows={
        "file": ("file_system", lambda one: one.files.write_file("a", "")),
        "directory": ("file_system", lambda one: one.files.create_directory("d")),
        "value": ("storage", lambda one: one.storage.set_value("k", "")),
    },
    likely="only names that both have are looked at, or only what holds bytes",
)  # fmt: skip
async def not_empty(case: Case, role: str, put: Callable[[BoundSession], Awaitable[object]]) -> None:
    """A target that holds something of a role is refused, and neither session is changed: {row}."""
    await Scene(case.store, case.id).fill()
    part, target, aside = getattr(case.store, role), case.session(), case.session()
    await put(target)
    async with case.untouched(), case.untouched(target.id):
        with refused(SessionNotEmptyError) as caught:
            await part.fork_session(case.id, target.id)
        assert caught.error.session_id == target.id
        with refused(SessionNotEmptyError) as caught:
            await part.fork_session(case.id, aside.id, replaced=target.id)
        assert caught.error.session_id == target.id
        assert await held(case, aside.id) == {}
    await part.purge_session(target.id)
    await part.fork_session(case.id, target.id)
    assert await held(case, target.id) != {}


@check(
    "forks.secrets_apart",
    "6.6.1", "6.6.3",
    likely="secrets are kept where values are, and are taken, moved or counted with them",
)  # fmt: skip
async def secrets_apart(case: Case) -> None:
    """A fork takes no secret, those of its target and of what is replaced stay, and none is in the way."""
    source, target, aside = case.session(), case.session(), case.session()
    for name, session in (("source", source), ("target", target), ("aside", aside)):
        await session.storage.set_secret("s", name)
        await session.storage.set_secret(f"of {name}", name)
    await source.storage.set_value("k", "text")
    await case.store.storage.fork_session(source.id, target.id)
    await target.storage.set_value("more", "x")
    await case.store.storage.fork_session(source.id, target.id, replaced=aside.id)
    for name, session in (("source", source), ("target", target), ("aside", aside)):
        assert [info.name for info in await session.storage.list_secrets()] == [f"of {name}", "s"]
        assert await session.storage.get_secret("s") == name
    assert [key.key for key in await target.storage.list_keys()] == ["k"]
    assert [key.key for key in await aside.storage.list_keys()] == ["k", "more"]


@check(
    "forks.replaced",
    "3.14.5", "6.6.3",
    likely="what was there is kept in part, or what it and the source both have is left as it was",
)  # fmt: skip
async def replaced(case: Case) -> None:
    """What a session held becomes that of another, and it has what its source has, nothing besides."""
    source, target = Scene(case.store, case.id), Scene(case.store, case.new_id())
    await several_of_everything(source)
    await fork_both(case.store, source.id, target.id)
    await target.files.write_file("only/here", "x")
    await target.files.delete_file("names", recursive=True)
    await target.files.append_file("large", "more")
    await target.storage.set_value("only here", "x")
    await target.storage.delete_value("k")
    before, aside = await held(case, target.id), case.new_id()
    async with case.untouched(source.id):
        await fork_both(case.store, source.id, target.id, replaced=aside)
    require_held(before, await held(case, aside), "what was replaced")
    require_held(await held(case, source.id), await held(case, target.id), "what replaced it")
    undone = case.new_id()
    await fork_both(case.store, aside, target.id, replaced=undone)
    require_held(before, await held(case, target.id), "what was replaced, back again")
    require_held(await held(case, source.id), await held(case, undone), "what had replaced it")


@check(
    "forks.replaced_at_the_ends",
    "3.14.5", "6.6.3",
    likely="both sides are walked side by side, and what one of them has before or behind the other is left",
)  # fmt: skip
async def replaced_at_the_ends(case: Case) -> None:
    """What goes, and comes again, is the first of its order, the last, one between, several, or all."""
    places = ("!", "k", "\U0001f600")
    for count in range(len(places)):
        for few in itertools.combinations(places, count):
            sides = [case.session(), case.session()]
            for side, names in zip(sides, (places, few), strict=True):
                await side.files.apply_changes([Write(name, "x") for name in names])
                await side.storage.set_values(dict.fromkeys(names, "x"))
            all_of_it, part = [await held(case, side.id) for side in sides]
            target = case.new_id()
            await fork_both(case.store, sides[0].id, target)
            for before, after, source in ((all_of_it, part, sides[1]), (part, all_of_it, sides[0])):
                aside = case.new_id()
                await fork_both(case.store, source.id, target, replaced=aside)
                require_held(after, await held(case, target), f"what replaced it, of {few}")
                require_held(before, await held(case, aside), f"what was replaced, of {few}")


@check(
    "forks.empty",
    "3.14.5", "6.6.3", "1.7.3",
    likely="of an empty source nothing is done, not even to what is replaced",
)  # fmt: skip
async def of_nothing(case: Case) -> None:
    """A fork of an empty session is empty, and a session that an empty one replaces is emptied."""
    nothing, target, aside = case.new_id(), case.new_id(), case.new_id()
    await fork_both(case.store, nothing, target)
    assert await held(case, target) == {}
    await Scene(case.store, target).fill(record=False)
    before = await held(case, target)
    await case.store.storage.delete_secret(target, "s")
    await fork_both(case.store, nothing, target, replaced=aside)
    assert await held(case, target) == {}
    require_held(before, await held(case, aside), "what an empty session replaced")
    for role in (case.store.file_system, case.store.storage):
        page = await role.session_ids(after=type(target)(int=target.int - 1), limit=1)
        assert target not in page
        assert await role.purge_session(target) is False
    await Scene(case.store, target).fill_files()


@check(
    "forks.given",
    "1.9.18", "1.9.3", "1.9.11",
    likely="secrets that are there are replaced, or a checkpoint that an earlier fork left is the base",
)  # fmt: skip
async def given(case: Case) -> None:
    """Under an id that was given, secrets are in the way of secrets, and an earlier fork's base is none."""
    await Scene(case.store, case.id).fill()
    target = case.session()
    await target.storage.set_secret("s", "own")
    with refused(SessionNotEmptyError) as caught:
        await case.store.fork_session(case.id, session_id=target.id, secrets=True)
    assert caught.error.session_id == target.id
    assert await held(case, target.id) == {}
    assert await target.storage.get_secret("s") == "own"
    await case.store.fork_session(case.id, session_id=target.id)
    [base] = await case.store.list_checkpoints(target.id)
    case.new_id(base.id)
    await case.store.delete_session(target.id, keep_checkpoints=True)
    await case.store.fork_session(case.id, session_id=target.id, base=False)
    with refused(CheckpointNotFoundError):
        await case.store.merge(target.id)
    assert await case.store.list_checkpoints(target.id) == [base]


@table(
    "forks.refused.{row}",
    "3.14.8", "6.6.2",
    rows={
        "into_itself": (lambda case: (case.id, case.id), InvalidArgumentError),
        "into_a_checkpoint": (lambda case: (case.id, case.new_id(new_checkpoint_id())), ReadOnlySessionError),
        "of_nothing_into_itself": (lambda case: (case.new_id(),) * 2, InvalidArgumentError),
    },
    likely="the storage is asked, which does something else, or empties what it reads",
)  # fmt: skip
async def not_to_be(case: Case, ends: Callable[[Case], tuple[UUID, UUID]], error: type[Exception]) -> None:
    """What no state of the sessions would allow is refused, and nothing happens: {row}."""
    await Scene(case.store, case.id).fill()
    source, target = ends(case)
    async with case.untouched():
        for part in (case.store.file_system, case.store.storage):
            for options in ({}, {"replaced": case.new_id()}):
                with refused(error):
                    await part.fork_session(source, target, **options)
        assert target == case.id or await held(case, target) == {}


@any_check(
    "capabilities.forks",
    "7.5.1", "7.5.2", "7.5.3", "7.5.6",
    since="1.3",
    likely="forks is declared by nobody, or what a default does is called a fork",
)  # fmt: skip
async def declared(case: Case) -> None:
    """Each role forks and compares sessions where it declares that, and refuses it elsewhere."""
    await Scene(case.store, case.id).fill()
    for part in (case.store.file_system, case.store.storage):
        target = case.new_id()
        calls = [part.fork_session, part.diff_sessions]
        if part is case.store.storage and not part.capabilities.forks:
            del calls[1]  # which anybody can make of two readings
        for call in calls:
            async with case.untouched():
                if part.capabilities.forks:
                    await call(case.id, target)
                    continue
                with refused(UnsupportedError):
                    await call(case.id, target)
                assert await held(case, target) == {}
