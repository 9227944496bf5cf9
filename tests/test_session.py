"""The same verbs bound to one session: same names, same arguments, same answers."""

from __future__ import annotations

import inspect
import pydoc

import pytest

import everstore
from everstore import BoundSession, InitialFile, OpenFileSystem, SessionStorageStore
from everstore.changes import Append, Increment, SetValue
from everstore.session import BoundFiles, BoundStorage

# For those who look after the store, not for those who work in a session.
KEEPERS = {
    *("apply", "close", "limit_session", "purge_session", "search", "session_ids"),
    *("fork_session", "diff_sessions", "restore_times"),
}


def verbs_of(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("bound", "interface"), [(BoundFiles, OpenFileSystem), (BoundStorage, SessionStorageStore)]
)
def test_each_verb_has_the_interface_s_arguments_without_the_session_id(bound, interface):
    wanted = {
        name: [parameter for parameter in signature.parameters.values() if parameter.name != "session_id"]
        for name, signature in verbs_of(interface).items()
        if name not in KEEPERS
    }
    assert {
        name: list(signature.parameters.values()) for name, signature in verbs_of(bound).items()
    } == wanted


@pytest.mark.parametrize(
    ("bound", "interface"), [(BoundFiles, OpenFileSystem), (BoundStorage, SessionStorageStore)]
)
def test_each_verb_answers_what_the_interface_answers(bound, interface):
    for name, signature in verbs_of(bound).items():
        answer = inspect.signature(getattr(interface, name)).return_annotation
        assert signature.return_annotation == f"Answer[{answer}]", name


CALLS = {
    "read_file": ("kept.txt",),
    "write_file": ("new", "x"),
    "read_bytes": ("kept.txt",),
    "write_bytes": ("new", b"x"),
    "append_bytes": ("new", b"x"),
    "write_file_if_content_matches": ("kept.txt", "kept", "text", "x", "text"),
    "create_directory": ("dir",),
    "list_directory": (),
    "stat_file": ("kept.txt",),
    "delete_file": ("kept.txt",),
    "seed_initial_file": (InitialFile("seed", "x"),),
    "edit_file": ("kept.txt", "kept", "x"),
    "append_file": ("kept.txt", "x"),
    "copy_file": ("kept.txt", "copy"),
    "move_file": ("kept.txt", "moved"),
    "apply_changes": ([Append("kept.txt", "x")],),
    "list_tree": (),
    "read_lines": ("kept.txt",),
    "grep_files": ("kept",),
    "glob_files": ("*",),
    "set_value": ("new", "x"),
    "set_values": ({"new": "x", "other": "y"},),
    "change_values": ([SetValue("new", "x"), Increment("n")],),
    "touch_value": ("kept",),
    "get_value": ("kept",),
    "delete_value": ("kept",),
    "read_value": ("kept",),
    "get_values": (["kept"],),
    "read_values": (),
    "list_keys": (),
    "stat_value": ("kept",),
    "increment_value": ("n",),
    "set_secret": ("new", "x"),
    "get_secret": ("kept",),
    "delete_secret": ("kept",),
    "list_secrets": (),
    "usage": (),
}
OPTIONS = {
    "write_file": {"encoding": "text", "if_absent": True},
    "read_bytes": {"start": -3, "length": 2},
    "write_bytes": {"if_absent": True},
    "create_directory": {"exist_ok": False},
    "list_directory": {"path": "/"},
    "list_tree": {"path": "/", "depth": 1, "after": "/a", "limit": 1},
    "delete_file": {"recursive": True},
    "edit_file": {"replace_all": True},
    "append_file": {"encoding": "text"},
    "copy_file": {"overwrite": True},
    "move_file": {"overwrite": True},
    "read_lines": {"start": 1, "limit": 1},
    "grep_files": {
        "path_pattern": "*",
        "regex": True,
        "ignore_case": True,
        "before": 1,
        "after": 1,
        "limit": 1,
    },
    "set_value": {"ttl": 10, "if_absent": True},
    "set_values": {"ttl": 10, "if_absent": True},
    "touch_value": {"ttl": 10},
    "read_values": {"prefix": "k", "after": "a", "limit": 1, "reverse": False},
    "list_keys": {"prefix": "k", "after": "z", "limit": 1, "reverse": True},
    "increment_value": {"amount": 5},
    "set_secret": {"ttl": 10},
}


def told(answer):
    """An answer without what differs between two sessions: ids, times, revisions."""
    if isinstance(answer, list):
        return [told(one) for one in answer]
    names = (
        "path",
        "content",
        "encoding",
        "size_bytes",
        "is_directory",
        "lines",
        "line",
        "before",
        "key",
        "value",
        "name",
        *("files", "directories", "bytes"),
    )
    shown = [getattr(answer, name, None) for name in names]
    return shown if any(part is not None for part in shown) else answer


@pytest.mark.parametrize("verb", CALLS)
async def test_a_bound_call_does_what_the_call_does(verb):
    async with everstore.open_store() as store:
        answers = []
        for _ in range(2):
            session_id = everstore.new_session_id()
            work = store.session(session_id)
            await store.file_system.write_file(
                session_id, "kept.txt", "kept\nkept\n"[: 5 if verb == "edit_file" else None]
            )
            if verb == "write_file_if_content_matches":
                await store.file_system.write_file(session_id, "kept.txt", "kept")
            await store.storage.set_value(session_id, "kept", "x")
            await store.storage.set_secret(session_id, "kept", "x")
            bound = work.files if hasattr(work.files, verb) else work.storage
            part = store.file_system if hasattr(work.files, verb) else store.storage
            call = getattr(bound, verb)
            if answers:
                answer = await call(*CALLS[verb], **OPTIONS.get(verb, {}))
            else:
                answer = await getattr(part, verb)(session_id, *CALLS[verb], **OPTIONS.get(verb, {}))
            left = [
                *(told(await work.files.glob_files("**")), told(await work.storage.list_keys())),
                *(
                    told(await work.storage.list_secrets()),
                    [info.expires_at is None for info in await work.storage.list_keys()],
                ),
            ]
            answers.append((told(answer), left))
        assert answers[0] == answers[1]


def test_every_bound_verb_is_tried_here():
    assert set(CALLS) == {*verbs_of(BoundFiles), *verbs_of(BoundStorage)}


async def test_a_bound_session_says_which_it_is(session_id):
    async with everstore.open_store() as store:
        work = store.session(session_id)
        assert isinstance(work, BoundSession)
        assert work.id == session_id
        assert str(session_id) in repr(work)


@pytest.mark.parametrize(
    ("bound", "interface"), [(BoundFiles, OpenFileSystem), (BoundStorage, SessionStorageStore)]
)
def test_help_of_each_verb_is_the_interface_s(bound, interface):
    for name in verbs_of(bound):
        assert inspect.getdoc(getattr(bound, name)) == inspect.getdoc(getattr(interface, name))


async def test_help_of_a_store_s_verb_shows_its_types_and_promises():
    async with everstore.open_store() as store:
        for part, interface in (
            (store.file_system, OpenFileSystem),
            (store.storage, SessionStorageStore),
            (store.sessions, everstore.SessionStore),
        ):
            for name in verbs_of(interface).keys() - {"apply", "close", "search"}:
                verb, promised = getattr(part, name), getattr(interface, name)
                shown = inspect.signature(verb)
                assert verb.__doc__ == promised.__doc__
                assert [str(each) for each in shown.parameters.values()] == [
                    str(each) for each in list(inspect.signature(promised).parameters.values())[1:]
                ]
                assert shown.return_annotation == inspect.signature(promised).return_annotation
        told = pydoc.render_doc(store.storage.increment_value, renderer=pydoc.plaintext)
        assert "increment_value(session_id: 'UUID', key: 'str', amount: 'int' = 1) -> 'int'" in told
        assert (inspect.getdoc(SessionStorageStore.increment_value) or "-").splitlines()[0] in told


async def test_what_is_printed_says_what_it_is():
    async with everstore.open_store() as store:
        work = store.session(everstore.new_session_id())
        assert str(work.files) == f"<everstore: files of session {work.id}>"
        assert str(work.storage) == f"<everstore: values and secrets of session {work.id}>"
        assert "memory" in str(store)
