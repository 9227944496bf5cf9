"""The commands, from the command line itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from typer.main import get_command

from everstore.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["commands", "walk"]


def walk(command: Any = None, name: str = "everstore") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its whole name, in the order of the help."""
    command = command or get_command(app)
    within = getattr(command, "commands", None)
    if within is None:
        yield name, command
        return
    for word, each in within.items():
        if not each.hidden:
            yield from walk(each, f"{name} {word}")


def commands() -> str:
    """All commands: what each does, its arguments and its options, with what they are when not given."""
    root = get_command(app)
    before = _table("option", [_option(each) for each in root.params if not each.hidden])
    parts = [f"## Before any command\n\n{before}", f"## Exit status\n\n{root.epilog}"]
    parts += [_command(name, command) for name, command in walk(root)]
    return "\n\n".join(parts)


def _command(name: str, command: Any) -> str:
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    arguments = [each for each in shown if each.param_type_name == "argument"]
    options = [each for each in shown if each.param_type_name == "option"]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *map(_placeholder, arguments)])
    parts = [f"## {name}", f"```text\n{usage}\n```", command.help or ""]
    if arguments:
        parts.append(_table("argument", [(f"`{_name(each)}`", _words(each)) for each in arguments]))
    if options:
        parts.append(_table("option", [_option(each) for each in options]))
    return "\n\n".join(parts)


def _placeholder(argument: Any) -> str:
    name = f"{_name(argument)}{'...' if argument.nargs != 1 else ''}"
    return name if argument.required else f"[{name}]"


def _name(parameter: Any) -> str:
    return parameter.metavar or parameter.name.upper()


def _option(option: Any) -> tuple[str, str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return (names if option.is_flag else f"{names} {_value(option)}"), _words(option)


def _value(option: Any) -> str:
    """What follows the option: one of some words, or something that its metavar or its type names."""
    words = get_args(option.type_descriptor.annotation)
    if option.metavar or not words or not all(isinstance(word, str) for word in words):
        kind = option.metavar or getattr(option.type_descriptor.annotation, "__name__", "value").upper()
        return f"*{kind}*"
    return " or ".join(f"`{word}`" for word in words)


def _words(parameter: Any) -> str:
    default = parameter.default
    is_told = parameter.show_default and not callable(default) and default not in {None, False, ()}
    written = str(default).lower() if isinstance(default, bool) else default
    return f"{parameter.help or ''}{f' Default: `{written}`.' if is_told else ''}"


def _table(head: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {first} | {second.replace('|', chr(92) + '|')} |" for first, second in rows]
    return "\n".join([f"| {head} | |", "|---|---|", *lines])
