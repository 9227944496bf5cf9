"""Commands that tell what is installed and what is configured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from everstore.cli.options import JsonOption
from everstore.cli.output import note, print_json, print_table
from everstore.cli.running import WRONG_USE, report, sources
from everstore.errors import UnknownBackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from everstore.configuration import Configuration

__all__ = ["backends", "settings"]

_ROLES: tuple[Literal["file_system", "storage", "sessions"], ...] = ("file_system", "storage", "sessions")
_UNREAD = Path("everstore.toml")


def backends(*, as_json: JsonOption = False) -> None:
    """List the installed backends and other plugins, what each is used for, and what is wrong with it."""
    from everstore.plugins import Plugins  # noqa: PLC0415 - loads pluggy
    from everstore.settings import EverstoreSettings, load  # noqa: PLC0415 - loads pydantic

    in_force, _ = load(EverstoreSettings, sources(), {})
    plugins = Plugins(in_force.disabled_plugins)
    configured_for: dict[str, list[str]] = {}
    for role in _ROLES:
        configured_for.setdefault(in_force.plugin_of(role), []).append(role)
    reports = plugins.report()
    if as_json:
        print_json(
            [
                {**msgspec.to_builtins(report), "configured_for": configured_for.get(report.name, [])}
                for report in reports
            ]
        )
    else:
        rows = [
            (
                report.name,
                ", ".join(report.roles),
                ", ".join(configured_for.get(report.name, [])),
                report.distribution,
                report.problem or "",
            )
            for report in reports
        ]
        columns = ("name", "can keep", "configured for", "from", "problem")
        print_table(columns, rows, fold=columns[1:])
    for name in configured_for.keys() - set(plugins.names):
        try:
            plugins.load(name)
        except UnknownBackendError as error:
            note(f"note: {error}")


def settings(*, as_json: JsonOption = False) -> int:
    """List every setting in force, and where its value came from. Secrets stay masked.

    A setting that is wrong is listed with what is wrong with it, and the exit status is 2.
    """
    from everstore.cli.examining import examine  # noqa: PLC0415 - loads pydantic and structlog

    found = examine()
    if as_json:
        print_json(msgspec.to_builtins(found.origins))
    else:
        rows = [
            (each.name, each.source, f"WRONG: {each.problem}" if each.problem else each.value)
            for each in found.origins
        ]
        print_table(("setting", "from", "value"), rows)
    for error in found.errors:
        report(error)
    for remark in _remarks(found.configuration) if found.configuration else ():
        note(f"note: {remark}")
    return WRONG_USE if found.errors else 0


def _remarks(configuration: Configuration) -> Iterator[str]:
    """What is there beside the settings in force, and changes nothing."""
    file = configuration.sources.file_name
    if _UNREAD.exists() and not (file is not None and _UNREAD.samefile(file)):
        yield (
            f"{_UNREAD} in the working directory is not read, for no file is that nobody names; "
            f"to name it: everstore --config {_UNREAD}, EVERSTORE_CONFIG_FILE={_UNREAD} "
            f"or open_store(config_file={str(_UNREAD)!r})"
        )
    for plugin, names in configuration.idle.items():
        settings = ", ".join(names)
        yield f"{settings}: plugin {plugin!r} plays no role; EVERSTORE_BACKEND={plugin} gives it all of them"
    for name in configuration.strangers:
        yield f"{name} in the environment is no setting, and changes nothing"
