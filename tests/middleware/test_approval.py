"""Somebody is asked before a change: what is approved is done, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from policy_calls import OTHER, SESSION, whole

import everstore
from everstore import InitialFile
from everstore.changes import (
    Append,
    AppendBytes,
    CompareAndWrite,
    Copy,
    Delete,
    DeleteSecret,
    DeleteValue,
    Edit,
    Increment,
    MakeDirectory,
    Move,
    SetSecret,
    SetValue,
    TouchValue,
    Write,
    WriteBytes,
)
from everstore.errors import InvalidArgumentError, PolicyError
from everstore.interfaces import DurableStorageStore, SessionFileSystem
from everstore.middleware import Approval, ApprovalRequest, PathPolicy
from everstore.middleware.approval import _REQUESTS, _UNASKED
from everstore.middleware.base import Role, Verb, verbs_of


def opened(*layers):
    return everstore.open_store(environment={}, middleware=list(layers))


def calls(work):
    """A call of every verb that is asked for, and the changes that the hook is to see."""
    files, values = work.files, work.storage
    some = [SetValue("p", "12"), Increment("p", 1), DeleteValue("p")]
    several = [Write("/a", "x"), Edit("/a", "x", "y"), Delete("/a", recursive=False, strict=True)]
    return [
        (lambda: files.write_file("/d/a", "xé"), [Write("/d/a", "xé")], 3),
        (
            lambda: files.write_bytes("b", bytearray(b"\0"), if_absent=True),
            [WriteBytes("/b", b"\0", None, True)],
            1,
        ),
        (
            lambda: files.write_file_if_content_matches("/d/a", "xé", "text", "y", "text"),
            [CompareAndWrite("/d/a", "xé", "text", "y", "text")],
            1,
        ),
        (lambda: files.edit_file("/d/a", "y", "zz", replace_all=True), [Edit("/d/a", "y", "zz", True)], 2),
        (lambda: files.append_file("/d/a", "z"), [Append("/d/a", "z")], 1),
        (lambda: files.append_bytes("/b", b"12"), [AppendBytes("/b", b"12")], 2),
        (lambda: files.create_directory("/e"), [MakeDirectory("/e")], 0),
        (lambda: files.copy_file("/d", "/f"), [Copy("/d", "/f")], 0),
        (lambda: files.move_file("/f", "/g"), [Move("/f", "/g")], 0),
        (lambda: files.delete_file("/g", recursive=True), [Delete("/g", True)], 0),
        (lambda: files.apply_changes(several), several, 2),
        (lambda: values.set_value("k", "1", ttl=60), [SetValue("k", "1", 60.0)], 1),
        (lambda: values.set_values({"m": "12", "n": ""}), [SetValue("m", "12"), SetValue("n", "")], 2),
        (lambda: values.increment_value("k", 4), [Increment("k", 4)], 0),
        (lambda: values.touch_value("k", ttl=None), [TouchValue("k", None)], 0),
        (lambda: values.delete_value("k"), [DeleteValue("k")], 0),
        (lambda: values.change_values(some), some, 2),
        (lambda: values.set_secret("s", "hunter2"), [SetSecret("s", "")], 0),
        (lambda: values.delete_secret("s"), [DeleteSecret("s")], 0),
    ]


async def test_the_hook_sees_every_change_before_it_is_made():
    asked = []

    async def hook(request):
        asked.append(request)
        return True

    async with opened(Approval(hook)) as store:
        for call, changes, size in calls(store.session(SESSION)):
            await call()
            request = asked.pop()
            assert asked == []
            assert (request.session_id, list(request.changes)) == (SESSION, changes)
            assert request.size_bytes == size
            assert request.verb in {changes[0].verb, "apply_changes", "change_values", "set_values"}
            places = list(dict.fromkeys(place for change in changes for place in change.places()))
            assert [*request.paths, *request.keys] == places
            assert "hunter2" not in repr(request)
        covered = {
            verb for verb in _REQUESTS if verb not in {"swap_secret", "seed_initial_file", "restore_times"}
        }
        assert len(calls(store.session(SESSION))) == len(covered)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (False, "it was not approved"),
        ("not on a Friday", "not on a Friday"),
        (None, "the approval hook answered with None, and not with True, False or a reason"),
        ("", "the approval hook answered with a value of type str, and not with True, False or a reason"),
        (1, "the approval hook answered with 1, and not with True, False or a reason"),
    ],
)
async def test_anything_but_true_is_a_refusal_and_nothing_happens(answer, reason):
    said = [True]
    async with opened(Approval(lambda _: said[0])) as store:
        work = store.session(SESSION)
        for call, _, _ in calls(work):
            said[0] = answer
            before = await whole(store), await work.storage.read_values(), await work.storage.list_secrets()
            with pytest.raises(PolicyError) as caught:
                await call()
            assert caught.value.reason == reason
            after = await whole(store), await work.storage.read_values(), await work.storage.list_secrets()
            assert after == before
            said[0] = True
            await call()


async def test_a_hook_that_raises_refuses():
    async def hook(request):
        if request.paths == ("/typed",):
            raise PolicyError.of("/typed", "my own words")
        raise LookupError("hunter2")

    async with opened(Approval(hook)) as store:
        files = store.session(SESSION).files
        with pytest.raises(PolicyError, match="failed with LookupError") as caught:
            await files.write_file("/a", "x")
        assert (caught.value.path, isinstance(caught.value.__cause__, LookupError)) == ("/a", True)
        assert "hunter2" not in str(caught.value)
        with pytest.raises(PolicyError, match="my own words"):
            await files.write_file("/typed", "x")
        assert await files.list_tree() == []


async def test_a_call_that_is_cancelled_while_it_waits_changes_nothing_and_others_go_on():
    waiting, go = asyncio.Event(), asyncio.Event()

    async def hook(request):
        if request.paths == ("/slow",):
            waiting.set()
            await go.wait()
        return True

    async with opened(Approval(hook)) as store:
        files = store.session(SESSION).files
        for is_cancelled in (True, False):
            waiting.clear()
            data = bytearray(b"asked for")
            task = asyncio.ensure_future(files.write_bytes("/slow", data))
            await waiting.wait()
            data[:] = b"something"
            await files.write_file("/quick", "x")  # no lock is held
            assert [info.path for info in await files.list_tree()] == ["/quick"]
            if is_cancelled:
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                go.set()
                await task
        assert await files.read_bytes("/slow") == b"asked for"


async def test_what_is_listed_is_what_is_done_whatever_becomes_of_the_list():
    async def hook(_request):
        changes[:] = [Delete("/keep")]
        values["k"] = "other"
        return True

    changes, values = [Write("/a", "x")], {"k": "1"}
    async with opened(Approval(hook)) as store:
        work = store.session(SESSION)
        await store.file_system.seed_initial_file(SESSION, InitialFile("/keep", "x"))
        await work.files.apply_changes(changes)
        values["k"] = "1"
        await work.storage.set_values(values)
        assert [info.path for info in await work.files.list_tree()] == ["/a", "/keep"]
        assert await work.storage.get_value("k") == "1"


async def test_looking_empty_calls_other_sessions_and_the_host_are_not_asked_for():
    def hook(request):
        raise AssertionError(request)

    async with opened(Approval(hook, sessions=[SESSION])) as store:
        work = store.session(SESSION)
        await store.session(OTHER).files.write_file("/a", "x")
        session = await store.create_session(session_id=SESSION, files=[InitialFile("/a", "x")])
        assert await work.files.apply_changes([]) == []
        assert await work.storage.set_values({}) == []
        assert (await work.files.read_file("/a")).content == "x"
        assert await work.storage.get_values(["k"]) == {}
        assert await store.usage(session.id)
        assert await store.delete_session(session.id)


@pytest.mark.parametrize(
    "verb",
    [
        *verbs_of(SessionFileSystem, "file_system", "memory"),
        *verbs_of(DurableStorageStore, "storage", "memory"),
    ],
    ids=lambda verb: verb.name,
)
def test_every_verb_is_asked_for_or_known_to_change_nothing(verb):
    assert (verb.name in _REQUESTS and verb.name not in _UNASKED) != (verb.name in _UNASKED)


async def test_a_verb_that_it_does_not_know_is_refused():
    async def call(*_args):
        raise AssertionError("it was let through")

    verb = Verb("truncate_file", "file_system", "memory", ("session_id", "path"))
    role = Role("file_system", "memory", (verb,), {"truncate_file": call})
    with pytest.raises(PolicyError, match="does not know what truncate_file does"):
        await Approval(lambda _: True).wrap_role(role)["truncate_file"](SESSION, "/a")


async def test_behind_another_policy_it_is_asked_for_what_that_lets_through():
    asked = []

    def hook(request: ApprovalRequest) -> bool:
        asked.append(request.verb)
        return True

    async with opened(PathPolicy(deny_write=["*.lock"]), Approval(hook)) as store:
        files = store.session(SESSION).files
        with pytest.raises(PolicyError):
            await files.write_file("a.lock", "x")
        await files.write_file("a", "x")
        assert asked == ["write_file"]


def test_what_is_no_hook_is_told_at_once():
    with pytest.raises(InvalidArgumentError):
        Approval("yes")
