"""Forks and differences under policies: a fork is the host's, and a difference tells of nothing hidden."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from policy_calls import OTHER, SEEDS, SESSION, Switch, answer, globs_of, path_of, plant, tree_of, whole

import everstore
from everstore import errors, new_checkpoint_id, new_session_id
from everstore.changes import SetValue
from everstore.middleware import Approval, Mount, PathPolicy, WriteBlocklist

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def opened(*layers, **options):
    return everstore.open_store(environment={}, middleware=list(layers), **options)


def sides(random):
    """Two trees with much in common."""
    one = tree_of(random)
    other = {path: text for path, text in one.items() if random.random() < 0.7}
    return one, {**tree_of(random), **other}


@FEW
@given(SEEDS)
async def test_a_difference_is_that_of_what_may_be_read(random):
    allowed, denied = random.choice([None, globs_of(random)]), globs_of(random)
    switch = Switch()
    async with opened(PathPolicy(allowed, deny_read=denied, sessions=switch)) as store, opened() as without:
        for session_id, tree in zip((SESSION, OTHER), sides(random), strict=True):
            await plant(store, tree, session_id)
            switch.on = True
            seen = await whole(store, session_id)
            switch.on = False
            await plant(without, {path: content for path, (content, _) in seen.items()}, session_id)
        switch.on = True
        for _ in range(5):
            page = {"after": random.choice([None, path_of(random)]), "limit": random.choice([None, 0, 1, 3])}
            there = store.file_system.diff_sessions(SESSION, OTHER, **page)
            expected = without.file_system.diff_sessions(SESSION, OTHER, **page)
            assert await answer(there) == await answer(expected), page


@pytest.mark.parametrize("about", [SESSION, OTHER])
async def test_a_policy_about_one_of_two_sessions_hides_in_both(about):
    async with opened(PathPolicy(deny_read=["hidden"], sessions=[about])) as store:
        await plant(store, {"/hidden": "one", "/seen": "one"})
        await plant(store, {"/hidden": "other", "/hidden.txt": "x"}, OTHER)
        changes = await store.file_system.diff_sessions(SESSION, OTHER)
        assert [(change.path, change.kind) for change in changes] == [
            ("/hidden.txt", "added"),
            ("/seen", "removed"),
        ]
        third = new_session_id()
        told = await store.file_system.diff_sessions(third, about)
        assert "/hidden" not in [change.path for change in told]


async def test_a_page_is_full_although_differences_are_left_out():
    async with opened(PathPolicy(deny_read=["/a*"])) as store:
        await plant(store, {f"/a{number}": "x" for number in range(300)} | {"/b": "x", "/c": "x"})
        changes = await store.file_system.diff_sessions(OTHER, SESSION, limit=2)
        assert [change.path for change in changes] == ["/b", "/c"]


async def test_a_fork_has_all_and_the_policy_is_about_it_too():
    policy = PathPolicy(deny_read=["key"], deny_write=["fixed"])
    async with opened(policy, WriteBlocklist()) as store:
        await plant(store, {"/key": "secret", "/fixed": "x", "/.git/config": "x", "/a": "x"})
        await store.file_system.fork_session(SESSION, OTHER)
        files = store.session(OTHER).files
        assert await files.read_file("key") is None
        assert [info.path for info in await files.list_tree()] == ["/.git", "/.git/config", "/a", "/fixed"]
        for path in ("key", "fixed", ".git/config"):
            with pytest.raises(errors.PolicyError):
                await files.write_file(path, "y")
        await files.write_file("a", "y")
        assert [each.path for each in await store.file_system.diff_sessions(SESSION, OTHER)] == ["/a"]


async def test_nobody_is_asked_for_a_fork_and_for_what_is_done_in_it_all_is():
    asked = []

    def ask(request):
        asked.append(request.session_id)
        return len(asked) == 1

    async with opened(Approval(ask)) as store:
        await store.session(SESSION).storage.set_value("k", "v")
        for role in (store.file_system, store.storage):
            await role.fork_session(SESSION, OTHER)
            await role.diff_sessions(SESSION, OTHER)
        assert asked == [SESSION]
        with pytest.raises(errors.PolicyError):
            await store.session(OTHER).storage.change_values([SetValue("k", "w")])
        assert asked == [SESSION, OTHER]


async def test_a_fork_has_what_is_its_own_and_no_mount_of_it():
    shared, third = new_session_id(), new_session_id()
    async with opened(Mount("/shared", shared, sessions=[SESSION])) as store:
        await plant(store, {"/guide": "x"}, shared)
        await plant(store, {"/a": "x"})
        await store.file_system.fork_session(SESSION, OTHER)
        assert [info.path for info in await store.file_system.list_tree(OTHER)] == ["/a"]
        assert await store.file_system.diff_sessions(SESSION, OTHER) == []
        await store.file_system.fork_session(shared, third)
        assert [info.path for info in await store.file_system.list_tree(third)] == ["/guide"]


async def test_a_fork_into_a_session_with_a_mount_is_seen_through_it():
    shared = new_session_id()
    async with opened(Mount("/shared", shared)) as store:
        await plant(store, {"/guide": "x"}, shared)
        await plant(store, {"/a": "x"})
        await store.file_system.fork_session(SESSION, OTHER)
        paths = [info.path for info in await store.file_system.list_tree(OTHER)]
        assert paths == ["/a", "/shared", "/shared/guide"]
        assert await store.file_system.diff_sessions(SESSION, OTHER) == []


async def test_a_checkpoint_is_refused_before_any_layer_is_asked():
    asked = []

    def ask(request):
        asked.append(request)
        return True

    async with opened(Approval(ask), PathPolicy(read=[])) as store:
        taken = store.session(new_checkpoint_id())
        with pytest.raises(errors.ReadOnlySessionError):
            await taken.files.write_file("a", "x")
        assert asked == []
        assert await taken.files.list_tree() == []


async def test_a_fork_is_told_of_with_the_session_that_it_changes():
    seen = []
    async with everstore.open_store(environment={}, on_call=seen.append) as store:
        await store.file_system.fork_session(SESSION, OTHER)
        await store.file_system.diff_sessions(SESSION, OTHER)
        await store._trusted.file_system.fork_session(SESSION, taken := new_checkpoint_id())
        with pytest.raises(errors.ReadOnlySessionError):
            await store.file_system.purge_session(taken)
    told = [(record.verb, record.session_id, record.outcome, record.error_code) for record in seen]
    assert told == [
        ("fork_session", OTHER, "ok", None),
        ("diff_sessions", None, "ok", None),
        ("fork_session", taken, "ok", None),
        ("purge_session", taken, "refused", "read_only_session"),
    ]


async def test_a_merge_takes_what_may_be_written_or_nothing():
    switch = Switch()
    async with opened(PathPolicy(deny_read=["key"], deny_write=["fixed"], sessions=switch)) as store:
        one = await store.create_session(files=[everstore.InitialFile("a", "x")])
        fork = await store.fork_session(one)
        await plant(store, {"/a": "y", "/key": "secret"}, fork.id)
        switch.on = True
        merged = await store.merge(fork)
        assert [change.path for change in merged.files] == ["/a"]
        switch.on = False
        assert await store.session(one.id).files.read_file("key") is None
        await plant(store, {"/b": "z", "/fixed": "y"}, fork.id)
        switch.on = True
        with pytest.raises(errors.PolicyError) as refused:
            await store.merge(fork)
        assert refused.value.path == "/fixed"
        assert [info.path for info in await store.session(one.id).files.list_tree()] == ["/a"]


async def test_rewinding_and_checkpoints_are_the_host_s():
    def ask(request):
        return request.verb == "write_file"

    async with opened(Approval(ask), PathPolicy(deny_read=["key"])) as store:
        one = await store.create_session(files=[everstore.InitialFile("key", "secret")])
        files = store.session(one.id).files
        saved = await store.checkpoint(one, "before")
        await files.write_file("a", "x")
        before = await store.rewind(one, saved)
        assert await files.list_tree() == []
        assert [each.path for each in await store.diff(one, before, text=True)] == ["/a"]
        assert await store.delete_checkpoint(saved)
        assert await store.delete_session(one.id)
        assert await store.list_checkpoints(one) == []
