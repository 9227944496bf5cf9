"""What is in a directory ``/workspace`` of a session, where that is the root (§2.2.2, §2.2.4)."""

from __future__ import annotations

import pytest

import everstore
from everstore import errors
from everstore.backends.memory.files import MemoryFiles
from everstore.backends.memory.sessions import MemorySessions
from everstore.backends.memory.storage import MemoryStorage
from everstore.changes import Delete, MakeDirectory, Write
from everstore.interfaces import SessionFileSystemFactory


@pytest.fixture
async def stores(install_plugin):
    """Two of the same backend: in the one every name is literal, in the other ``/workspace`` is the root."""
    files, storage, sessions = MemoryFiles(), MemoryStorage(), MemorySessions()

    class Factory(SessionFileSystemFactory):
        async def create_session_file_system(self, context):
            return files

    factory = Factory()
    install_plugin(
        "shelf",
        everstore_file_system_factory=lambda: factory,
        everstore_storage_store=lambda: storage,
        everstore_session_store=lambda: sessions,
    )
    async with (
        everstore.open_store(backend="shelf", workspace_alias=False) as literal,
        everstore.open_store(backend="shelf") as aliased,
    ):
        yield literal, aliased


CHANGES = {
    "a directory goes": Delete("/workspace/d"),
    "a directory comes": MakeDirectory("/workspace/new"),
    "a file comes": Write("/workspace/new", "text"),
    "a file is another": Write("/workspace/x", "other"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_what_no_path_leads_to_is_not_merged_to_another_place(stores, change):
    literal, aliased = stores
    task = await literal.create_session()
    await literal.session(task).files.apply_changes(
        [MakeDirectory("/d"), MakeDirectory("/workspace/d"), Write("/x", "x"), Write("/workspace/x", "x")]
    )
    fork = await literal.fork_session(task)
    await literal.session(fork).files.apply_changes([change])
    before = await literal.session(task).files.list_tree()
    for call in (lambda: aliased.merge(fork), lambda: aliased.diff(task, fork, text=True)):
        with pytest.raises(errors.InvalidPathError) as caught:
            await call()
        assert caught.value.path == change.path
    assert await literal.session(task).files.list_tree() == before
    assert [each.path for each in await aliased.diff(task, fork)] == [change.path]
    merged = await literal.merge(fork)
    assert [each.path for each in merged.files] == [change.path]
    assert await literal.diff(task, fork, text=True) == []


async def test_what_is_beside_it_is_merged(stores):
    literal, aliased = stores
    task = await literal.create_session()
    await literal.session(task).files.write_file("/workspace/x", "x")
    fork = await literal.fork_session(task)
    await aliased.session(fork).files.write_file("/workspaces/x", "text")
    merged = await aliased.merge(fork)
    assert [each.path for each in merged.files] == ["/workspaces", "/workspaces/x"]
