"""A toolbox: which tools it has, how they are called, and how they are told of."""

from __future__ import annotations

import asyncio
import inspect
from uuid import UUID

import pytest

import everstore
from everstore import errors
from everstore.middleware import Middleware, PathPolicy, WriteBlocklist
from everstore.tools import Answer, Toolbox


async def test_a_tool_is_called_by_its_name_with_a_mapping_or_its_json(work):
    toolbox = Toolbox(work)
    await toolbox.call("write", {"path": "a.txt", "content": "one\ntwo\n"})
    answer = await toolbox.call("read", '{"path": "a.txt", "start": 2, "limit": null}')
    assert isinstance(answer, Answer)
    assert not answer.is_error
    assert "     2\ttwo" in answer.text


async def test_functions_have_names_types_and_a_docstring(work):
    functions = {function.__name__: function for function in Toolbox(work).functions()}
    signature = inspect.signature(functions["read"])
    assert signature.parameters["path"].annotation is str
    assert signature.parameters["limit"].annotation == int | None
    assert "limit: " in inspect.getdoc(functions["read"])
    await functions["write"]("a.txt", content="one\n")
    assert "     1\tone" in await functions["read"]("a.txt")


def test_only_looking_tools_are_left_when_it_is_read_only():
    assert all(tool.reads_only for tool in Toolbox(None, read_only=True))


def test_an_unknown_name_in_only_is_an_error():
    assert [tool.name for tool in Toolbox(None, only=["read"])] == ["read"]
    with pytest.raises(ValueError, match="there is no tool 'raed'"):
        Toolbox(None, only=["raed"])


def test_answers_need_some_room():
    with pytest.raises(ValueError, match="at least 1000"):
        Toolbox(None, most_characters=999)


class Failing(Middleware):
    """Every look at a file fails with an error."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def wrap(self, verb, call):
        async def failing(*args, **kwargs):
            if verb.name.startswith("read"):
                raise self.error
            return await call(*args, **kwargs)

        return failing


@pytest.mark.parametrize(
    "error", [errors.StoreContextError("x"), errors.PluginError("x"), errors.SettingsError("x")]
)
async def test_errors_of_the_host_pass(error):
    async with everstore.open_store(backend="memory", middleware=[Failing(error)]) as store:
        toolbox = Toolbox(store.session(everstore.new_session_id()))
        with pytest.raises(type(error)):
            await toolbox.call("read", {"path": "/a"})


async def test_a_closed_store_is_an_error_of_the_host():
    async with everstore.open_store(backend="memory") as store:
        toolbox = Toolbox(store.session(everstore.new_session_id()))
    with pytest.raises(errors.StoreClosedError):
        await toolbox.call("read", {"path": "/a"})


async def test_cancellation_passes():
    hanging = Hanging()
    async with everstore.open_store(backend="memory", middleware=[hanging]) as store:
        toolbox = Toolbox(store.session(everstore.new_session_id()))
        task = asyncio.ensure_future(toolbox.call("read", {"path": "/a"}))
        await hanging.called.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Hanging(Middleware):
    def __init__(self) -> None:
        self.called = asyncio.Event()

    def wrap(self, verb, call):
        async def hanging(*args, **kwargs):
            self.called.set()
            await asyncio.Event().wait()

        return hanging


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.DataDamagedError("the row 17 is damaged"), "is damaged and cannot be read"),
        (errors.UnsupportedError("acme.Files lacks x, its author has to add it"), "cannot do that"),
        (errors.QuotaExceededError.over("new_limit", 2, 1), "may have 1 entries at most"),
        (errors.EverstoreError("EVERSTORE_PATHS forbids it"), "not allowed here"),
        (errors.PolicyError.of("/a", "it may\nnot be read"), "/a is refused: it may not be read. The host"),
        (errors.PolicyError.of(None, "no secrets"), "This is refused: no secrets."),
        (errors.ReadOnlySessionError.of(UUID(int=5)), "This session is a checkpoint: it is kept as it was"),
        (errors.InvalidContentError("the text holds a lone surrogate"), "a lone surrogate"),
        (errors.EverstoreError("no way:\nthere"), "no way: there"),
    ],
)
async def test_what_a_model_is_told_of_other_errors(error, told):
    async with everstore.open_store(backend="memory", middleware=[Failing(error)]) as store:
        answer = await Toolbox(store.session(everstore.new_session_id())).call("read", {"path": "/a"})
    assert answer.is_error
    assert told in answer.text
    assert not {"\n", "EVERSTORE", "acme", "17"} & set(answer.text.split())


async def test_what_a_policy_hides_shows_in_no_answer():
    policies = [PathPolicy(deny_read=["*.key", "/private"]), WriteBlocklist()]
    async with everstore.open_store(backend="memory", middleware=policies) as store:
        session = await store.create_session(
            files=[everstore.InitialFile(path, "word\n") for path in ("/a.key", "/private/b.txt", "/c.txt")]
        )
        toolbox = Toolbox(store.session(session.id))
        for name, arguments in (
            ("ls", {}),
            ("tree", {}),
            ("glob", {"pattern": "**"}),
            ("grep", {"pattern": "word"}),
            ("read", {"path": "/b.txt"}),
            ("read", {"path": "/a.ke"}),
        ):
            text = (await toolbox.call(name, arguments)).text
            assert "a.key" not in text
            assert "private" not in text
        for name, arguments in (
            ("write", {"path": "/a.key", "content": "x"}),
            ("write", {"path": "/.git/config", "content": "x"}),
            ("edit", {"path": "/private/b.txt", "old": "word", "new": "x"}),
            ("delete", {"path": "/private", "recursive": True}),
            ("apply_patch", {"patch": "*** Begin Patch\n*** Add File: .git/x\n+a\n*** End Patch\n"}),
        ):
            answer = await toolbox.call(name, arguments)
            assert answer.is_error
            assert "is refused: it may not be" in answer.text
