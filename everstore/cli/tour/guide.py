"""A step of the tour: the lines that are shown are the lines that run, and the answer is checked."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Coroutine
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.cli.output import one_line
from everstore.cli.running import WrongAnswerError
from everstore.cli.tour.scene import Scene
from everstore.compat import override
from everstore.errors import EverstoreError
from everstore.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


__all__ = ["Outcome", "Step", "clipped", "difference", "lines_of", "listed"]

_LONGEST = 60  # characters of a value that stands in a shown line
_LONGEST_ANSWER = 100
_LONGEST_LIST = 60


class Outcome(msgspec.Struct, frozen=True):
    """What a step answered and how long it took; a refusal is an answer too, and ``refusal`` its words."""

    answer: object
    refusal: str
    duration_ns: int


class Step(msgspec.Struct, frozen=True):
    """One thing an agent does.

    ``act`` is what the tour shows and runs; its parameters are attributes of the scene. ``expect``
    runs first and works out, from the tour's own books, what the answer must be: a value, or the
    class of the error that must be raised. ``told`` puts an answer into words. A step ``in_short`` is shown
    in the short tour, too; all of them run in both.
    """

    title: str
    act: Callable[..., Coroutine[Any, Any, object]]
    expect: Callable[[Scene], object]
    told: Callable[[Any], str] = repr
    tolerate: tuple[type[EverstoreError], ...] = ()
    in_short: bool = False

    def words(self, outcome: Outcome) -> str:
        """What came of it, in one line."""
        return f"refused: {outcome.refusal}" if outcome.refusal else clipped(self.told(outcome.answer))

    async def run(self, scene: Scene) -> Outcome:
        """Do it; ``WrongAnswerError`` when the answer is not the expected one."""
        expected = self.expect(scene)
        arguments = scene.arguments(self.act)
        refusal = ""
        started = perf_counter_ns()
        try:
            answer = await self.act(**arguments)
        except EverstoreError as error:
            if type(error) is not expected and not isinstance(error, self.tolerate):
                raise
            answer, refusal = type(error), str(error)
        duration = perf_counter_ns() - started
        if answer != expected and not refusal:
            raise WrongAnswerError(f"{self.title}: {difference(answer, expected)}", step=self.title)
        return Outcome(answer, refusal, duration)


def lines_of(act: Callable[..., object], values: Mapping[str, object]) -> list[str]:
    """The statements of a function's body, with the values that its parameters have.

    Only short text and numbers are put in; ``return`` is left out, as in an interactive session.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(act)))
    function = tree.body[0]
    assert isinstance(function, ast.AsyncFunctionDef)  # noqa: S101 - steps are coroutine functions
    parameters = {argument.arg for argument in function.args.args}
    rebound = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    known = {name: values[name] for name in parameters - rebound if name in values}
    body = _WithValues(known).visit(function).body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    shown = [
        statement.value if isinstance(statement, ast.Return) and statement.value else statement
        for statement in body
    ]
    return [line for statement in shown for line in ast.unparse(statement).splitlines()]


class _WithValues(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    @override
    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = self._values.get(node.id)
        if isinstance(node.ctx, ast.Load) and isinstance(value, (str, int)) and len(repr(value)) <= _LONGEST:
            return ast.Constant(value)
        return node


def difference(answer: object, expected: object) -> str:
    """Where an answer is not the expected one, in one line."""
    if isinstance(expected, type):
        return f"should have been refused with {expected.__name__}, but answered {_clipped(answer)}"
    if isinstance(answer, dict) and isinstance(expected, dict):
        key = min(key for key in answer.keys() | expected.keys() if answer.get(key) != expected.get(key))
        return f"{key!r} is {_clipped(answer.get(key))}, but must be {_clipped(expected.get(key))}"
    if isinstance(answer, list) and isinstance(expected, list):
        if len(answer) != len(expected):
            return f"{len(answer)} in number, but there must be {len(expected)}"
        at = next(at for at, (got, wanted) in enumerate(zip(answer, expected, strict=True)) if got != wanted)
        return f"entry {at} is {_clipped(answer[at])}, but must be {_clipped(expected[at])}"
    return f"the answer is {_clipped(answer)}, but must be {_clipped(expected)}"


def _clipped(value: object) -> str:
    return clipped(repr(value))


def listed(what: str, answers: Sequence[object]) -> str:
    """How many things of a kind an answer has, and as many of them as a line takes."""
    told = f"{counted(len(answers), what)}"
    for at, answer in enumerate(answers):
        one = _in_words(answer)
        if len(told) + len(one) > _LONGEST_LIST and at:
            return f"{told}, ..."
        told += f"{', ' if at else ': '}{one}"
    return told


def _in_words(answer: object) -> str:
    """A name as it is; a line with its place, as grep tells it."""
    text = one_line(":".join(map(str, answer)) if isinstance(answer, tuple) else str(answer))
    return text if len(text) <= _LONGEST_LIST else f"{text[: _LONGEST_LIST - 3]}..."


def clipped(text: str) -> str:
    """A text of one line that is no longer than a line."""
    return text if len(text) <= _LONGEST_ANSWER else f"{text[: _LONGEST_ANSWER - 3]}..."
