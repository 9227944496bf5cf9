"""Checkpoints, forks and rewinding of whole sessions, as a store has them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.clock import turned
from everstore.conformance.acts import LOOKING, Act, asked_of
from everstore.conformance.case import gather, refused
from everstore.conformance.forked import held, marks, require_held, several_of_everything
from everstore.conformance.orders import left
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import product
from everstore.conformance.scene import Scene
from everstore.errors import (
    CheckpointNotFoundError,
    ReadOnlySessionError,
)
from everstore.models import Checkpoint, Session, is_checkpoint

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.store import Store

__all__ = ["checkpoint_of"]

check = partial(any_check, since="1.3", needs=("forks",))


async def checkpoint_of(case: Case, session_id: UUID | None = None, label: str = "") -> Checkpoint:
    """A checkpoint of a session (the check's own) that goes when the check ends."""
    made = await case.store.checkpoint(session_id or case.id, label)
    case.new_id(made.id)
    return made


async def _fork(case: Case, source: UUID | None = None, **options: Any) -> Session:
    """A fork of a session (the check's own) that goes when the check ends."""
    made = await case.store.fork_session(source or case.id, **options)
    case.new_id(made.id)
    return made


async def _checkpoints(store: Store, session_id: UUID) -> list[Session]:
    return await store.sessions.list_sessions(checkpoints_of=session_id, limit=1000)


@check(
    "checkpoints.keep", "1.9.4", "1.9.5",
    likely="a checkpoint points to what its session has, and not to what it had",
)  # fmt: skip
async def keep(case: Case) -> None:
    """A checkpoint has for good what its session had, whatever becomes of it, and is read as one."""
    scene = Scene(case.store, case.id)
    await several_of_everything(scene)
    before = await held(case, case.id)
    made = await checkpoint_of(case, label="before \u00e9")
    assert type(made) is Checkpoint
    assert (made.session_id, made.label) == (case.id, "before \u00e9")
    assert is_checkpoint(made.id)
    await scene.files.write_file("a", "else")
    await scene.files.delete_file("d", recursive=True)
    await scene.storage.delete_value("k")
    again = await checkpoint_of(case)
    await case.store.file_system.purge_session(case.id)
    require_held(before, await held(case, made.id), "a checkpoint")
    assert (await held(case, again.id))["file /a"][0] == "else"
    kept = case.store.session(made.id)
    assert await kept.files.read_bytes("a", 0, 3) == b"one"
    assert [match.path for match in await kept.files.grep_files("two")] == ["/a", "/grown"]
    assert await kept.storage.get_values(["k", "n"]) == {"k": "text", "n": "5"}


@check(
    "checkpoints.listed", "1.9.4", "1.9.6", "1.9.9",
    likely="checkpoints are listed among sessions, or those of other sessions, too, or oldest first",
)  # fmt: skip
async def listed(case: Case) -> None:
    """The checkpoints of a session are listed newest first and in pages, and are among no other sessions."""
    other = case.new_id()
    for session_id in (case.id, other):
        await case.store.create_session("t", session_id=session_id)
        await case.store.session(session_id).files.write_file("a", "x")
    made = [await checkpoint_of(case, label=f"{number}") for number in range(5)]
    theirs = await checkpoint_of(case, other, "theirs")
    whole = await case.store.list_checkpoints(case.id)
    assert whole == made[::-1]
    assert await case.store.list_checkpoints(other) == [theirs]
    assert await case.store.list_checkpoints(case.new_id()) == []
    pages: list[Checkpoint] = []
    while page := await case.store.list_checkpoints(case.id, limit=2, after=pages[-1] if pages else None):
        assert len(page) == min(2, 5 - len(pages))
        pages += page
    assert pages == whole
    newest = await case.store.sessions.list_sessions(limit=8)
    assert [record.id for record in newest if is_checkpoint(record.id)] == []
    records = await _checkpoints(case.store, case.id)
    assert [record.id for record in records] == [each.id for each in whole]
    assert {record.parent for record in records} == {case.id}
    assert await case.store.delete_checkpoint(made[1]) is True
    assert await case.store.delete_checkpoint(made[2].id) is True
    assert await case.store.delete_checkpoint(made[1].id) is False
    assert [each.label for each in await case.store.list_checkpoints(case.id)] == ["4", "3", "0"]
    assert await held(case, made[1].id) == {}
    assert await case.store.sessions.get_session(made[1].id) is None
    with refused(CheckpointNotFoundError):
        await case.store.rewind(case.id, made[1])


@check(
    "checkpoints.pages", "1.9.6", "1.4.6", "1.4.8", "1.4.14",
    level="standard",
    likely="checkpoints are left out of a page when it has been read, which is then not full",
)  # fmt: skip
async def pages(case: Case) -> None:
    """Pages of sessions, with labels and without, are full however many checkpoints lie between."""
    labels = {"of": f"{case.id}"}
    made: list[UUID] = []
    with turned(100 * 365 * 86_400):  # so they come first, whatever else the storage holds
        for number in range(6):
            made.append(case.new_id())
            await case.store.create_session(f"{number}", session_id=made[-1], labels=labels)
            for _ in range(4):
                await checkpoint_of(case, made[number // 2])
    for only in (labels, None):
        found: list[Session] = []
        while len(found) < 6:
            after = found[-1] if found else None
            page = await case.store.sessions.list_sessions(limit=4, after=after, labels=only)
            found += [record for record in page if record.id in made]
            assert len(page) == 4 or len(found) == 6, "a page that is not full"
            assert not any(is_checkpoint(record.id) for record in page)
        assert [record.id for record in found] == made[::-1]
    of_one = await case.store.sessions.list_sessions(checkpoints_of=made[1], limit=5)
    rest = await case.store.sessions.list_sessions(checkpoints_of=made[1], limit=5, after=of_one[-1])
    assert (len(of_one), len(rest)) == (5, 3)
    assert {record.parent for record in (*of_one, *rest)} == {made[1]}
    assert await case.store.sessions.list_sessions(checkpoints_of=made[1], labels={"of": "nobody"}) == []


@product(
    "checkpoints.read_only.{role}",
    "1.9.5", "3.14.8",
    empty=dict.fromkeys(LOOKING, "it changes nothing"),
    likely="a verb does not go through what refuses, or asks a record that another process has",
    since="1.3",
    needs=("forks",),
)  # fmt: skip
async def read_only(case: Case, acts: dict[str, Act]) -> None:
    """Every verb that would change a checkpoint is ReadOnlySessionError, and nothing happens: {role}."""
    scene = Scene(case.store, case.id)
    await scene.fill()
    made = await checkpoint_of(case)
    stores = [case.store, await case.open()] if case.capabilities.shared else [case.store]
    record = await case.store.sessions.get_session(made.id)
    async with case.untouched(made.id):
        for store in stores:
            kept = Scene(store, made.id)
            file, key = await kept.files.stat_file("a"), await kept.storage.stat_value("k")
            kept.revision, kept.key_revision = file.revision if file else "", key.revision if key else ""
            for name, act in asked_of(case.capabilities, acts).items():
                with refused(ReadOnlySessionError, about=f" of {name}") as caught:
                    await act.call(kept)
                assert caught.error.session_id == made.id
    assert await case.store.sessions.get_session(made.id) == record


@check(
    "checkpoints.looked_at", "1.9.5",
    likely="what may not be changed may not be looked at, or is looked for somewhere else",
)  # fmt: skip
async def looked_at(case: Case) -> None:
    """Every verb that only looks answers of a checkpoint as of the session that it was taken of."""
    scene = Scene(case.store, case.id)
    await scene.fill(record=False)
    await scene.storage.delete_secret("s")
    kept = Scene(case.store, (await checkpoint_of(case)).id)
    for role in ("file_system", "storage"):
        assert await left(kept, role) == await left(scene, role)
    acts = [act for act in asked_of(case.capabilities, LOOKING).values() if act.role != "sessions"]
    ended = await gather(*(act.call(kept) for act in acts if act.verb != "swap_secret"))
    assert [one for one in ended if isinstance(one, BaseException)] == []
    assert await case.store.usage(kept.id) == await case.store.usage(scene.id)


@check(
    "checkpoints.deleted", "1.9.7", "1.5.1", "1.9.10",
    likely="checkpoints, or the base of a fork, are forgotten with the session, and kept for ever",
)  # fmt: skip
async def deleted(case: Case) -> None:
    """With a session its checkpoints and its base go, unless they are kept; and no other session's."""
    await Scene(case.store, case.id).fill()
    fork = await _fork(case)
    forks_base = await _checkpoints(case.store, fork.id)
    own, forks_own = await checkpoint_of(case), await checkpoint_of(case, fork.id)
    case.new_id(forks_base[0].id)
    assert len(forks_base) == 1
    assert await case.store.delete_session(fork.id) is True
    for gone in (fork.id, forks_base[0].id, forks_own.id):
        assert await held(case, gone) == {}
        assert await case.store.sessions.get_session(gone) is None
    assert await case.store.list_checkpoints(case.id) == [own]
    assert await case.store.delete_session(case.id, keep_checkpoints=True) is True
    assert await case.store.list_checkpoints(case.id) == [own]
    assert (await held(case, own.id))["file /a"][0] == "one\ntwo\n"
    await case.store.rewind(case.id, own, keep=False)
    assert (await case.read("a")).content == "one\ntwo\n"


@check(
    "checkpoints.fork", "1.9.1", "1.9.3",
    likely="a fork's record is that of a new session, or secrets are copied as they are sealed",
)  # fmt: skip
async def fork(case: Case) -> None:
    """A fork has files and values, title and labels of its source; secrets only if asked."""
    scene = Scene(case.store, case.id)
    await several_of_everything(scene)
    record = await case.store.sessions.get_session(case.id)
    assert record is not None
    plain = await _fork(case)
    assert (plain.parent, plain.title, plain.labels) == (case.id, record.title, record.labels)
    assert not is_checkpoint(plain.id)
    assert await case.store.sessions.get_session(plain.id) == plain
    require_held(await held(case, case.id), await held(case, plain.id), "a fork of a session")
    assert await case.store.storage.list_secrets(plain.id) == []
    given = case.new_id()
    other = await _fork(case, title="t", labels={"a": "b"}, session_id=given, secrets=True, base=False)
    assert (other.id, other.parent, other.title, other.labels) == (given, case.id, "t", {"a": "b"})
    assert await _checkpoints(case.store, given) == []
    assert await case.store.storage.get_secret(given, "s") == "old"
    await case.store.storage.set_secret(case.id, "s", "new")
    assert await case.store.storage.get_secret(given, "s") == "old"
    assert await held(case, plain.id) == await held(case, given)
    whole = await marks(case, [case.id, plain.id, given])
    assert len(whole["ids"]) == 3 * len((await marks(case, [case.id]))["ids"])
    renamed = await case.store.sessions.update_session(given, title="another", labels={})
    assert (renamed.parent, await case.store.sessions.get_session(given)) == (case.id, renamed)


@check(
    "checkpoints.fork_of_checkpoint", "1.9.1", "1.9.5",
    likely="a fork of what may not be changed may not be changed either",
)  # fmt: skip
async def fork_ofcheckpoint_of(case: Case) -> None:
    """A fork of a checkpoint has what that has, and is changed like any session."""
    await Scene(case.store, case.id).fill()
    made = await checkpoint_of(case)
    await case.files.write_file("a", "later")
    forked = case.store.session((await _fork(case, made.id)).id)
    file = await forked.files.read_file("a")
    assert file is not None
    assert file.content == "one\ntwo\n"
    await forked.files.append_file("a", "more")
    await forked.storage.set_value("k", "more")
    assert (await held(case, made.id))["file /a"][0] == "one\ntwo\n"
