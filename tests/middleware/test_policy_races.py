"""What a host does between the look of a policy and the change is never taken along."""

from __future__ import annotations

import pytest
from policy_calls import OTHER, SESSION, Switch, answer, call_of, is_refused, plant

import everstore
from everstore import InitialFile
from everstore.changes import Copy, Delete, Move, Write
from everstore.errors import (
    EverstoreError,
    PathExistsError,
    PathNotFoundError,
    PolicyError,
    ReadOnlyFileError,
)
from everstore.middleware import Middleware, Mount, PathPolicy


class Meddling(Middleware):
    """The innermost layer: does something as soon as a look was answered, once."""

    def __init__(self, *after):
        self.after, self.act = after, None

    def wrap(self, verb, call):
        if verb.name not in self.after:
            return call

        async def meddled(*args, **kwargs):
            answer = await call(*args, **kwargs)
            act, self.act = self.act, None
            if act is not None:
                await act()
            return answer

        return meddled


class Scene:
    """A store with a policy that hides things, and a host who is about to meddle."""

    def __init__(self, store, switch, meddling):
        self.files, self.switch, self.meddling = store.session(SESSION).files, switch, meddling
        self.store = store

    def then(self, *steps):
        """What the host does after the next look: seeds and deletions, beside the policy."""

        async def act():
            self.switch.on = False
            for step in steps:
                if isinstance(step, InitialFile):
                    await self.store.file_system.seed_initial_file(SESSION, step)
                else:
                    await self.files.delete_file(step, recursive=True, strict=True)
            self.switch.on = True

        self.meddling.act = act
        self.switch.on = True

    async def all(self):
        self.switch.on = False
        return {info.path for info in await self.files.list_tree()}


@pytest.fixture(params=["stat_file", "list_tree"])
async def scene(request):
    switch, meddling = Switch(), Meddling(request.param)
    policy = PathPolicy(deny_read=["*.key"], sessions=switch)
    async with everstore.open_store(environment={}, middleware=[policy, meddling]) as store:
        await plant(store, {"/t/d/a": "x", "/t/b": "x", "/t/e": None})
        yield Scene(store, switch, meddling)


HIDDEN = InitialFile("/t/d/new.key", "secret")


@pytest.mark.parametrize(
    "change", [Delete("/t", True), Move("/t", "/u"), Copy("/t", "/u"), Copy("/t/d", "/u"), Move("/t/d", "/u")]
)
async def test_what_was_put_into_a_tree_meanwhile_stays_where_it_is(scene, change):
    scene.then(HIDDEN)
    told = await answer(call_of(scene.store, change))
    there = await scene.all()
    if is_refused(told):
        assert told[0] == "PolicyError"
        assert ".key" not in str(told)
        assert "/u" not in there
    assert "/t/d/new.key" in there
    assert not any(path.startswith("/u") and path.endswith(".key") for path in there)


@pytest.mark.parametrize("scene", ["stat_file"], indirect=True)
@pytest.mark.parametrize("overwrite", [True, False])
async def test_a_file_that_became_a_tree_meanwhile_is_not_taken_as_one(scene, overwrite):
    if overwrite:
        await scene.files.write_file("/u", "old")
    for verb in ("copy_file", "move_file", "delete_file"):
        scene.switch.on = False
        await scene.files.delete_file("/t", recursive=True)
        await scene.files.write_file("/t", "x")
        scene.then("/t", HIDDEN)
        with pytest.raises((PolicyError, PathExistsError)):
            await (
                scene.files.delete_file("/t", recursive=True)
                if verb == "delete_file"
                else getattr(scene.files, verb)("/t", "/u", overwrite=overwrite)
            )
        there = await scene.all()
        assert {path for path in there if path.endswith(".key")} == {"/t/d/new.key"}
        assert ("/u" in there) == overwrite


@pytest.mark.parametrize("scene", ["list_tree"], indirect=True)
async def test_what_else_changes_meanwhile_is_looked_at_again(scene):
    scene.then("/t/b", InitialFile("/t/new", "y"))
    await scene.files.move_file("/t", "/u")
    assert await scene.all() == {"/u", "/u/d", "/u/d/a", "/u/new", "/u/e"}
    scene.then("/u/d/a", InitialFile("/u/late", "y"))
    assert await scene.files.delete_file("/u", recursive=True)
    assert await scene.all() == set()
    scene.switch.on = False
    await plant(scene.store, {"/t/a": "x"})
    scene.then("/t")
    with pytest.raises(PathNotFoundError):
        await scene.files.move_file("/t", "/u")
    scene.switch.on = False
    await plant(scene.store, {"/t/a": "x"})
    scene.then(InitialFile("/u", "in the way"))
    with pytest.raises(PathExistsError) as caught:
        await scene.files.move_file("/t", "/u")
    assert not hasattr(caught.value, "index")
    scene.then(InitialFile("/t/kept", "x", is_readonly=True))
    assert await scene.files.delete_file("/t", recursive=True) is False
    with pytest.raises(ReadOnlyFileError):
        await scene.files.delete_file("/t", recursive=True, strict=True)


async def test_a_hidden_file_where_a_directory_was_is_not_deleted():
    switch, meddling = Switch(), Meddling("stat_file")
    policy = PathPolicy(read=["/src/**"], sessions=switch)
    async with everstore.open_store(environment={}, middleware=[policy, meddling]) as store:
        await plant(store, {"/src": None})
        scene = Scene(store, switch, meddling)
        for recursive in (False, True):
            scene.then("/src", InitialFile("/src", "hidden"))
            assert await scene.files.delete_file("/src", recursive=recursive) is False
            assert await scene.all() == {"/src"}
            await scene.files.delete_file("/src")
            await scene.files.create_directory("/src")


async def test_one_change_of_several_is_of_what_is_there_when_it_is_made(scene):
    scene.switch.on = False
    await plant(scene.store, {"/t/d/x.key": "secret"})
    scene.switch.on = True
    for change in (
        Copy("/t", "/u"),
        Move("/t/d", "/u"),
        Delete("/t", recursive=True),
        Copy("/t", "/t2/u", True),
    ):
        with pytest.raises(PolicyError) as caught:
            await scene.files.apply_changes([Write("/new", "x"), change])
        assert caught.value.index == 1
    assert "/new" not in await scene.all()


async def test_a_tree_of_a_mount_is_copied_as_it_is_at_one_moment():
    meddling = Meddling("read_file")
    async with everstore.open_store(
        environment={}, middleware=[Mount("/m", OTHER, sessions=[SESSION]), meddling]
    ) as store:
        await plant(store, {"/d/a": "1", "/d/b": "1"}, OTHER)
        files = store.session(SESSION).files

        async def act():
            async def later():
                await store.session(OTHER).files.apply_changes([Write("/d/a", "2"), Write("/d/b", "2")])

            meddling.act = later  # after the first of the two files

        meddling.act = act
        await files.copy_file("/m/d", "/copy")
        texts = [(await files.read_file(f"/copy/{name}")).content for name in "ab"]
        assert texts in (["1", "1"], ["2", "2"])


async def test_what_never_settles_is_told():
    async def meddle(number=0):
        meddling.act = lambda: meddle(number + 1)
        switch.on = False
        await store.file_system.seed_initial_file(SESSION, InitialFile("/t/a", f"{number}"))
        await store.file_system.seed_initial_file(SESSION, InitialFile(f"/t/{number}", "x"))
        switch.on = True

    switch, meddling = Switch(), Meddling("list_tree")
    policy = PathPolicy(deny_read=["*.key"], sessions=switch)
    async with everstore.open_store(environment={}, middleware=[policy, meddling]) as store:
        await plant(store, {"/t/a": "x"})
        meddling.act = meddle
        switch.on = True
        with pytest.raises(EverstoreError, match="changed whenever it was looked at"):
            await store.session(SESSION).files.delete_file("/t", recursive=True)
