"""How commands are made, and how they tell their help: plain lines, for any terminal and any pipe.

Every command and group is a ``Command`` or a ``Group``. So ``-h`` is help everywhere, a flag is shown as a
flag, and what ``--json`` means is known before anything can go wrong.
"""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from everstore.cli.ending import EndedBySignal
from everstore.cli.output import AS_JSON, print_lines
from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Commands", "wants_json"]

F = TypeVar("F", bound=Callable[..., Any])

_WIDEST = 100  # columns of help: longer lines are hard to read
_NARROW = 60  # columns below which what is told of a name stands below it
_MOST_NAME = 30  # columns for names beside what is told of them

Line = list[tuple[str, str]]


def wants_json(args: Iterable[str]) -> bool:
    """Whether ``--json`` is among the words of a command line that may be options."""
    for word in args:
        if word == "--":
            return False
        if word == "--json":
            return True
    return False


class Command(TyperCommand):
    """One command."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        AS_JSON.set(wants_json(args) and any(_is_flag(param, "--json") for param in self.params))
        return super().parse_args(ctx, args)

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EndedBySignal as ended:
            raise typer.Exit(ended.status) from None

    @override
    def get_help(self, ctx: Any) -> str:
        _show(self, ctx)
        raise typer.Exit


class Group(TyperGroup):
    """Commands under one name."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            _show(self, ctx)
            raise typer.Exit(2)
        return super().parse_args(ctx, args)

    @override
    def get_help(self, ctx: Any) -> str:
        _show(self, ctx)
        raise typer.Exit


class Commands(typer.Typer):
    """A group to be filled: what ``typer.Typer`` is, of commands and groups as they are here."""

    def __init__(self, **options: Any) -> None:
        """``options`` are those of ``typer.Typer``."""
        super().__init__(
            cls=Group,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
            **options,
        )

    @override
    def command(self, name: str | None = None, **options: Any) -> Callable[[F], F]:
        return super().command(name, cls=Command, **options)


def _is_flag(param: Any, name: str) -> bool:
    return name in param.opts and getattr(param, "is_flag", False)


def _show(command: Any, ctx: Any) -> None:
    """Print a command's help, in one piece."""
    width = min(shutil.get_terminal_size().columns, _WIDEST) - 1
    lines: list[Line] = [*_wrapped(f"Usage: {_usage(command, ctx)}", width, after=" " * 7, style="bold")]
    lines += _paragraphs(command.help or "", width)
    for title, rows in _sections(command, ctx):
        lines += [[], [(f"{title}:", "bold")], *_columns(rows, width)]
    lines += _paragraphs(command.epilog or "", width)
    print_lines(lines)


def _usage(command: Any, ctx: Any) -> str:
    words = [ctx.command_path, "[OPTIONS]"]
    words += [_named(param) for param in command.params if param.param_type_name == "argument"]
    return " ".join([*words, *(["COMMAND ..."] if isinstance(command, TyperGroup) else [])])


def _named(param: Any) -> str:
    """An argument as the usage has it: in brackets where it may be left out."""
    name = _metavar(param)
    name = name if param.required else f"[{name.removeprefix('[').removesuffix(']')}]"
    return f"{name}..." if param.nargs == -1 else name


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _sections(command: Any, ctx: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    params = [param for param in command.get_params(ctx) if not param.hidden]
    arguments = [param for param in params if param.param_type_name == "argument"]
    options = [param for param in params if param.param_type_name == "option"]
    by_panel: dict[str, list[tuple[str, str]]] = {}
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            panel = by_panel.setdefault(_panel_of(each), [])
            panel.append((name, _first_paragraph(each.help or "")))
    yield from by_panel.items()
    if arguments:
        yield "Arguments", [(_metavar(param).strip("[]"), _told(param)) for param in arguments]
    yield "Options", [(_spelt(param), _told(param)) for param in options]


def _panel_of(command: Any) -> str:
    panel = getattr(command, "rich_help_panel", None)
    return panel if isinstance(panel, str) else "Commands"


def _spelt(param: Any) -> str:
    """An option's names, the short one first, and what comes behind them; nothing for a flag."""
    names = ", ".join(sorted([*param.opts, *param.secondary_opts], key=lambda name: name.startswith("--")))
    return names if param.is_flag else f"{names} {_metavar(param)}"


def _told(param: Any) -> str:
    shown = getattr(param, "show_default", False) and not param.required
    default = param.default if shown else None
    if getattr(param, "is_flag", False):
        default = param.opts[0] if param.secondary_opts and param.default else None
    elif callable(default) or default in (None, "", ()):
        default = None
    return (param.help or "") + ("" if default is None else f" [default: {default}]")


def _first_paragraph(text: str) -> str:
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())


def _paragraphs(text: str, width: int) -> Iterator[Line]:
    for paragraph in inspect.cleandoc(text).split("\n\n") if text else ():
        yield []
        yield from _wrapped(" ".join(paragraph.split()), width)


def _wrapped(text: str, width: int, *, before: str = "", after: str = "", style: str = "") -> Iterator[Line]:
    for line in textwrap.wrap(
        text, max(width, len(before) + 8), initial_indent=before, subsequent_indent=after,
        break_on_hyphens=False,
    ):  # fmt: skip
        yield [(line, style)]


def _columns(rows: list[tuple[str, str]], width: int) -> Iterator[Line]:
    """Names and what is told of each, side by side where that is wide enough."""
    most = min(max((len(name) for name, _ in rows), default=0), _MOST_NAME)
    for name, told in rows:
        start = f"  {name}"
        if width < _NARROW or len(name) > most:
            yield [(start, "cyan")]
            indent = " " * (6 if width < _NARROW else most + 4)
            yield from _wrapped(told, width, before=indent, after=indent)
            continue
        indent = " " * (most + 4)
        first, *others = textwrap.wrap(told, width - len(indent), break_on_hyphens=False) or [""]
        yield [(start.ljust(len(indent)), "cyan"), (first, "")]
        yield from ([(indent + other, "")] for other in others)
