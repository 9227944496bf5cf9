"""Every way in that data has, as the content of something or as its name.

A way brings a sample into a session and says what must be there then; everything that shows it is looked
at. What may happen to data (it is decoded, normalised, stripped, cut) is asked of every way, and not only
of the plain write: a new way is in all of these tables by its one line here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.changes import (
    Append,
    AppendBytes,
    Copy,
    Delete,
    DeleteValue,
    Edit,
    Increment,
    MakeDirectory,
    Move,
    SetValue,
    TouchValue,
    Write,
    WriteBytes,
)
from everstore.conformance.kinds import KINDS, PATH, RECORD_NS, as_bytes, encoded
from everstore.conformance.scene import Scene
from everstore.models import InitialFile, Session

if TYPE_CHECKING:
    from everstore.models import Encoding

__all__ = ["WAYS", "Sample", "Way"]

_MARK = "\x01@\x01"


class Sample(msgspec.Struct, frozen=True):
    """Text, or bytes that are none, and where in it something is; in the middle, mostly."""

    data: Any
    at: int = -1

    @property
    def cut(self) -> int:
        """Where to part it."""
        return self.at if self.at >= 0 else len(self.data) // 2


Bring = Callable[[Scene, Sample], Awaitable[Any]]


class Way(msgspec.Struct, frozen=True):
    """One way in, of a kind; ``bring`` answers with what must be there then.

    ``needs`` are capabilities without which the call is refused.
    """

    kind: str
    bring: Bring
    needs: tuple[str, ...] = ()

    def refuses(self, sample: Sample) -> str | None:
        """Why a sample cannot come this way; ``None`` when it can."""
        return KINDS[self.kind][0](sample.data)

    async def differences(self, scene: Scene, sample: Sample) -> dict[str, tuple[object, object]]:
        """Bring a sample into an empty session; what was expected and what came, where they differ."""
        expected, got = await KINDS[self.kind][1](scene, await self.bring(scene, sample))
        return {where: (each, got[where]) for where, each in expected.items() if each != got[where]}


# -- contents of files


def _write(encoding: Encoding, *, onto: bool = False, if_absent: bool = False) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        if onto:
            await scene.files.write_file(PATH, "something else, which is longer than most")
        await scene.files.write_file(PATH, encoded(sample.data, encoding), encoding, if_absent=if_absent)
        return sample.data

    return bring


def _write_if_revision(encoding: Encoding) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        old = await scene.files.write_file(PATH, "old")
        content = encoded(sample.data, encoding)
        await scene.files.write_file(PATH, content, encoding, if_revision=old.revision)
        return sample.data

    return bring


def _match(encoding: Encoding) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        await scene.files.write_file(PATH, "old")
        content = encoded(sample.data, encoding)
        await scene.files.write_file_if_content_matches(PATH, "old", "text", content, encoding)
        return sample.data

    return bring


def _match_expected(encoding: Encoding) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        content, new = encoded(sample.data, encoding), encoded("matched", encoding)
        await scene.files.write_file(PATH, content, encoding)
        await scene.files.write_file_if_content_matches(PATH, content, encoding, new, encoding)
        return "matched"

    return bring


def _seed(encoding: Encoding, *, onto: bool = False) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        if onto:
            await scene.files.seed_initial_file(InitialFile(PATH, "old", is_readonly=True))
        content = encoded(sample.data, encoding)
        await scene.files.seed_initial_file(InitialFile(PATH, content, encoding, is_readonly=onto))
        return sample.data

    return bring


def _append(encoding: Encoding) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        await scene.files.append_file(PATH, encoded(sample.data, encoding), encoding)
        return sample.data

    return bring


def _append_rest(encoding: Encoding) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        data, cut = sample.data, sample.cut
        await scene.files.write_file(PATH, encoded(data[:cut], encoding), encoding)
        await scene.files.append_file(PATH, encoded(data[cut:], encoding), encoding)
        return data

    return bring


def _append_behind(encoding: Encoding) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        await scene.files.write_file(PATH, encoded(sample.data, encoding), encoding)
        await scene.files.append_file(PATH, encoded("\n!", encoding), encoding)
        return as_bytes(sample.data) + b"\n!" if encoding == "base64" else sample.data + "\n!"

    return bring


def _write_bytes(*, onto: bool = False, if_absent: bool = False) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        if onto:
            await scene.files.write_file(PATH, "something else, which is longer than most")
        await scene.files.write_bytes(PATH, as_bytes(sample.data), if_absent=if_absent)
        return sample.data

    return bring


async def _write_buffer(scene: Scene, sample: Sample) -> Any:
    buffer = bytearray(as_bytes(sample.data))
    with memoryview(buffer) as view:
        await scene.files.write_bytes(PATH, view)
    buffer[:] = b"?" * len(buffer)  # which is the caller's own again
    return sample.data


async def _append_rest_of_bytes(scene: Scene, sample: Sample) -> Any:
    data = as_bytes(sample.data)
    await scene.files.append_bytes(PATH, data[: sample.cut])
    await scene.files.append_bytes(PATH, bytearray(data[sample.cut :]))
    return sample.data


async def _append_bytes_to_base64(scene: Scene, sample: Sample) -> Any:
    data = as_bytes(sample.data)
    await scene.files.write_file(PATH, encoded(data[: sample.cut], "base64"), "base64")
    await scene.files.append_bytes(PATH, data[sample.cut :])
    return sample.data


async def _append_base64_to_bytes(scene: Scene, sample: Sample) -> Any:
    data = as_bytes(sample.data)
    await scene.files.write_bytes(PATH, data[: sample.cut])
    await scene.files.append_file(PATH, encoded(data[sample.cut :], "base64"), "base64")
    return sample.data


def _transfer(verb: str, encoding: Encoding, *, onto: bool = False, tree: bool = False) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        content = encoded(sample.data, encoding)
        await scene.files.write_file("from/f" if tree else "from", content, encoding)
        if onto:
            await scene.files.write_file(PATH, "old")
        source, destination = ("from", "d") if tree else ("from", PATH)
        await getattr(scene.files, verb)(source, destination, overwrite=onto)
        return sample.data

    return bring


async def _among_changes(scene: Scene, sample: Sample) -> Any:
    """Parts of the text are written, appended, copied and moved, all in one call."""
    await scene.files.apply_changes(
        [
            Write("from", sample.data[: sample.cut]),
            Append("from", sample.data[sample.cut :]),
            MakeDirectory("d"),
            Copy("from", "copy"),
            Move("copy", PATH),
            Delete("from"),
        ]
    )
    return sample.data


async def _bytes_among_changes(scene: Scene, sample: Sample) -> Any:
    data = as_bytes(sample.data)
    await scene.files.apply_changes(
        [WriteBytes(PATH, data[: sample.cut]), AppendBytes(PATH, data[sample.cut :])]
    )
    return sample.data


async def _edit_among_changes(scene: Scene, sample: Sample) -> Any:
    await scene.files.apply_changes([Write(PATH, f"<{_MARK}>"), Edit(PATH, _MARK, sample.data)])
    return f"<{sample.data}>"


def _edit(
    before: Callable[[Sample], str], new: Callable[[Sample], str], *, replace_all: bool = False
) -> Bring:
    """The mark in a text becomes something else."""

    async def bring(scene: Scene, sample: Sample) -> Any:
        await scene.files.write_file(PATH, before(sample))
        await scene.files.edit_file(PATH, _MARK, new(sample), replace_all=replace_all)
        return before(sample).replace(_MARK, new(sample))

    return bring


async def _edit_away(scene: Scene, sample: Sample) -> Any:
    await scene.files.write_file(PATH, f"<{sample.data}>" if sample.data else f"<{_MARK}>")
    await scene.files.edit_file(PATH, sample.data or _MARK, "gone")
    return "<gone>"


def _contents(encoding: Encoding) -> dict[str, Bring]:
    return {
        "write": _write(encoding),
        "write_onto": _write(encoding, onto=True),
        "write_if_absent": _write(encoding, if_absent=True),
        "write_if_revision": _write_if_revision(encoding),
        "match": _match(encoding),
        "match_expected": _match_expected(encoding),
        "seed": _seed(encoding),
        "seed_onto": _seed(encoding, onto=True),
        "append": _append(encoding),
        "append_rest": _append_rest(encoding),
        "append_behind": _append_behind(encoding),
        "copy": _transfer("copy_file", encoding),
        "copy_onto": _transfer("copy_file", encoding, onto=True),
        "copy_tree": _transfer("copy_file", encoding, tree=True),
        "move": _transfer("move_file", encoding),
        "move_onto": _transfer("move_file", encoding, onto=True),
        "move_tree": _transfer("move_file", encoding, tree=True),
    }


_BYTES = {
    "bytes": _write_bytes(),
    "bytes_onto": _write_bytes(onto=True),
    "bytes_if_absent": _write_bytes(if_absent=True),
    "bytes_of_buffer": _write_buffer,
    "bytes_append_rest": _append_rest_of_bytes,
    "bytes_append_to_base64": _append_bytes_to_base64,
    "bytes_append_base64": _append_base64_to_bytes,
    "bytes_among_changes": _bytes_among_changes,
}
_EDITS = {
    "edit_into": _edit(
        lambda one: one.data[: one.cut] + _MARK + one.data[one.cut + 1 :],
        lambda one: one.data[one.cut : one.cut + 1],
    ),
    "edit_beside": _edit(lambda one: one.data + _MARK, lambda _: ""),
    "edit_before": _edit(lambda one: _MARK + one.data, lambda _: "!"),
    "edit_all": _edit(lambda _: f"{_MARK}, {_MARK}", lambda one: one.data, replace_all=True),
    "edit_away": _edit_away,
    "among_changes": _among_changes,
    "edit_among_changes": _edit_among_changes,
}


# -- values, secrets and titles


def _set(verb: str, *, onto: bool = False, **options: Any) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        call = getattr(scene.storage, verb)
        if onto:
            await call("k", "something else, which is longer than most")
        await call("k", sample.data, **options)
        return sample.data

    return bring


async def _set_if_revision(scene: Scene, sample: Sample) -> Any:
    await scene.storage.set_value("k", "old")
    [info] = await scene.storage.list_keys()
    await scene.storage.set_value("k", sample.data, if_revision=info.revision)
    return sample.data


def _set_many(*, onto: bool = False, **options: Any) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        if onto:
            await scene.storage.set_value("k", "something else, which is longer than most")
        await scene.storage.set_values({"a": "before it", "k": sample.data, "z": "behind it"}, **options)
        for key in ("a", "z"):
            await scene.storage.delete_value(key)
        return sample.data

    return bring


async def _set_among_changes(scene: Scene, sample: Sample) -> Any:
    await scene.storage.change_values([Increment("a"), SetValue("k", sample.data), DeleteValue("a")])
    return sample.data


async def _touch(scene: Scene, sample: Sample) -> Any:
    await scene.storage.set_value("k", sample.data)
    await scene.storage.touch_value("k", ttl=None)
    return sample.data


async def _add_record(scene: Scene, sample: Sample) -> Any:
    await scene.store.sessions.add_session(Session(scene.id, sample.data, RECORD_NS))
    return sample.data


async def _replace_record(scene: Scene, sample: Sample) -> Any:
    await scene.store.sessions.add_session(Session(scene.id, "another", RECORD_NS - 5))
    return await _add_record(scene, sample)


async def _retitle(scene: Scene, sample: Sample) -> Any:
    await scene.store.sessions.add_session(Session(scene.id, "another", RECORD_NS))
    await scene.store.sessions.update_session_title(scene.id, sample.data)
    return sample.data


async def _add_label(scene: Scene, sample: Sample) -> Any:
    labels = {sample.data: sample.data}
    await scene.store.sessions.add_session(Session(scene.id, None, RECORD_NS, labels=labels))
    return sample.data


async def _relabel(scene: Scene, sample: Sample) -> Any:
    await scene.store.sessions.add_session(Session(scene.id, "a title", RECORD_NS, labels={"a": "b"}))
    await scene.store.sessions.update_session(scene.id, labels={sample.data: sample.data})
    return sample.data


# -- names


def _named(call: Callable[[Scene, str], Awaitable[Any]], *, source: str = "") -> Bring:
    """The call makes something of the name ``/d/<data>``, perhaps of a file that is somewhere else."""

    async def bring(scene: Scene, sample: Sample) -> Any:
        if source:
            await scene.files.write_file(source.format(sample.data), "x")
        await call(scene, f"/d/{sample.data}")
        return sample.data

    return bring


def _keyed(call: Callable[[Scene, str], Awaitable[Any]]) -> Bring:
    async def bring(scene: Scene, sample: Sample) -> Any:
        await call(scene, sample.data)
        return sample.data

    return bring


_PATHS = {
    "path_of_write": _named(lambda at, path: at.files.write_file(path, "x")),
    "path_of_append": _named(lambda at, path: at.files.append_file(path, "x")),
    "path_of_seed": _named(lambda at, path: at.files.seed_initial_file(InitialFile(path, "x"))),
    "path_of_directory": _named(lambda at, path: at.files.create_directory(path)),
    "path_among_changes": _named(
        lambda at, path: at.files.apply_changes([Write("/s", "x"), Move("/s", path)])
    ),
    "path_of_copy": _named(lambda at, path: at.files.copy_file("/s", path), source="/s"),
    "path_of_move": _named(lambda at, path: at.files.move_file("/s", path), source="/s"),
    "path_in_copied": _named(lambda at, _: at.files.copy_file("/s", "/d"), source="/s/{}"),
    "path_in_moved": _named(lambda at, _: at.files.move_file("/s", "/d"), source="/s/{}"),
    "path_of_copied_tree": _named(lambda at, path: at.files.copy_file("/s", path), source="/s/x"),
    "path_of_moved_tree": _named(lambda at, path: at.files.move_file("/s", path), source="/s/x"),
}

WAYS: dict[str, Way] = {
    **{name: Way("text", bring) for name, bring in (_contents("text") | _EDITS).items()},
    **{f"{name}_bytes": Way("bytes", bring) for name, bring in _contents("base64").items()},
    **{name: Way("bytes", bring) for name, bring in _BYTES.items()},
    "set": Way("value", _set("set_value")),
    "set_onto": Way("value", _set("set_value", onto=True)),
    "set_if_absent": Way("value", _set("set_value", if_absent=True)),
    "set_if_revision": Way("value", _set_if_revision),
    "set_for_a_while": Way("value", _set("set_value", onto=True, ttl=3600), needs=("time_to_live",)),
    "set_many": Way("value", _set_many()),
    "set_many_onto": Way("value", _set_many(onto=True)),
    "set_many_if_absent": Way("value", _set_many(if_absent=True)),
    "set_among_changes": Way("value", _set_among_changes),
    "touch": Way("value", _touch),
    "set_secret": Way("secret", _set("set_secret")),
    "set_secret_onto": Way("secret", _set("set_secret", onto=True)),
    "set_secret_for_a_while": Way("secret", _set("set_secret", ttl=3600), needs=("time_to_live",)),
    "title": Way("title", _add_record),
    "title_onto": Way("title", _replace_record),
    "retitle": Way("title", _retitle),
    "label": Way("label", _add_label),
    "relabel": Way("label", _relabel),
    **{name: Way("path", bring) for name, bring in _PATHS.items()},
    "key_of_value": Way("key", _keyed(lambda at, key: at.storage.set_value(key, "1"))),
    "key_of_many": Way("key", _keyed(lambda at, key: at.storage.set_values({key: "1"}))),
    "key_among_changes": Way(
        "key", _keyed(lambda at, key: at.storage.change_values([Increment(key), TouchValue(key)]))
    ),
    "key_of_counter": Way("key", _keyed(lambda at, key: at.storage.increment_value(key))),
    "name_of_secret": Way("name", _keyed(lambda at, name: at.storage.set_secret(name, "1"))),
}
"""Every way by name."""
