"""The tools of one session."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

from everstore.errors import EverstoreError
from everstore.tools import arranging, listing, patching, reading, remembering, searching, trees, writing
from everstore.tools.answers import Answer, RefusedError, fitted, in_json
from everstore.tools.arguments import likely, understood
from everstore.tools.declaring import Tool, all_required, annotation_of
from everstore.tools.desk import Desk
from everstore.tools.refusals import refusal_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from everstore.session import BoundSession

__all__ = ["TOOLS", "Toolbox"]

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for module in (reading, writing, patching, listing, trees, searching, arranging, remembering)
    for tool in vars(module).values()
    if isinstance(tool, Tool)
}


class Toolbox:
    """The tools with which a model works in one session: iterate over it, and ``call`` what the model calls.

    ``read_only`` leaves those that only look, ``only`` those that it names (``ValueError`` for a name that
    there is not). An answer has at most ``most_characters``. What a model remembers are values of the session
    whose keys begin with ``memory``, so that it neither sees nor changes others.
    """

    def __init__(
        self,
        work: BoundSession,
        *,
        read_only: bool = False,
        only: Iterable[str] | None = None,
        most_characters: int = 30_000,
        memory: str = "memory/",
    ) -> None:
        if most_characters < 1000:
            raise ValueError("most_characters is at least 1000: an answer has to say how to see more")
        names = TOOLS.keys() if only is None else list(only)
        unknown = [name for name in names if name not in TOOLS]
        if unknown:
            raise ValueError(f"there is no tool {unknown[0]!r}; there are {', '.join(TOOLS)}")
        self._desk = Desk(work, most_characters, memory)
        self._tools = {
            name: tool for name, tool in TOOLS.items() if name in names and (tool.reads_only or not read_only)
        }

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    async def call(self, name: str, arguments: Mapping[str, Any] | str | bytes | None = None) -> Answer:
        """What a tool answers; ``arguments`` are a mapping or its JSON, as the model wrote it.

        Never an error for what the model did wrong, or for what the storage refused: that is an ``Answer``
        with ``is_error``, whose text says what to do. Who calls a closed store, or from the wrong event
        loop, gets the error.
        """
        tool = self._tools.get(name)
        if tool is None:
            return Answer(fitted(self._unknown(name[:60]), self._desk.most), is_error=True)
        try:
            answer = Answer(await tool.does(self._desk, **understood(tool, arguments)))
        except RefusedError as error:
            answer = Answer(str(error), is_error=True)
        except EverstoreError as error:
            answer = Answer(await refusal_of(self._desk, error), is_error=True)
        return Answer(fitted(answer.text, self._desk.most), answer.is_error)

    def _unknown(self, name: str) -> str:
        names = ", ".join(self._tools)
        return f"There is no tool {in_json(name)}.{likely(name, self._tools)} There are: {names}."

    def openai(self, api: Literal["responses", "chat"] = "responses") -> list[dict[str, Any]]:
        """The tools as OpenAI's API is told of them, in strict form."""
        functions: list[dict[str, Any]] = [
            {
                "name": tool.name,
                "description": tool.description,
                "parameters": all_required(tool.parameters),
                "strict": True,
            }
            for tool in self
        ]
        if api == "chat":
            return [{"type": "function", "function": function} for function in functions]
        return [{"type": "function", **function} for function in functions]

    def anthropic(self) -> list[dict[str, Any]]:
        """The tools as Anthropic's API is told of them."""
        return [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in self
        ]

    def functions(self) -> list[Callable[..., Awaitable[str]]]:
        """The tools as coroutine functions that answer with the text, for frameworks that take functions.

        Each has the tool's name, parameters, types, and a docstring that tells of all arguments.
        """
        return [self._function(tool) for tool in self]

    def _function(self, tool: Tool) -> Callable[..., Awaitable[str]]:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [
            inspect.Parameter(one.name, kind, default=one.default, annotation=annotation_of(one))
            for one in tool.takes
        ]
        signature = inspect.Signature(parameters, return_annotation=str)

        async def call(*args: Any, **kwargs: Any) -> str:
            given = signature.bind(*args, **kwargs).arguments
            return (await self.call(tool.name, given)).text

        told = [f"    {one.name}: {one.schema.get('description', '')}" for one in tool.takes]
        function: Any = call  # to type checkers a function has no signature of its own
        function.__name__ = function.__qualname__ = tool.name
        function.__doc__ = f"{tool.description}\n\nArgs:\n" + "\n".join(told)
        function.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": str}
        function.__signature__ = signature
        return call
