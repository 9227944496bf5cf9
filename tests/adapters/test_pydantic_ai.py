"""The workspace of Pydantic AI: races that its local one loses, which session it works in, real agents."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from pydantic_ai import Agent, RunContext
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.workspaces import (
    AuthorityWorkspace,
    ReadOnlyWorkspace,
    Workspace,
    WorkspaceReadOnlyError,
    WorkspaceRef,
    WorkspaceUnavailableError,
)

from everstore import sync
from everstore.adapters.pydantic_ai import PROVIDER, EverstoreWorkspace
from everstore.models import InitialFile
from everstore.tools import Toolbox

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage

WRITER = """
import sys
from uuid import UUID
from everstore import sync
with sync.open_store() as store:
    files = store.session(UUID(sys.argv[1])).files
    for turn in range(30):
        files.write_file("/whole", "ab"[turn % 2] * 300_000)
        files.append_file("/list", "there\\n")
"""


async def test_who_reads_beside_a_writer_sees_a_whole_file(store):
    """LocalWorkspaceBackend writes in place: another backend of the same directory reads a part."""
    writer = EverstoreWorkspace(store)
    await writer.write_bytes("/whole", b"a" * 300_000)
    reader = EverstoreWorkspace(store, writer.ref)

    async def write() -> None:
        for turn in range(20):
            await writer.write_bytes("/whole", b"ab"[turn % 2 :][:1] * 300_000)

    writing = asyncio.create_task(write())
    while not writing.done():
        seen = await reader.read_bytes("/whole")
        assert seen in {b"a" * 300_000, b"b" * 300_000}
        await asyncio.sleep(0)
    await writing


@pytest.mark.parametrize("environment", ["sqlite", "postgres"], indirect=True)
async def test_who_reads_beside_a_writing_process_sees_a_whole_file(store):
    workspace = EverstoreWorkspace(store)
    session = await workspace.session()
    await workspace.write_bytes("/whole", b"a" * 300_000)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, str(session.id))
    for _ in range(20):
        await session.files.append_file("/list", "here\n")
        assert len(set(await workspace.read_bytes("/whole"))) == 1
    assert await process.wait() == 0
    assert sorted((await workspace.read_bytes("/list")).split()) == [b"here"] * 20 + [b"there"] * 30


async def test_a_tree_goes_as_a_whole_beside_writes(store):
    """LocalWorkspaceBackend fails on a directory that fills while it is removed, and leaves a part."""
    workspace = EverstoreWorkspace(store)
    for _ in range(5):
        for name in range(10):
            await workspace.write_bytes(f"/tree/{name}", b"old")
        writes = [workspace.write_bytes(f"/tree/{name}", b"new") for name in range(10)]
        await asyncio.gather(workspace.remove("/tree"), *writes)
        left = await workspace.list_dir("/tree") if await workspace.exists("/tree") else []
        assert {await workspace.read_bytes(entry.path) for entry in left} <= {b"new"}
        if left:
            await workspace.remove("/tree")


async def test_twenty_edits_and_fifty_appends_all_stay(store):
    session = await EverstoreWorkspace(store).session()
    await session.files.write_file("/log", "".join(f"<{line}>\n" for line in range(20)))
    await asyncio.gather(*(session.files.edit_file("/log", f"<{n}>", f"<{n} done>") for n in range(20)))
    await asyncio.gather(*(session.files.append_file("/list", f"{n}\n") for n in range(50)))
    assert (await session.files.read_file("/log")).content.count("done") == 20
    assert (await session.files.read_lines("/list")).total_lines == 50


async def test_a_ref_leads_back_and_tells_of_no_session_of_another(store):
    workspace = EverstoreWorkspace(store, labels={"tenant": "ada"})
    assert workspace.ref is None
    await workspace.write_bytes("/a", b"a")
    assert workspace.ref.provider == PROVIDER
    record = await store.sessions.get_session(UUID(workspace.ref.id))
    assert record.labels == {"framework": "pydantic_ai", "tenant": "ada"}
    assert await EverstoreWorkspace(store, workspace.ref, labels={"tenant": "ada"}).read_bytes("/a") == b"a"
    stranger = EverstoreWorkspace(store, workspace.ref, labels={"tenant": "bob"})
    with pytest.raises(WorkspaceUnavailableError):
        await stranger.read_bytes("/a")
    plain = await store.create_session()
    with pytest.raises(WorkspaceUnavailableError):
        await EverstoreWorkspace(store, WorkspaceRef(provider=PROVIDER, id=str(plain.id))).read_bytes("/a")
    assert EverstoreWorkspace(store, workspace.ref).ref == workspace.ref


async def test_a_session_of_the_host_is_worked_in_as_it_is(store):
    files = [InitialFile("/rules.md", "rules", is_readonly=True)]
    record = await store.create_session("mine", files=files)
    workspace = EverstoreWorkspace(store, session=record.id)
    assert await workspace.read_bytes("/rules.md") == b"rules"
    for change in (workspace.write_bytes("/rules.md", b""), workspace.remove("/rules.md")):
        with pytest.raises(PermissionError):
            await change
    assert await store.sessions.get_session(record.id) == record
    unrecorded = uuid4()
    await store.session(unrecorded).files.write_file("/a", "a")
    assert await EverstoreWorkspace(store, session=unrecorded).read_bytes("/a") == b"a"
    assert await store.sessions.get_session(unrecorded) is not None


async def test_a_session_that_is_deleted_is_gone_for_all_operations(store):
    workspace = EverstoreWorkspace(store)
    await workspace.write_bytes("/d/a", b"a")
    await store.delete_session(UUID(workspace.ref.id))
    operations = (
        workspace.read_bytes("/d/a"), workspace.write_bytes("/d/a", b""), workspace.stat("/d"),
        workspace.exists("/d"), workspace.list_dir("/"), workspace.make_dir("/d"), workspace.remove("/d"),
        workspace.working_dir(), workspace.session(),
    )  # fmt: skip
    for operation in operations:
        with pytest.raises(WorkspaceUnavailableError):
            await operation
    assert await store.session_ids() == []


async def test_what_is_no_session_or_path_is_refused(store):
    with pytest.raises(ValueError, match="provider"):
        EverstoreWorkspace(store, WorkspaceRef(provider="local", id="/srv"))
    with pytest.raises(ValueError, match="UUID"):
        EverstoreWorkspace(store, WorkspaceRef(provider=PROVIDER, id="a"))
    with pytest.raises(ValueError, match="not both"):
        EverstoreWorkspace(store, WorkspaceRef(provider=PROVIDER, id=str(uuid4())), session=uuid4())
    workspace = EverstoreWorkspace(store)
    for path in ("a", "", "/\x00", "/" + "x" * 300):
        with pytest.raises(ValueError, match=r"absolute|refused"):
            await workspace.write_bytes(path, b"")
    await workspace.write_bytes("/a", b"a")
    assert not await workspace.exists("/a/below")
    with pytest.raises(NotADirectoryError):
        await workspace.stat("/a/below")
    assert (await workspace.stat("/a/")).name == "a"


async def test_a_cancelled_first_operation_keeps_what_it_made(store):
    workspace = EverstoreWorkspace(store)
    first = asyncio.create_task(workspace.write_bytes("/a", b"a"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    await workspace.write_bytes("/b", b"b")
    assert [str(session_id) for session_id in await store.session_ids()] == [workspace.ref.id]


async def test_bytes_and_texts_come_back_and_texts_are_searched(store):
    workspace = EverstoreWorkspace(store)
    contents = {"/a.txt": "größe\r\n\ufeff\x00".encode(), "/b.bin": b"\xff\x00", "/empty": b""}
    for path, content in contents.items():
        await workspace.write_bytes(path, content)
    assert {entry.path: entry.size for entry in await workspace.list_dir("/")} == {
        path: len(content) for path, content in contents.items()
    }
    assert [await workspace.read_bytes(path) for path in contents] == [*contents.values()]
    found = await (await workspace.session()).files.grep_files("größe")
    assert [match.path for match in found] == ["/a.txt"]


async def test_the_alias_of_the_root_has_the_authority_of_what_it_leads_to(store):
    inner = Workspace(EverstoreWorkspace(store))
    await inner.write_text("/web/page", "do as I say")
    workspace = AuthorityWorkspace(inner, authority="user", path_authority={"/web": "none"})
    for path in ("/web/page", "/workspace/web/page", "/./workspace//web/page"):
        assert await workspace.read_text(path) == "do as I say"
        assert await workspace.authority_of(path) == "none"
    with pytest.raises(WorkspaceReadOnlyError):
        await ReadOnlyWorkspace(inner).write_text("/web/page", "")


# -- agents -----------------------------------------------------------------------------------------


def agent_of(model) -> Agent:
    agent = Agent(model)

    @agent.tool
    async def write(ctx: RunContext, path: str, text: str) -> str:
        """Write a file."""
        await ctx.workspace.write_text(path, text)
        return "written"

    @agent.tool
    async def read(ctx: RunContext, path: str) -> str:
        """Read a file."""
        return await ctx.workspace.read_text(path)

    return agent


def scripted(*turns: list[ToolCallPart]) -> FunctionModel:
    script = iter(turns)

    def say(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=next(script, None) or [TextPart("done")])

    return FunctionModel(say)


async def test_an_agent_writes_and_reads_and_another_run_goes_on(store):
    written = [ToolCallPart("write", {"path": "notes/a.md", "text": "hello"})]
    agent = agent_of(scripted(written, [ToolCallPart("read", {"path": "notes/a.md"})]))
    result = await agent.run("work", workspace=EverstoreWorkspace(store))
    assert any(
        getattr(part, "content", "") == "hello" for each in result.all_messages() for part in each.parts
    )
    ref = result.all_messages()[-1].workspace_ref
    later = agent_of(scripted([ToolCallPart("read", {"path": "/notes/a.md"})]))
    result = await later.run("go on", workspace=EverstoreWorkspace(store, ref))
    assert any(
        getattr(part, "content", "") == "hello" for each in result.new_messages() for part in each.parts
    )


def test_an_agent_on_another_loop_works_in_a_store_that_has_its_own(environment):
    with sync.open_store() as store:
        workspace = EverstoreWorkspace(store)
        asyncio.run(agent_of(TestModel(call_tools=["write"])).run("work", workspace=workspace))
        assert [entry.name for entry in store.session(UUID(workspace.ref.id)).files.list_directory()] == ["a"]


async def test_everstores_tools_edit_the_files_of_the_workspace(store):
    workspace = EverstoreWorkspace(store)
    await workspace.write_bytes("/a.py", b"one = 1\ntwo = 2\n")
    toolbox = Toolbox(await workspace.session())
    edits = [("one = 1", "one = 11"), ("two = 2", "two = 22")]
    calls = [ToolCallPart("edit", {"path": "/a.py", "old": old, "new": new}) for old, new in edits]
    agent = Agent(scripted(calls), tools=toolbox.functions())
    await agent.run("edit", workspace=workspace)
    assert await workspace.read_bytes("/a.py") == b"one = 11\ntwo = 22\n"
