"""Forks: what they have of their source, what is their own, and what is refused."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from everstore.conformance.acts import CHANGING, LOOKING, Act, asked_of
from everstore.conformance.case import Mismatch, each, refused
from everstore.conformance.forked import (
    fork_both,
    forked,
    held,
    marks,
    require_held,
    several_of_everything,
)
from everstore.conformance.kinds import KINDS
from everstore.conformance.orders import filled, left, on_model
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import product
from everstore.conformance.registry import table as any_table
from everstore.conformance.scene import Scene
from everstore.conformance.ways import WAYS, Sample
from everstore.errors import (
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore.models import new_session_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.conformance.case import Case
    from everstore.models import FileUsage

check = partial(any_check, since="1.3", needs=("forks",))
table = partial(any_table, since="1.3", needs=("forks",))

_NO_NAME = {"secret", "name", "title", "label"}
_SAMPLE = Sample("a\r\n\u00e9\U0001f600\0\u2028")
_PATH_SAMPLE = Sample("e\u0301 \U0001f600%")


@check(
    "forks.same",
    "3.14.1", "6.6.1",
    likely="a fork is written anew: with times of its own, without marks, or in one encoding",
)  # fmt: skip
async def same(case: Case) -> None:
    """A fork has every entry and value of its source, with content, encoding, mark, times and end."""
    scene = Scene(case.store, case.id)
    await several_of_everything(scene)
    async with case.untouched():
        target = await forked(case)
    require_held(await held(case, case.id), await held(case, target.id), "a fork")
    with refused(ReadOnlyFileError):
        await target.files.append_file("kept/seed", "x")


@check(
    "forks.shows", "3.14.1", "6.6.1",
    likely="what one way in leaves is kept where a fork does not look, or is found by its source only",
)  # fmt: skip
async def shows(case: Case) -> None:
    """Whichever way data came in, every look at the fork shows it."""

    async def require(name: str) -> None:
        way = WAYS[name]
        sample = _PATH_SAMPLE if way.kind in {"path", "key"} else _SAMPLE
        scene = Scene(case.store, case.new_id())
        brought = await way.bring(scene, sample)
        target = await forked(case, scene.id)
        expected, got = await KINDS[way.kind][1](target, brought)
        for where, wanted in expected.items():
            if wanted != got[where]:
                raise Mismatch.of(wanted, got[where], f"a fork after {name}, by {where}")

    names = [name for name, way in WAYS.items() if way.kind not in _NO_NAME]
    await each(require, [name for name in names if all(map(_declared(case), WAYS[name].needs))])


def _declared(case: Case) -> Callable[[str], bool]:
    return lambda need: bool(getattr(case.capabilities, need))


@check(
    "forks.found",
    "3.14.1", "1.6.1", "1.7.1",
    likely="an index, a count or a list of sessions is kept by writes, and not by forks",
)  # fmt: skip
async def found(case: Case) -> None:
    """What searches, globs, lists and counts tell of a fork is what they tell of its source."""
    scene = Scene(case.store, case.id)
    await scene.fill()
    target = await forked(case)
    await target.files.write_file("d/more", "two two\n")
    await target.files.delete_file("d/0")
    assert [match.path for match in await target.files.grep_files("two")] == ["/a", "/d/more"]
    assert [match.path for match in await scene.files.grep_files("two")] == ["/a"]
    paths = [f"/d/{name}" for name in ("1", "2", "3", "4", "more", "sub/f")]
    assert [info.path for info in await target.files.glob_files("/d/**")] == paths
    usages = [await case.store.file_system.usage(one.id) for one in (scene, target)]
    assert [_counts(usage) for usage in usages] == [(9, 4, 26), (9, 4, 32)]
    for role in (case.store.file_system, case.store.storage):
        for session_id in (scene.id, target.id):
            after = type(session_id)(int=session_id.int - 1)
            assert await role.session_ids(after=after, limit=1) == [session_id]


def _counts(usage: FileUsage) -> tuple[int, int, int]:
    return usage.files, usage.directories, usage.bytes


@check(
    "forks.marks",
    "3.14.2", "6.6.1", "3.2.5",
    likely="rows are copied as they are, with ids and revisions",
)  # fmt: skip
async def own_marks(case: Case) -> None:
    """No entry of a fork has an id, and nothing a revision, that its source or another fork has."""
    await several_of_everything(Scene(case.store, case.id))
    sessions = [case.id, (await forked(case)).id, (await forked(case)).id]
    sessions.append((await forked(case, sessions[1])).id)
    alone = await marks(case, [case.id])
    together = await marks(case, sessions)
    for place, known in together.items():
        if len(known) != 4 * len(alone[place]):
            raise Mismatch(f"{4 * len(alone[place])} ids or revisions of {place}", f"{len(known)}")


@table(
    "forks.conditions.{row}",
    "3.14.2", "4.1.2", "6.6.1",
    rows={"source": (False,), "abandoned": (True,)},
    likely="revisions are taken along, or counted anew in each session",
)  # fmt: skip
async def conditions(case: Case, rewinds: bool) -> None:  # noqa: FBT001 - a row of the table has it
    """A condition that was read elsewhere, or before what was there was replaced, does not hold: {row}."""
    source, target = case.session(), case.session()
    seen: list[tuple[str, str]] = []
    for turn in range(3):
        for session in (source, target) if rewinds else (source,):
            file = await session.files.write_file("a", f"{turn}")
            key = await session.storage.set_value("k", f"{turn}")
            seen.append((file.revision, key.revision))
    await fork_both(case.store, source.id, target.id, replaced=case.new_id() if rewinds else None)
    async with case.untouched(target.id):
        for file_revision, key_revision in seen:
            with refused(RevisionConflictError):
                await target.files.write_file("a", "x", if_revision=file_revision)
            with refused(RevisionConflictError):
                await target.storage.set_value("k", "x", if_revision=key_revision)
            with refused(RevisionConflictError):
                await target.storage.delete_value("k", if_revision=key_revision)
    stat = await target.files.stat_file("a")
    assert stat is not None
    with refused(RevisionConflictError):
        await source.files.write_file("a", "x", if_revision=stat.revision)
    await target.files.write_file("a", "x", if_revision=stat.revision)


@check(
    "forks.revisions",
    "4.1.2", "3.14.2",
    likely="a revision is made of the time or of a count that goes back with what is replaced",
)  # fmt: skip
async def revisions(case: Case) -> None:
    """However often a session is replaced by what it was, no revision comes again."""
    begun, now = case.session(), case.session()
    await begun.files.write_file("a", "x")
    await begun.storage.set_value("k", "x")
    seen: list[tuple[str, str]] = []
    for turn in range(6):
        await fork_both(case.store, begun.id, now.id, replaced=case.new_id())
        for _ in range(2):
            stat, key = await now.files.stat_file("a"), await now.storage.stat_value("k")
            assert stat is not None
            assert key is not None
            seen.append((stat.revision, key.revision))
            await now.files.append_file("a", f"{turn}")
            await now.storage.set_value("k", f"{turn}")
    for kind in (0, 1):
        assert len({one[kind] for one in seen}) == len(seen), "a revision came again"


@product(
    "forks.apart.{role}",
    "3.14.3", "6.6.2", "1.3.2",
    likely="a fork and its source share what this verb changes in place, counts or frees",
    empty={
        **dict.fromkeys(LOOKING, "it changes nothing"),
        **{name: "no record is forked" for name, act in CHANGING.items() if act.role == "sessions"},
        **{name: "no secret is forked" for name in CHANGING if "secret" in name},
    },
    since="1.3",
    needs=("forks",),
)  # fmt: skip
async def apart(case: Case, acts: dict[str, Act]) -> None:
    """Each verb does in a fork, and in its source, what it does anywhere, and no more: {role}."""

    async def require(name: str) -> None:
        act = acts[name]
        for in_fork in (True, False):
            scene = Scene(case.store, case.new_id())
            await filled(scene, act.role)
            before = await held(case, scene.id)
            target = await forked(case, scene.id)
            changed, other = (target, scene) if in_fork else (scene, target)
            await _with_revisions(changed)
            await act.call(changed)
            require_held(before, await held(case, other.id), f"untouched by {name} on the other side")
            expected, got = await _left_by(act, in_fork=in_fork), await left(changed, act.role)
            if expected != got:
                raise Mismatch.of(expected, got, f"{name} in {'a fork' if in_fork else 'what was forked'}")

    await each(require, [*asked_of(case.capabilities, acts)])


async def _with_revisions(scene: Scene) -> None:
    """Let acts with conditions know the revisions of this session."""
    file, key = await scene.files.stat_file("a"), await scene.storage.stat_value("k")
    scene.revision = file.revision if file else "0"
    scene.key_revision = key.revision if key else "0"


async def _left_by(act: Act, *, in_fork: bool) -> list[object]:
    """What the model leaves of an act in a fork, or in what was forked."""
    scene = await on_model(act.role)
    target = Scene(scene.store, new_session_id())
    await getattr(scene.store, act.role).fork_session(scene.id, target.id)
    changed = target if in_fork else scene
    await _with_revisions(changed)
    await act.call(changed)
    return await left(changed, act.role)
