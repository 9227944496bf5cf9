"""Verbs, records, settings, errors and hooks, from the code: what its docstrings say, as Markdown."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from importlib import import_module
from importlib.metadata import entry_points
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel, SecretStr

from everstore import errors, hookspecs, models
from everstore.settings import CommandLineSettings, EverstoreSettings, nested_model, prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic_settings import BaseSettings

__all__ = ["GENERATED", "errors_of", "hooks_of", "markdown", "settings_of", "verbs_of"]

_BLOCK = re.compile(r"::\n\n(?P<code>(?:    .*(?:\n|$)|\n)+)")
_AWAITED = re.compile(r"Answer\[(.+)\]")
_WIDTH = 100


def markdown(docstring: str | None) -> str:
    """A docstring, whose ``::`` begins a block of code."""

    def block(found: re.Match[str]) -> str:
        code = textwrap.dedent(found["code"]).strip("\n")
        colon = "" if found.string[: found.start()].endswith("\n") else ":"
        return f"{colon}\n\n```{'text' if '─' in code else 'python'}\n{code}\n```\n\n"

    return _BLOCK.sub(block, inspect.cleandoc(docstring or ""))


# -- verbs and records ----------------------------------------------------------------------------------


def verbs_of(of: type) -> Iterator[tuple[str, Any]]:
    """What can be called or looked at of a class, by its name, in the order of its source."""
    for name, member in vars(of).items():
        if not name.startswith("_") and inspect.getdoc(member) and (callable(member) or _is_bound(member)):
            yield name, member


def _is_bound(member: object) -> bool:
    return isinstance(member, property | classmethod | staticmethod)


def interface(of: str) -> str:
    """A class, named by its module: what it is, what it declares, and every verb with its promise."""
    kind = _named(of)
    declared = [f"| `{name}` | {told} |" for name, told in _docstrings_of_fields(kind).items()]
    table = "\n".join(["| | |", "|---|---|", *declared]) if declared else ""
    return f"{markdown(kind.__doc__)}\n\n{table}\n\n{verbs(of)}"


def whole(of: str) -> str:
    """What a module is."""
    return markdown(import_module(of).__doc__)


def verbs(of: str) -> str:
    """Every verb of a class with its promise."""
    return "\n\n".join(_verb(*each) for each in verbs_of(_named(of)))


def function(of: str) -> str:
    """A function, named by its module: how it is called, and its promise."""
    module, _, name = of.rpartition(".")
    return _verb(name, getattr(import_module(module), name))


def _named(of: str) -> type:
    module, _, name = of.rpartition(".")
    kind: type = getattr(import_module(module), name)
    return kind


def _verb(name: str, member: Any) -> str:
    if isinstance(member, property):
        answer = inspect.signature(member.fget).return_annotation
        return f"## {name}\n\n```python\n{name}: {answer}\n```\n\n{markdown(member.__doc__)}"
    function = inspect.unwrap(getattr(member, "__func__", member))
    return f"## {name}\n\n```python\n{_signature(name, function)}\n```\n\n{markdown(inspect.getdoc(member))}"


def _signature(name: str, function: Callable[..., Any]) -> str:
    """How a function is called; a line for each parameter where one line is too short for all."""
    signature = inspect.signature(function)
    words = [word for word in _parameters(signature) if word not in {"self", "cls"}]
    answers = name if inspect.isclass(function) else str(signature.return_annotation)
    awaited = _AWAITED.fullmatch(answers)  # a verb of one session hands the coroutine on
    start = "async def" if awaited or inspect.iscoroutinefunction(function) else "def"
    answer = f" -> {awaited[1] if awaited else answers}"
    line = f"{start} {name}({', '.join(words)}){answer}"
    if len(line) <= _WIDTH:
        return line
    return f"{start} {name}(\n{''.join(f'    {word},{chr(10)}' for word in words)}){answer}"


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    has_star = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not has_star:
            has_star = True
            yield "*"
        has_star = has_star or parameter.kind is parameter.VAR_POSITIONAL
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        kind = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        yield f"{stars}{parameter.name}{kind}{default}"


def record(of: str) -> str:
    """A record, named by its module."""
    return _record(_named(of))


def records() -> str:
    """The records that verbs take and answer with, and what each holds."""
    kinds = [getattr(models, name) for name in models.__all__]
    return "\n\n".join(_record(kind) for kind in kinds if inspect.isclass(kind) and kind.__doc__)


def _record(kind: type) -> str:
    fields = {name: what for name, what in inspect.get_annotations(kind).items() if not name.startswith("_")}
    looked_at = {
        name: inspect.signature(member.fget).return_annotation
        for name, member in verbs_of(kind)
        if isinstance(member, property)
    }
    rows = [
        f"| `{name}` | `{what}` |".replace(" | None", " or None")
        for name, what in (fields | looked_at).items()
    ]
    table = "\n".join(["| | |", "|---|---|", *rows]) if rows else ""
    return f"## {kind.__name__}\n\n{markdown(kind.__doc__)}\n\n{table}"


# -- errors and hooks ------------------------------------------------------------------------------------


def errors_of() -> list[type[errors.EverstoreError]]:
    """Every class of error, in the order of the tree that the module draws."""
    return [getattr(errors, name) for name in re.findall(r"\b\w+Error\b(?!\))", errors.__doc__ or "")]


def all_errors() -> str:
    """The tree of all errors, then each: its code, its facts, and where it is said what to do."""
    return "\n\n".join([markdown(errors.__doc__), *map(_error, errors_of())])


def _error(kind: type[errors.EverstoreError]) -> str:
    facts = [name for name, what in inspect.get_annotations(kind).items() if _is_fact(name, what)]
    above = " and ".join(f"`{base.__name__}`" for base in kind.__bases__)
    told = f"\n\nIts facts: {', '.join(f'`{name}`' for name in facts)}." if facts else ""
    return (
        f"## {kind.__name__}\n\nCode `{kind.code}`, a kind of {above}."
        f" [What to do](../troubleshooting.md#{kind.code}).\n\n{markdown(kind.__doc__)}{told}"
    )


def _is_fact(name: str, annotation: object) -> bool:
    return not name.startswith("_") and "ClassVar" not in str(annotation)


def hooks_of() -> dict[str, Callable[..., Any]]:
    """Every hook, by its name, in the order of the source."""
    return {name: each for name, each in vars(hookspecs).items() if name.startswith("everstore_")}


def hooks() -> str:
    """What a plugin may implement."""
    parts = [
        f"## {name}\n\n```python\n{_signature(name, hook)}\n```\n\n{markdown(hook.__doc__)}"
        for name, hook in hooks_of().items()
    ]
    return "\n\n".join([markdown(hookspecs.__doc__), *parts])


# -- settings --------------------------------------------------------------------------------------------


def settings() -> str:
    """Core's settings, the command's, and those of each plugin that is installed."""
    parts = [f"## everstore\n\n{_settings_table(EverstoreSettings)}"]
    parts += [f"## The everstore command\n\n{_settings_table(CommandLineSettings)}"]
    for point in sorted(entry_points(group="everstore"), key=lambda point: point.name):
        hook = getattr(point.load(), "everstore_settings", None)
        if hook is not None:
            parts.append(f"## Plugin {point.name}\n\n{_settings_table(hook())}")
    return "\n\n".join(parts)


def _settings_table(model: type[BaseSettings]) -> str:
    rows = [f"| `{name}` | {told} |" for name, told in settings_of(model, prefix_of(model))]
    return "\n".join(["| name | |", "|---|---|", *rows])


def settings_of(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    """Each setting of a model: its name in the environment, and what it is, takes and is when not given."""
    told = _docstrings_of_fields(model)
    for name, field in model.model_fields.items():
        nested = nested_model(field.annotation)
        if nested:
            yield from settings_of(nested, f"{prefix}{name.upper()}__")
            continue
        has_default = not field.is_required() and field.default not in {None, ()}
        default = f" Default: {_written(field.default)}." if has_default else ""
        yield f"{prefix}{name.upper()}", f"{told[name]} Takes: {_kind(field.annotation)}.{default}"


def _written(default: object) -> str:
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _kind(annotation: Any) -> str:
    """What a setting takes, in words."""
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{str(each).lower()}`" for each in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_args(annotation):
        inner = [each for each in get_args(annotation) if each not in {NoneType, Ellipsis}]
        if get_origin(annotation) is tuple:
            return "names, by comma"
        return ", ".join(dict.fromkeys(map(_kind, inner)))
    names = {str: "text", int: "number", float: "number", bool: "`true`, `false`", SecretStr: "secret"}
    return names.get(annotation, str(getattr(annotation, "__name__", annotation)).lower())


def _docstrings_of_fields(model: type) -> dict[str, str]:
    """The text below each field, which only the source has."""
    [defined] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    told = {}
    for field, below in itertools.pairwise(cast("ast.ClassDef", defined).body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
            text = ast.literal_eval(below.value)
            told[ast.unparse(field.target)] = " ".join(text.split()).replace("|", "\\|")
    return told


GENERATED: dict[str, Callable[..., str]] = {
    "errors": all_errors,
    "function": function,
    "hooks": hooks,
    "interface": interface,
    "module": whole,
    "record": record,
    "records": records,
    "settings": settings,
    "verbs": verbs,
}
