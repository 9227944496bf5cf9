"""Commands that tell what is installed and what is configured."""

from __future__ import annotations

from typing import Literal

import msgspec

from everstore.cli.options import JsonOption
from everstore.cli.output import note, print_json, print_table
from everstore.errors import UnknownBackendError

__all__ = ["backends", "settings"]

_ROLES: tuple[Literal["file_system", "storage", "sessions"], ...] = ("file_system", "storage", "sessions")


def backends(*, as_json: JsonOption = False) -> None:
    """List the installed plugins: what each can keep, what it is configured for, what is wrong with it."""
    from everstore.plugins import Plugins  # noqa: PLC0415 - loads pluggy
    from everstore.settings import EverstoreSettings, load  # noqa: PLC0415 - loads pydantic

    in_force, _ = load(EverstoreSettings, {})
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


def settings(*, as_json: JsonOption = False) -> None:
    """Print every setting in force and where its value came from; secrets stay masked."""
    from everstore.opening import configure  # noqa: PLC0415 - loads pydantic and structlog

    origins = configure({}).origins
    if as_json:
        print_json(msgspec.to_builtins(origins))
    else:
        print_table(("setting", "from", "value"), [(each.name, each.source, each.value) for each in origins])
