"""Single cases of policies about paths, and that no verb goes round one."""

from __future__ import annotations

import inspect
import pickle

import pytest
from policy_calls import OTHER, SESSION, Switch, call_of, plant, whole

import everstore
from everstore import InitialFile
from everstore.changes import Append, Copy, Delete, Edit, MakeDirectory, Move, Write
from everstore.errors import (
    BackendUnavailableError,
    InvalidArgumentError,
    InvalidPatternError,
    PathExistsError,
    PathNotFoundError,
    PolicyError,
)
from everstore.interfaces import SessionFileSystem
from everstore.middleware import Middleware, Mount, PathPolicy, WriteBlocklist
from everstore.middleware.areas import GlobArea
from everstore.middleware.base import Role, verbs_of
from everstore.middleware.gated import GatedFiles
from everstore.middleware.policy import HOST_VERBS


def opened(*layers, **settings):
    return everstore.open_store(environment={}, middleware=list(layers), **settings)


VERBS = verbs_of(SessionFileSystem, "file_system", "memory")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_is_decided_on_with_all_its_arguments(verb):
    decided = getattr(GatedFiles, verb.name, None)
    assert (decided is None) == (verb.name in HOST_VERBS)
    if decided is not None:
        _, *parameters = inspect.signature(decided).parameters.values()
        takes = {each.name for each in parameters}
        is_open = any(each.kind is each.VAR_POSITIONAL for each in parameters) | any(
            each.kind is each.VAR_KEYWORD for each in parameters
        )
        assert is_open or takes == set(verb.parameters)


async def test_a_verb_that_no_policy_knows_is_refused():
    async def call(*_args):
        raise AssertionError("it was let through")

    verb = VERBS[0].__class__("truncate_file", "file_system", "memory", ("session_id", "path"))
    role = Role("file_system", "memory", (verb,), {"truncate_file": call})
    for policy in (PathPolicy(), WriteBlocklist()):
        with pytest.raises(PolicyError, match="does not know what truncate_file does"):
            await policy.wrap_role(role)["truncate_file"](SESSION, "/a")


async def test_only_the_sessions_that_it_is_about_are_restricted():
    for sessions in ([SESSION], SESSION, lambda session_id: session_id == SESSION):
        async with opened(PathPolicy(write=[], sessions=sessions)) as store:
            await store.session(OTHER).files.write_file("a", "x")
            with pytest.raises(PolicyError):
                await store.session(SESSION).files.write_file("a", "x")
            await store.storage.set_value(SESSION, "a", "x")


async def test_one_policy_in_two_stores_at_once():
    policy = PathPolicy(deny_read=["hidden"])
    async with opened(policy) as one, opened(policy) as two:
        await one.session(SESSION).files.write_file("a", "one")
        await two.session(SESSION).files.write_file("a", "two")
        assert (await one.session(SESSION).files.read_file("a")).content == "one"
        assert (await two.session(SESSION).files.read_file("a")).content == "two"


@pytest.mark.parametrize("alias", [True, False])
async def test_the_alias_of_the_root_means_in_a_glob_what_it_means_in_the_store(alias):
    switch = Switch()
    policy = PathPolicy(deny_read=["/workspace/a"], sessions=switch)
    async with opened(policy, workspace_alias=alias) as store:
        files = store.session(SESSION).files
        await files.write_file("/a", "x")
        await files.write_file("/workspace/a" if not alias else "/b", "x")
        switch.on = True
        assert (await files.stat_file("/a") is None) == alias
        assert await files.stat_file("/workspace/a") is None


async def test_a_hidden_file_in_the_way_is_a_refusal_that_does_not_name_it():
    switch = Switch()
    async with opened(PathPolicy(read=["/src/**"], sessions=switch)) as store:
        files = store.session(SESSION).files
        await files.write_file("/src", "hidden")
        switch.on = True
        assert await files.stat_file("/src") is None
        calls = [
            files.write_file("/src/a", "x"),
            files.append_file("/src/a", "x"),
            files.create_directory("/src"),
            files.create_directory("/src", exist_ok=False),
            files.create_directory("/src/a/b"),
            files.apply_changes([Append("/src/a", "x")]),
        ]
        for call in calls:
            with pytest.raises(PolicyError, match="is in the way") as caught:
                await call
            assert caught.value.__context__ is None
        assert await files.delete_file("/src", recursive=True) is False
        with pytest.raises(PathNotFoundError):
            await files.delete_file("/src", strict=True)
        for call in (
            files.edit_file("/src/a", "x", "y"),
            files.delete_file("/src/a", strict=True),
            files.delete_file("/src/a/b", recursive=True, strict=True),
            files.move_file("/src/a", "/src/b"),
            files.copy_file("/src/a", "/src/b"),
            files.read_file("/src/a", strict=True),
            files.list_directory("/src/a", strict=True),
            files.apply_changes([Edit("/src/a", "x", "y")]),
            files.apply_changes([Delete("/src/a")]),
        ):
            with pytest.raises(PathNotFoundError):
                await call
        for call in (files.move_file("/src", "/src/a"), files.copy_file("/src", "/src/a")):
            with pytest.raises(InvalidArgumentError):  # into itself
                await call
        switch.on = False
        assert (await files.read_file("/src")).content == "hidden"


async def test_a_directory_that_is_seen_is_told_of_as_ever():
    async with opened(PathPolicy(read=["/src/**"])) as store:
        files = store.session(SESSION).files
        await files.write_file("/src/a/b", "x")
        with pytest.raises(PathExistsError):
            await files.create_directory("/src", exist_ok=False)
        assert (await files.move_file("/src/a", "/src/c")).path == "/src/c"
        assert await files.delete_file("/src", recursive=True)
        assert await files.list_tree() == []


async def test_the_first_refused_change_has_its_place_and_nothing_is_made():
    async with opened(PathPolicy(deny_write=["*.lock"])) as store:
        files = store.session(SESSION).files
        for changes, index in (
            ([Write("/a", "x"), Write("/b.lock", "x")], 1),
            ([Write("/a", "x"), MakeDirectory("/d"), Move("/a", "/d/a"), Copy("/d/a", "/c.lock/a")], 3),
            ([Write("/d/a", "x"), Write("/e", "x"), Delete("/d", recursive=True)], 2),
            ([Write("/d/a", "x"), Move("/d", "/e")], 1),
        ):
            with pytest.raises(PolicyError) as caught:
                await files.apply_changes(changes)
            assert caught.value.index == index
            assert await files.list_tree() == []
        done = await files.apply_changes([Write("/a", "x"), Move("/a", "/b"), Copy("/b", "/a"), Delete("/b")])
        assert [info and info.path for info in done] == ["/a", "/b", "/a", None]


async def test_a_moved_file_is_the_same_and_its_copy_is_not():
    async with opened(PathPolicy(deny_write=["*.lock"])) as store:
        files = store.session(SESSION).files
        file = await files.write_file("/d/a", "x")
        moved = await files.move_file("/d", "/e")
        assert moved.is_directory
        assert (await files.stat_file("/e/a")).id == file.id
        copied = await files.copy_file("/e/a", "/b")
        assert copied.id != file.id
        over = await files.move_file("/e/a", "/b", overwrite=True)
        assert over.id == file.id


async def test_the_host_s_own_verbs_pass():
    async with opened(PathPolicy(read=[]), WriteBlocklist()) as store:
        session = await store.create_session(files=[InitialFile("/.git/config", "x", is_readonly=True)])
        assert await store.session_ids() == [session.id]
        assert await store.session(session.id).files.list_tree() == []
        assert (await store.usage(session.id)).files == 0
        assert await store.delete_session(session.id)


async def test_nothing_is_written_below_a_blocked_name_by_any_way():
    switch = Switch()
    async with opened(WriteBlocklist(sessions=switch)) as store:
        await plant(store, {"/p/.git/config": "x", "/p/a": "x", "/q/b": "x", "/GIT/.GIT": "x"})
        before = await whole(store)
        switch.on = True
        refused = [
            *(Write("/p/.git/config", "y"), Write("/.Git", "y"), MakeDirectory("/x/node_modules/y")),
            *(
                Move("/p", "/r"),
                Copy("/p", "/r"),
                Copy("/p/.git/config", "/.git/config"),
                Move("/q", "/.git"),
            ),
            *(Delete("/p", recursive=True), Delete("/p/.git", recursive=True), Copy("/q", "/p/.git/q")),
            *(Move("/p/.git", "/git"), Delete("/GIT", recursive=True), Move("/q/b", "/p/.git/config", True)),
        ]
        for change in refused:
            for call in (change, [Write("/new", "x"), change]):
                with pytest.raises(PolicyError):
                    await call_of(store, call)
        assert await whole(store) == before
        files = store.session(SESSION).files
        assert (await files.read_file("/p/.git/config")).content == "x"
        assert [match.path for match in await files.grep_files("x")] == [
            "/GIT/.GIT", "/p/.git/config", "/p/a", "/q/b",
        ]  # fmt: skip
        assert (await files.copy_file("/p/.git/config", "/config")).path == "/config"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"read": "/src/**"}, InvalidArgumentError),
        ({"write": [3]}, InvalidArgumentError),
        ({"deny_read": ["a/../b"]}, InvalidPatternError),
        ({"deny_write": [""]}, InvalidPatternError),
        ({"sessions": 3}, InvalidArgumentError),
        ({"sessions": ["a"]}, InvalidArgumentError),
        ({"sessions": "a"}, InvalidArgumentError),
    ],
)
def test_what_is_no_policy_is_told_at_once(arguments, kind):
    with pytest.raises(kind):
        PathPolicy(**arguments)


@pytest.mark.parametrize("names", [".git", [""], ["a/b"], [3]])
def test_what_is_no_name_is_told_at_once(names):
    with pytest.raises(InvalidArgumentError):
        WriteBlocklist(names)


def test_a_refusal_keeps_its_facts_in_another_process():
    error = pickle.loads(pickle.dumps(PolicyError.of("/a", "it may not be read")))
    assert (str(error), error.path, error.reason) == (
        "'/a' is refused: it may not be read", "/a", "it may not be read",
    )  # fmt: skip
    assert isinstance(error, PermissionError)


async def test_a_directory_that_only_leads_to_something_is_no_change_among_others():
    async with opened(PathPolicy(read=["/src/**"])) as store:
        files = store.session(SESSION).files
        await files.write_file("/src/a", "x")
        for change in (Delete("/src", recursive=True), Move("/src", "/src2"), Copy("/src", "/src/b")):
            with pytest.raises((PolicyError, InvalidArgumentError)) as caught:
                await files.apply_changes([change])
            assert caught.value.index == 0
        assert [info.path for info in await files.list_tree()] == ["/src", "/src/a"]


async def test_a_backend_that_fails_is_told_of_as_ever():
    class Failing(Middleware):
        def wrap(self, verb, call):
            async def fail(*_args, **_kwargs):
                raise BackendUnavailableError("try again", happened=False)

            return fail if verb.name == "apply_changes" else call

    for layer in (PathPolicy(deny_write=["*.lock"]), Mount("/m", OTHER, sessions=[SESSION])):
        async with opened(layer, Failing()) as store:
            await store.session(OTHER).files.write_file("/a", "x")
            files = store.session(SESSION).files
            await files.write_file("/a/b", "x")
            for call in (
                files.apply_changes([Write("/c", "x")]),
                files.move_file("/a", "/c") if isinstance(layer, PathPolicy) else files.copy_file("/m", "/c"),
            ):
                with pytest.raises(BackendUnavailableError):
                    await call


def test_what_an_area_has_said_takes_no_room_for_good(monkeypatch):
    monkeypatch.setattr("everstore.middleware.areas._MOST_KNOWN", 3)
    area = GlobArea(("/a/**",), ("*.key",), workspace_alias=True)
    for _ in range(2):
        assert [area.has(f"/a/{number}") for number in range(9)] == [True] * 9
        assert not area.has("/a/x.key/b")
        assert not area.has("/b")


def test_what_is_no_policy_is_not_there():
    import everstore.middleware  # noqa: PLC0415 - the module, of which a name is asked for

    with pytest.raises(AttributeError, match="nonsense"):
        _ = everstore.middleware.nonsense


async def test_a_path_of_more_names_than_python_has_frames_is_decided_on():
    deep = "/a" * 2000
    async with opened(PathPolicy(["/a/**"], deny_read=["*.key", "**/private"])) as store:
        files = store.session(SESSION).files
        await files.write_file(f"{deep}/notes.txt", "hello")
        assert [match.path for match in await files.grep_files("hello")] == [f"{deep}/notes.txt"]
        for denied in (f"{deep}/my.key", f"/a/private{deep}/notes.txt"):
            with pytest.raises(PolicyError):
                await files.write_file(denied, "x")


async def test_what_another_system_takes_for_a_blocked_name_is_refused_as_well():
    same = [
        *(".GIT", ".g\u200cit", "\u2060.git", ".\u017fsh"),
        *(".git.", ".git ", ".git. .", ".git:x", ".git::$INDEX_ALLOCATION", "node_modules."),
        *("git~1", "GIT~12", "NODE_M~1", "\uff47it~1"),
    ]
    others = [".gitignore", "git", "git.", "~", "git~", "git~x", "x.git", ".git~", "a:.git", "...", "node~1"]
    async with opened(WriteBlocklist()) as store:
        files = store.session(SESSION).files
        for name in same:
            for path in (f"/{name}", f"/a/{name}/config"):
                with pytest.raises(PolicyError):
                    await files.write_file(path, "x")
        assert await files.list_tree() == []
        for name in others:
            await files.write_file(f"/a/{name}", "x")
