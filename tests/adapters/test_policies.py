"""Policies beside a host who changes the same files at the same time, on every backend."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from uuid import UUID

import pytest

import everstore
from everstore import InitialFile
from everstore.changes import Append, Copy, Move, Write
from everstore.errors import EverstoreError, StoreClosedError
from everstore.middleware import Approval, Mount, PathPolicy, WriteBlocklist

SESSION, OTHER = UUID(int=7 << 76 | 1), UUID(int=7 << 76 | 2)
is_agent: ContextVar[bool] = ContextVar("is_agent", default=False)
"""Whether this task is one that the policies are about: the host's tasks are not."""


def about(_session_id):
    return is_agent.get()


async def as_agent(work):
    is_agent.set(True)
    return await work


async def test_what_a_host_hides_in_a_tree_meanwhile_is_never_taken_along(environment):
    policy = PathPolicy(deny_read=["/t/**/hidden", "/t/hidden"], sessions=about)
    async with everstore.open_store(middleware=[policy]) as store:
        files = store.session(SESSION).files
        placed = []

        async def hide(number):
            path = f"/t/d{number % 3}/{number}/hidden"
            await store.file_system.seed_initial_file(SESSION, InitialFile(path, "secret"))
            placed.append(path)
            await asyncio.sleep(0)

        async def take(number):
            calls = [
                lambda: files.copy_file("/t", f"/copy{number}"),
                lambda: files.move_file(f"/t/d{number % 3}", f"/moved{number}"),
                lambda: files.move_file("/t", f"/all{number}"),
                lambda: files.delete_file(f"/t/d{number % 3}", recursive=True),
                lambda: files.delete_file("/t", recursive=True),
                lambda: files.apply_changes([Write("/t/new", "x"), Move("/t/new", f"/new{number}")]),
                lambda: files.apply_changes([Copy("/t/d0/0", f"/part{number}")]),
            ]
            for call in calls:
                try:
                    await call()
                except EverstoreError as error:
                    assert "hidden" not in str(error)  # noqa: PT017 - the others are as good

        async def host():
            for number in range(12):
                await hide(number)
                await files.write_file(f"/t/d{number % 3}/seen{number}", "x")

        async def agent():
            for number in range(6):
                await take(number)
            return await files.grep_files("secret"), await files.list_tree()

        (matches, seen), _ = await asyncio.gather(
            asyncio.create_task(as_agent(agent())), asyncio.create_task(host())
        )
        assert matches == []
        assert not any(info.name == "hidden" for info in seen)
        everything = {info.path for info in await files.list_tree() if info.name == "hidden"}
        assert everything == set(placed)


async def test_twenty_changes_at_once_behind_all_policies_lose_nothing(environment):
    async def approved(_request):
        await asyncio.sleep(0)
        return True

    layers = [WriteBlocklist(), PathPolicy(deny_write=["*.lock"]), Mount("/m", OTHER), Approval(approved)]
    async with everstore.open_store(middleware=layers) as store:
        await store.session(OTHER).files.write_file("/a", "x")
        files = store.session(SESSION).files
        await files.write_file("/a", "".join(f"line {number};\n" for number in range(20)))
        await asyncio.gather(
            *(files.edit_file("/a", f"line {number};", f"done {number};") for number in range(20)),
            *(files.append_file("/b", f"{number}\n") for number in range(20)),
            *(
                files.apply_changes([Append("/c", f"{number}\n"), Copy("/m/a", f"/d/{number}")])
                for number in range(20)
            ),
        )
        assert (await files.read_file("/a")).content == "".join(f"done {number};\n" for number in range(20))
        for path in ("/b", "/c"):
            text = (await files.read_file(path)).content
            assert sorted(text.split()) == sorted(str(number) for number in range(20))
        assert len(await files.list_directory("/d")) == 20
        told = await asyncio.gather(
            *(files.move_file("/b", f"/moved/{number}") for number in range(20)), return_exceptions=True
        )
        assert sum(not isinstance(each, Exception) for each in told) == 1
        assert len(await files.list_directory("/moved")) == 1


async def test_a_page_of_what_is_seen_is_full_and_of_one_moment(environment):
    policy = PathPolicy(deny_read=["*.hidden"], sessions=about)
    async with everstore.open_store(middleware=[policy]) as store:
        files = store.session(SESSION).files
        names = [f"{number:03}{'.hidden' if number % 10 else ''}" for number in range(200)]
        await files.apply_changes([Write(f"/{name}", "x") for name in names])

        async def pages():
            found, after = [], None
            while page := await files.list_tree(limit=3, after=after):
                found += page
                after = page[-1].path
                assert len(page) == 3 or len(found) == 20
            return [info.path for info in found], await files.grep_files("x", limit=7)

        paths, matches = await asyncio.create_task(as_agent(pages()))
        assert paths == [f"/{number:03}" for number in range(0, 200, 10)]
        assert [match.path for match in matches] == paths[:7]


async def test_a_call_that_waits_for_approval_when_the_store_closes_does_nothing(environment):
    asked, go = asyncio.Event(), asyncio.Event()

    async def hook(_request):
        asked.set()
        await go.wait()
        return True

    async with everstore.open_store(middleware=[Approval(hook)]) as store:
        call = asyncio.create_task(store.session(SESSION).files.write_file("/a", "x"))
        await asked.wait()
    go.set()
    with pytest.raises(StoreClosedError, match="before this was approved"):
        await call
