"""The tools on every backend: races, and how the SDKs of OpenAI and Anthropic take them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema
import pytest
from agents import FunctionTool, function_tool
from agents.strict_schema import ensure_strict_json_schema
from anthropic.types import ToolParam as AnthropicTool
from openai.types.chat import ChatCompletionToolParam
from openai.types.responses import FunctionToolParam
from pydantic import TypeAdapter
from pydantic_ai import Agent
from pydantic_ai import Tool as PydanticTool
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

import everstore
from everstore.tools import Toolbox

LINES = 20
TEXT = "".join(f"line {number}\n" for number in range(LINES))


@pytest.fixture
def session_id():
    return everstore.new_session_id()


@pytest.fixture
def toolboxes(store, session_id):
    return [Toolbox(store.session(session_id)) for _ in range(2)]


def patch_of(number: int) -> str:
    hunk = f"@@\n-line {number}\n+patched {number}\n+and more"
    return f"*** Begin Patch\n*** Update File: f.txt\n{hunk}\n*** End Patch\n"


async def test_twenty_edits_at_once_are_all_kept(store, session_id, toolboxes):
    await store.session(session_id).files.write_file("/f.txt", TEXT)
    calls = [
        toolboxes[number % 2].call(
            "edit", {"path": "f.txt", "old": f"line {number}\n", "new": f"edited {number}\n"}
        )
        for number in range(LINES)
    ]
    assert not any(answer.is_error for answer in await asyncio.gather(*calls))
    text = (await store.session(session_id).files.read_file("/f.txt")).content
    assert text == TEXT.replace("line", "edited")


async def test_two_toolboxes_that_patch_one_file_lose_nothing(store, session_id, toolboxes):
    await store.session(session_id).files.write_file("/f.txt", TEXT)
    calls = [
        toolboxes[number % 2].call("apply_patch", {"patch": patch_of(number)}) for number in range(LINES)
    ]
    answers = await asyncio.gather(*calls)
    assert [answer.text for answer in answers if answer.is_error] == []
    text = (await store.session(session_id).files.read_file("/f.txt")).content
    assert text == "".join(f"patched {number}\nand more\n" for number in range(LINES))


async def test_of_two_patches_of_one_line_one_is_refused(store, session_id, toolboxes):
    await store.session(session_id).files.write_file("/f.txt", TEXT)
    answers = await asyncio.gather(*(box.call("apply_patch", {"patch": patch_of(7)}) for box in toolboxes))
    assert [answer.is_error for answer in answers].count(True) == 1
    assert "its old lines are not there" in next(answer.text for answer in answers if answer.is_error)


async def test_patches_and_edits_of_several_files_are_all_or_nothing_beside_each_other(
    store, session_id, toolboxes
):
    files = store.session(session_id).files
    for name in "ab":
        await files.write_file(f"/{name}.txt", "count 0\n")

    async def count(toolbox: Toolbox) -> None:
        done = 0
        while done < 5:
            now = (await files.read_file("/a.txt")).content.split()[1]
            edits = [
                {"path": f"/{n}.txt", "old": f"count {now}\n", "new": f"count {int(now) + 1}\n"} for n in "ab"
            ]
            done += not (await toolbox.call("multi_edit", {"edits": edits})).is_error

    await asyncio.gather(*map(count, toolboxes))
    assert [(await files.read_file(f"/{name}.txt")).content for name in "ab"] == ["count 10\n"] * 2


async def test_a_file_that_another_changed_is_not_replaced(toolboxes):
    mine, other = toolboxes
    await mine.call("write", {"path": "f.txt", "content": "one\n"})
    await mine.call("read", {"path": "/f.txt"})
    await other.call("append", {"path": "f.txt", "content": "two\n"})
    refused = await mine.call("write", {"path": "/f.txt", "content": "mine\n"})
    assert refused.is_error
    assert "Read it again" in refused.text
    assert "two" in (await mine.call("read", {"path": "f.txt"})).text
    assert not (await mine.call("write", {"path": "f.txt", "content": "mine\n"})).is_error


async def test_of_twenty_that_create_a_file_one_does(toolboxes):
    calls = [
        toolboxes[number % 2].call("write", {"path": "f.txt", "content": str(number), "if_absent": True})
        for number in range(LINES)
    ]
    answers = await asyncio.gather(*calls)
    assert [answer.is_error for answer in answers].count(False) == 1


async def test_an_agent_works_with_the_functions(store, session_id):
    """A model that writes a file, edits it twice over, and tells what it was told."""
    edit = {"path": "a.txt", "old": "one", "new": "two"}
    calls = [
        ("write", {"path": "a.txt", "content": "one\n"}),
        ("multi_edit", {"edits": [edit, edit | {"old": "two", "new": "three"}]}),
        ("edit", edit),
    ]

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        assert {tool.name for tool in info.function_tools} == {tool.name for tool in TOOLBOX}
        done = len(messages) // 2
        if done < len(calls):
            return ModelResponse(parts=[ToolCallPart(*calls[done])])
        return ModelResponse(parts=[TextPart(messages[-1].parts[0].content)])

    agent = Agent(FunctionModel(model), tools=Toolbox(store.session(session_id)).functions())
    told = (await agent.run("go")).output
    assert told.startswith("The old text is not in /a.txt, and nothing was changed.")
    assert (await store.session(session_id).files.read_file("/a.txt")).content == "three\n"


# -- the SDKs, which need no store ------------------------------------------------------------------

TOOLBOX = Toolbox(None)  # type: ignore[arg-type] - nothing is called


@pytest.mark.parametrize("tool", list(TOOLBOX), ids=lambda tool: tool.name)
def test_schemas_are_json_schemas(tool):
    jsonschema.Draft202012Validator.check_schema(tool.parameters)
    assert json.loads(json.dumps(tool.parameters)) == tool.parameters


@pytest.mark.parametrize("told", TOOLBOX.openai(), ids=lambda told: told["name"])
def test_openai_takes_them_in_its_strict_form(told):
    assert TypeAdapter(FunctionToolParam).validate_python(told) == told
    parameters = told["parameters"]
    jsonschema.Draft202012Validator.check_schema(parameters)
    before = json.dumps(parameters)
    assert json.dumps(ensure_strict_json_schema(json.loads(before))) == before  # nothing is to be mended
    require_strict(parameters)


def require_strict(schema: dict[str, Any]) -> None:
    """What OpenAI's strict mode asks of a schema, at any depth."""
    assert not {"default", "$ref", "oneOf", "allOf", "title"} & schema.keys()
    if schema["type"] == "object":
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
        for part in schema["properties"].values():
            require_strict(part)
    if "items" in schema:
        require_strict(schema["items"])


def test_the_older_api_takes_them_too():
    adapter = TypeAdapter(list[ChatCompletionToolParam])
    assert adapter.validate_python(TOOLBOX.openai("chat")) == TOOLBOX.openai("chat")


def test_anthropic_takes_them():
    adapter = TypeAdapter(list[AnthropicTool])
    assert adapter.validate_python(TOOLBOX.anthropic()) == TOOLBOX.anthropic()


@pytest.mark.parametrize("function", TOOLBOX.functions(), ids=lambda function: function.__name__)
def test_frameworks_take_the_functions(function):
    """With every argument told of, as if they had been written by hand."""
    parameters = next(tool for tool in TOOLBOX if tool.name == function.__name__).parameters
    of_agents = function_tool(function)
    assert isinstance(of_agents, FunctionTool)
    of_pydantic = PydanticTool(function, require_parameter_descriptions=bool(parameters["properties"]))
    for schema in (of_agents.params_json_schema, of_pydantic.tool_def.parameters_json_schema):
        assert schema["properties"].keys() == parameters["properties"].keys()
        for name, part in parameters["properties"].items():
            assert schema["properties"][name]["description"] == part["description"]
