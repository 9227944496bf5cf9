"""Calls that change nothing to be seen, again and again: each is a write all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.changes import Append, Edit, Increment, SetValue
from everstore.conformance.acts import ACTS, Act, asked_of
from everstore.conformance.case import Mismatch, each
from everstore.conformance.registry import product
from everstore.conformance.scene import LABELS, SEEDED, Scene
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case

    Mark = tuple[object, ...]
    Idle = tuple[Callable[[Scene], Awaitable[Any]], Callable[[Scene], Awaitable[Any]]]

_TIMES = 70  # more than six bits count
_MOST = 300  # more than a byte counts, for the calls that a counter of its own would belong to
_OFTEN = {
    "append",
    "append_base64",
    "edit",
    "increment",
    "retitle",
    "set_onto",
    "set_secret_onto",
    "write_onto",
}
_FILE = "one\ntwo\n"


def _file(path: str) -> Callable[[Scene], Awaitable[Any]]:
    async def look(scene: Scene) -> Any:
        found, stat = await scene.files.read_file(path), await scene.files.stat_file(path)
        assert found is not None, f"{path!r} is missing"
        assert found.stat() == stat
        kept = (found.id, found.created_at, found.content, found.encoding, found.is_readonly)
        return kept, found.revision, found.updated_ns

    return look


def _replaced(path: str) -> Callable[[Scene], Awaitable[Any]]:
    """As ``_file``, where another file takes the place each time."""

    async def look(scene: Scene) -> Any:
        found = await scene.files.read_file(path)
        assert found is not None, f"{path!r} is missing"
        return (found.content, found.encoding, found.is_readonly), found.revision, found.updated_ns

    return look


def _value(key: str) -> Callable[[Scene], Awaitable[Any]]:
    async def look(scene: Scene) -> Any:
        info = await scene.storage.stat_value(key)
        assert info is not None, f"{key!r} is missing"
        return (info.created_at, await scene.storage.get_value(key)), info.revision, info.updated_ns

    return look


async def _secret(scene: Scene) -> Any:
    [info] = await scene.storage.list_secrets()
    return (info.created_at, await scene.storage.get_secret(info.name)), info.revision, info.updated_ns


async def _record(scene: Scene) -> Any:
    found = await scene.store.sessions.get_session(scene.id)
    assert found is not None
    return (found.title, found.created_at), found.updated_ns, found.updated_ns


async def _write_if_revision(scene: Scene) -> None:
    stat = await scene.files.stat_file("a")
    assert stat is not None
    await scene.files.write_file("a", _FILE, if_revision=stat.revision)


async def _set_if_revision(scene: Scene) -> None:
    info = await scene.storage.stat_value("k")
    assert info is not None
    await scene.storage.set_value("k", "text", if_revision=info.revision)


async def _move_and_back(scene: Scene) -> None:
    await scene.files.move_file("a", "c")
    await scene.files.move_file("c", "a")


async def _move_tree_and_back(scene: Scene) -> None:
    await scene.files.move_file("d", "e")
    await scene.files.move_file("e", "d")


async def _move_onto(scene: Scene) -> None:
    await scene.files.write_file("b", _FILE)
    await scene.files.move_file("b", "a", overwrite=True)


async def _delete_and_write(scene: Scene) -> None:
    await scene.files.delete_file("a")
    await scene.files.write_file("a", _FILE, if_absent=True)


async def _delete_and_append(scene: Scene) -> None:
    await scene.files.delete_file("a")
    await scene.files.append_file("a", _FILE)


async def _delete_and_copy(scene: Scene) -> None:
    await scene.files.delete_file("a")
    await scene.files.copy_file("b", "a")


async def _delete_tree_and_write(scene: Scene) -> None:
    await scene.files.delete_file("d", recursive=True)
    await scene.files.write_file("d/0", "0\n")


async def _delete_and_set(scene: Scene) -> None:
    await scene.storage.delete_value("k")
    await scene.storage.set_value("k", "text", if_absent=True)


async def _delete_if_and_set(scene: Scene) -> None:
    info = await scene.storage.stat_value("k")
    assert info is not None
    await scene.storage.delete_value("k", if_revision=info.revision)
    await scene.storage.set_values({"k": "text"}, if_absent=True)


async def _delete_and_count(scene: Scene) -> None:
    await scene.storage.delete_value("n")
    await scene.storage.increment_value("n", 5)


async def _delete_and_set_secret(scene: Scene) -> None:
    await scene.storage.delete_secret("s")
    await scene.storage.set_secret("s", "old")


def _gone(look: Callable[[Scene], Awaitable[Any]]) -> Callable[[Scene], Awaitable[Any]]:
    """Only that revisions never come back: what is made anew has times of its own."""

    async def marks(scene: Scene) -> Any:
        _, revision, _ = await look(scene)
        return (), revision, None

    return marks


_IDLE: dict[str, Idle] = {
    "write_onto": (lambda at: at.files.write_file("a", _FILE), _file("a")),
    "write_base64": (lambda at: at.files.write_file("bytes", "AP8=", "base64"), _file("bytes")),
    "write_bytes": (lambda at: at.files.write_bytes("bytes", b"\0\xff"), _file("bytes")),
    "write_if_revision": (_write_if_revision, _file("a")),
    "write_if_absent": (_delete_and_write, _gone(_file("a"))),
    "match": (
        lambda at: at.files.write_file_if_content_matches("a", _FILE, "text", _FILE, "text"),
        _file("a"),
    ),
    "seed_onto": (lambda at: at.files.seed_initial_file(SEEDED), _file("kept/seed")),
    "seed_new": (lambda at: at.files.seed_initial_file(InitialFile("a", _FILE)), _file("a")),
    "edit": (lambda at: at.files.edit_file("a", "two", "two"), _file("a")),
    "edit_all": (lambda at: at.files.edit_file("a", "o", "o", replace_all=True), _file("a")),
    "append": (lambda at: at.files.append_file("a", ""), _file("a")),
    "append_base64": (lambda at: at.files.append_file("bytes", "", "base64"), _file("bytes")),
    "append_bytes": (lambda at: at.files.append_bytes("bytes", b""), _file("bytes")),
    "append_new": (_delete_and_append, _gone(_file("a"))),
    "delete_tree": (_delete_tree_and_write, _gone(_file("d/0"))),
    "copy": (_delete_and_copy, _gone(_file("a"))),
    "copy_onto": (lambda at: at.files.copy_file("b", "a", overwrite=True), _replaced("a")),
    "move": (_move_and_back, _file("a")),
    "move_onto": (_move_onto, _replaced("a")),
    "move_tree": (_move_tree_and_back, _file("d/sub/f")),
    "changes": (lambda at: at.files.apply_changes([Edit("a", "two", "two"), Append("a", "")]), _file("a")),
    "set_onto": (lambda at: at.storage.set_value("k", "text"), _value("k")),
    "set_for_a_while": (lambda at: at.storage.set_value("k", "text", ttl=3600), _value("k")),
    "set_if_revision": (_set_if_revision, _value("k")),
    "set_if_absent": (_delete_and_set, _gone(_value("k"))),
    "set_many": (lambda at: at.storage.set_values({"n": "5", "k": "text"}), _value("k")),
    "change_values": (
        lambda at: at.storage.change_values([SetValue("k", "text"), Increment("n", 0)]),
        _value("k"),
    ),
    "delete_if_revision": (_delete_if_and_set, _gone(_value("k"))),
    "increment": (lambda at: at.storage.increment_value("n", 0), _value("n")),
    "increment_new": (_delete_and_count, _gone(_value("n"))),
    "set_secret_onto": (lambda at: at.storage.set_secret("s", "old"), _secret),
    "set_secret_for_a_while": (lambda at: at.storage.set_secret("s", "old", ttl=3600), _secret),
    "delete_secret": (_delete_and_set_secret, _gone(_secret)),
    "retitle": (lambda at: at.store.sessions.update_session_title(at.id, "a title"), _record),
    "relabel": (lambda at: at.store.sessions.update_session(at.id, labels=LABELS), _record),
}
"""What to do again and again by the act that it is a case of, and what is looked at."""

_SAME = {
    "write_new": "write_onto",
    "write_bytes_if_revision": "write_if_revision",
    "write_bytes_if_absent": "write_if_absent",
    "append_bytes_new": "append_new",
    "directory": "a directory that exists is returned as it is, whatever is asked",
    "directory_new": "nothing of a directory's is promised to move",
    "delete": "write_if_absent",
    "delete_strictly": "delete_tree",
    "delete_empty": "nothing of a directory's is promised to move",
    "copy_tree": "copy",
    "purge_files": "revisions.not_after_session asks it",
    "purge_storage": "revisions.not_after_session asks it",
    "replace_files": "forks.revisions asks it",
    "replace_values": "forks.revisions asks it",
    "set_new": "set_onto",
    "set_secret_new": "set_secret_onto",
    "set_many_new": "delete_if_revision",
    "touch": "values.touch.marks asks that it moves nothing",
    "restore_times_of_files": "times.files.nothing_else asks that it moves no revision",
    "restore_times_of_storage": "times.storage.nothing_else asks that it moves no revision",
    "delete_value": "set_if_absent",
    "add_record": "the record's times are the caller's",
    "delete_record": "the record's times are the caller's",
}


def _reason(name: str) -> str:
    if not ACTS[name].changes:
        return "it only looks"
    reason = _SAME[name]
    return f"{reason} asks it" if reason in _IDLE else reason


@product(
    "revisions.idle.{role}",
    "3.2.3",
    "3.2.4",
    "3.2.6",
    "4.1.1",
    "4.1.2",
    "4.5.12",
    "6.1.6",
    likely="what changes nothing is not written, or the revision wraps, comes back, or stays with this verb",
    empty={name: _reason(name) for name in ACTS if name not in _IDLE},
    since="1.1",
)
async def idle(case: Case, acts: dict[str, Act]) -> None:
    """Many calls that leave the content as it is: each moves revision and updated_at: {role}."""

    async def repeat(name: str) -> None:
        call, look = _IDLE[name]
        scene = Scene(case.store, case.new_id())
        await scene.fill()
        await scene.files.write_file("b", _FILE)
        kept, revision, updated = await look(scene)
        seen = {revision}
        for turn in range(1, 1 + (_MOST if name in _OFTEN else _TIMES)):
            await call(scene)
            now, revision, moved = await look(scene)
            about = f"after {turn} calls of {name}"
            assert now == kept, about
            if revision in seen:
                raise Mismatch(f"another revision {about}", f"{revision} again", field="revision")
            seen.add(revision)
            if updated is not None and moved <= updated:
                raise Mismatch(f"updated_at after {updated}, {about}", f"{moved}", field="updated_at")
            updated = moved

    await each(repeat, list(asked_of(case.capabilities, acts)))


async def _all_marks(case: Case, scene: Scene) -> dict[str, Any]:
    """Everything in a session, with its record, and its directories."""
    marks = await case.snapshot(scene.id)
    record = await case.store.sessions.get_session(scene.id)
    return {**marks, "record": record, "file /": (await scene.files.stat_file("/"), None)}


def _moved(act: Act, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What moved though nothing was done to it."""
    if not act.changes:
        return [place for place in before.keys() | after.keys() if before.get(place) != after.get(place)]
    own = {"file_system": "file", "storage": "value secret", "sessions": "record"}[act.role].split()
    moved = []
    for place, mark in before.items():
        other = after.get(place)
        is_entry = place.startswith("file ")
        is_beside = "beside" in place or place.partition(" ")[0] not in own
        # A directory that is still there, and the same one: not one that was deleted or moved.
        is_same = is_entry and other is not None and mark[0].is_directory and mark[0].id == other[0].id
        if mark != other and (is_same or (is_beside and not _empties(act, place))):
            moved.append(place)
    return moved


def _empties(act: Act, place: str) -> bool:
    """Whether the call takes away whatever is there."""
    if act.verb == "fork_session":  # in place of what is there, but for secrets
        return place.startswith("file " if act.role == "file_system" else "value ")
    return act.verb == "purge_session" and place.startswith("file") == (act.role == "file_system")


@product(
    "revisions.still.{role}",
    "3.2.8",
    "4.1.1",
    likely="a change below a directory, or in a session, is noted there, or beside it",
    since="1.1",
)
async def still(case: Case, acts: dict[str, Act]) -> None:
    """A call moves times and revision of nothing but what it changes, and looking of nothing: {role}."""

    async def require(name: str) -> None:
        act, scene = acts[name], Scene(case.store, case.new_id())
        await scene.fill()
        await scene.files.write_file("d/beside", "x")
        await scene.storage.set_value("beside", "x")
        await scene.storage.set_secret("beside", "x")
        before = await _all_marks(case, scene)
        moved_trees = ("file /d/",) if name in {"move_tree", "delete_tree", "delete_strictly"} else ()
        await act.call(scene)
        after = await _all_marks(case, scene)
        if moved_trees:
            before = {place: mark for place, mark in before.items() if not place.startswith(moved_trees)}
        for place in _moved(act, before, after):
            raise Mismatch.of(before.get(place), after.get(place), f"{place} untouched by {name}")

    await each(require, list(asked_of(case.capabilities, acts)))
