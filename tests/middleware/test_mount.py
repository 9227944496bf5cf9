"""Another session's files below a path: seen as if they were there, and never changed."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import HealthCheck, given, settings
from policy_calls import (
    OTHER,
    SEEDS,
    SESSION,
    answer,
    call_at_random,
    call_of,
    is_refused,
    look_of,
    plain,
    plant,
    tree_of,
    whole,
)

import everstore
from everstore import InitialFile
from everstore.changes import Append, Copy, Delete, MakeDirectory, Move, Write
from everstore.errors import (
    InvalidArgumentError,
    InvalidPathError,
    PathExistsError,
    PathNotFoundError,
    PolicyError,
)
from everstore.interfaces import SessionFileSystem
from everstore.middleware import Mount, PathPolicy
from everstore.middleware.base import verbs_of
from everstore.middleware.mounted import MountedFiles
from everstore.middleware.policy import HOST_VERBS

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
HELD = {"/a": None, "/a/c.txt": "x\ny\n", "/b/a/c.txt": "x", "/c.txt": "z\nx\n", "/.git": "", "/d": None}


def opened(*layers, **settings):
    return everstore.open_store(environment={}, middleware=list(layers), **settings)


async def contents(store, session_id=SESSION):
    return {path: content for path, (content, _) in (await whole(store, session_id)).items()}


def seen(told):
    """An answer without what tells a mounted file from one of the session's own."""
    if isinstance(told, list):
        return [seen(each) for each in told]
    if isinstance(told, tuple) and isinstance(told[1], dict):
        return told[0], {name: value for name, value in told[1].items() if name != "is_readonly"}
    return told


@FEW
@given(SEEDS)
async def test_a_mount_is_seen_as_if_its_files_were_there_and_stays(random):
    point = random.choice(["/b", "/a/b", "/b/a/b", "/m"])
    own = {
        path: text
        for path, text in tree_of(random).items()
        if path != point and not path.startswith(f"{point}/")
    }
    own = {path: text for path, text in own.items() if not point.startswith(f"{path}/") or text is None}
    held = tree_of(random)
    async with opened(Mount(point, OTHER, sessions=[SESSION])) as store, opened() as plain_store:
        await plant(store, held, OTHER)
        before = await whole(store, OTHER)
        await plant(store, own)
        await plant(plain_store, own)
        await plant(plain_store, {point: None})
        await plant(plain_store, {point + path: content for path, (content, _) in before.items()})
        for _ in range(8):
            for _ in range(8):
                verb, arguments, options = look_of(random)
                if verb != "usage":
                    there = await answer(getattr(store.file_system, verb)(SESSION, *arguments, **options))
                    expected = getattr(plain_store.file_system, verb)(SESSION, *arguments, **options)
                    assert seen(there) == seen(await answer(expected)), (verb, arguments, options)
            change = call_at_random(random)
            told = await answer(call_of(store, change))
            if not is_refused(told, "PolicyError"):
                expected = await answer(call_of(plain_store, change))
                if is_refused(told) and isinstance(change, list):
                    assert is_refused(expected)
                else:
                    assert seen(told) == seen(expected), change
            assert await contents(store) == await contents(plain_store), change
        assert await whole(store, OTHER) == before


@pytest.mark.parametrize(
    "verb", verbs_of(SessionFileSystem, "file_system", "memory"), ids=lambda verb: verb.name
)
def test_every_verb_is_decided_on_with_all_its_arguments(verb):
    decided = getattr(MountedFiles, verb.name, None)
    assert decided is not None or verb.name in HOST_VERBS
    if decided is not None:
        _, *parameters = inspect.signature(decided).parameters.values()
        is_open = any(each.kind in {each.VAR_POSITIONAL, each.VAR_KEYWORD} for each in parameters)
        assert is_open or {each.name for each in parameters} == set(verb.parameters)


async def test_entries_say_whose_they_are_and_no_two_have_one_id():
    async with opened(Mount("/shared/docs", OTHER, sessions=[SESSION])) as store:
        await plant(store, HELD, OTHER)
        files = store.session(SESSION).files
        await files.write_file("/own", "x")
        infos = await files.list_tree()
        assert len({info.id for info in infos}) == len(infos)
        held = {info.path: info for info in await store.session(OTHER).files.list_tree()}
        for info in infos:
            if info.path.startswith("/shared/docs/"):
                source = held[info.path.removeprefix("/shared/docs")]
                assert (info.id, info.revision, info.session_id) == (source.id, source.revision, OTHER)
                assert info.is_readonly == (not info.is_directory)
                assert await files.stat_file(info.path) == await _stat(files, info)
        usage = await files.usage()
        assert (usage.files, usage.directories) == (1, 0)
        assert (await files.read_lines("/shared/docs/a/c.txt")).path == "/shared/docs/a/c.txt"


async def _stat(files, info):
    return (await files.read_file(info.path)).stat()


async def test_every_way_to_change_the_mount_or_a_parent_of_it_is_refused():
    async with opened(Mount("/shared/docs", OTHER, sessions=[SESSION])) as store:
        await plant(store, HELD, OTHER)
        files = store.session(SESSION).files
        for is_real in (False, True):
            if is_real:
                await files.write_file("/shared/own", "x")
            await files.write_file("/own", "x")
            before = await contents(store), await whole(store, OTHER)
            for place in ("/shared", "/shared/docs", "/shared/docs/c.txt", "/shared/docs/new/x"):
                refused = [
                    *(Write(place, "x"), Append(place, "x"), Delete(place, recursive=True), Delete(place)),
                    *(Move("/own", place), Move("/own", place, overwrite=True), Copy("/own", place)),
                    *(Move(place, "/elsewhere"),),
                    *((MakeDirectory(place),) if place != "/shared" else (Copy(place, "/elsewhere"),)),
                ]
                for change in refused:
                    for call in (change, [Write("/new", "x"), change]):
                        with pytest.raises(PolicyError, match="mounted"):
                            await call_of(store, call)
                with pytest.raises(PolicyError):
                    await files.seed_initial_file(InitialFile(place, "x"))
            with pytest.raises(PathExistsError):
                await files.create_directory("/shared", exist_ok=False)
            assert (await contents(store), await whole(store, OTHER)) == before
        assert (await files.create_directory("/shared")).is_directory


async def test_a_copy_out_of_the_mount_is_the_session_s_own():
    async with opened(Mount("/m", OTHER, sessions=[SESSION])) as store:
        await plant(store, HELD, OTHER)
        await store.session(OTHER).files.write_bytes("/d/raw", b"\0\xff")
        files = store.session(SESSION).files
        info = await files.copy_file("/m/c.txt", "/new/c.txt")
        assert (info.path, info.session_id, info.is_readonly) == ("/new/c.txt", SESSION, False)
        with pytest.raises(PathExistsError) as caught:
            await files.copy_file("/m/a/c.txt", "/new/c.txt")
        assert not hasattr(caught.value, "index")
        await files.copy_file("/m/a/c.txt", "/new/c.txt", overwrite=True)
        assert (await files.read_file("/new/c.txt")).content == "x\ny\n"
        await files.copy_file("/m", "/all")
        held = await contents(store, OTHER)
        mine = await contents(store)
        assert {path.removeprefix("/all"): text for path, text in mine.items() if path[:5] == "/all/"} == held
        with pytest.raises(PathExistsError):
            await files.copy_file("/m/a", "/all", overwrite=True)
        with pytest.raises(PathNotFoundError):
            await files.copy_file("/m/none", "/none")
        with pytest.raises(InvalidPathError):
            await files.copy_file("/m/d", "/" + "/".join(["x" * 250] * 16) + "/" + "y" * 76)
        with pytest.raises(PathExistsError) as caught:
            await files.apply_changes(
                [Write("/w", "x"), Copy("/m/d", "/e"), Append("/e/raw2", ""), Copy("/m/c.txt", "/w")]
            )
        assert caught.value.index == 3
        done = await files.apply_changes([Copy("/m/d", "/e"), Append("/w", "x")])
        assert [info.path for info in done] == ["/e", "/w"]
        assert await files.read_bytes("/e/raw") == b"\0\xff"


@pytest.mark.parametrize("own", ["/shared", "/shared/docs", "/shared/docs/mine"])
async def test_where_the_session_has_its_own_the_mount_is_not_there(own):
    async with opened() as without:
        await without.session(SESSION).files.write_file(own, "mine")
    on = []
    async with opened(Mount("/shared/docs", OTHER, sessions=lambda _: bool(on))) as store:
        await plant(store, HELD, OTHER)
        files = store.session(SESSION).files
        await files.write_file(own, "mine")
        before = await contents(store)
        on.append(True)
        assert await contents(store) == before
        assert (await files.read_file(own)).content == "mine"
        assert [match.path for match in await files.grep_files("")] == [own]
        await files.append_file(own, "!")
        assert await files.delete_file("/shared", recursive=True)
        assert (await files.read_file("/shared/docs/c.txt")).content == "z\nx\n"


async def test_a_session_is_not_mounted_in_itself_and_two_mounts_in_each_other_end():
    for sessions in ([OTHER], OTHER, [SESSION, OTHER]):
        with pytest.raises(InvalidArgumentError, match="in itself"):
            Mount("/m", OTHER, sessions=sessions)
    async with opened(Mount("/m", OTHER), Mount("/n", SESSION)) as store:
        await store.session(SESSION).files.write_file("/one", "1")
        await store.session(OTHER).files.write_file("/two", "2")
        assert [info.path for info in await store.session(SESSION).files.list_tree()] == [
            "/m", "/m/n", "/m/n/one", "/m/two", "/one",
        ]  # fmt: skip
        assert [info.path for info in await store.session(OTHER).files.list_tree()] == [
            "/n",
            "/n/one",
            "/two",
        ]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", InvalidArgumentError), ("/workspace", InvalidArgumentError), ("/a/../b", InvalidPathError)],
)
def test_what_is_no_place_for_a_mount_is_told_at_once(path, kind):
    with pytest.raises(kind):
        Mount(path, OTHER)
    with pytest.raises(InvalidArgumentError):
        Mount("/m", str(OTHER))


@pytest.mark.parametrize("policy_first", [True, False])
async def test_a_mount_and_a_policy_about_paths_in_any_order(policy_first):
    layers = [PathPolicy(deny_read=[".git", "/m/a/**"]), Mount("/m", OTHER, sessions=[SESSION])]
    async with opened(*(layers if policy_first else layers[::-1])) as store:
        await plant(store, {**HELD, "/a/new": "x"}, OTHER)
        files = store.session(SESSION).files
        paths = [info.path for info in await files.list_tree()]
        assert "/m/.git" not in paths
        assert ("/m/a/c.txt" in paths) != policy_first
        copied = await answer(files.copy_file("/m/c.txt", "/c.txt"))
        assert not is_refused(copied), copied
        assert plain(await files.read_file("/c.txt"))[1]["content"] == "z\nx\n"
        with pytest.raises(PolicyError):
            await files.write_file("/m/x", "x")
