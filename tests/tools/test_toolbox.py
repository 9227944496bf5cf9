"""A toolbox: which tools it has, how they are called, and how they are told of."""

from __future__ import annotations

import inspect

import pytest

import everstore
from everstore.tools import Answer, Toolbox


@pytest.fixture
async def work():
    async with everstore.open_store() as store:
        yield store.session(everstore.new_session_id())


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
