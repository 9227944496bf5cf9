"""What is wrong with settings, in words that name each of them, its source and what it takes."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from everstore.errors import SettingsError
from everstore.settings.names import RENAMED, nested_model, prefix_of, setting_names
from everstore.settings.origins import source_of
from everstore.sources import PREFIX
from everstore.wanted import given, wanted

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_settings import BaseSettings

    from everstore.secret_files import States


__all__ = ["explained"]


def explained(model: type[BaseSettings], error: ValidationError, states: States) -> SettingsError:
    """What to raise for pydantic's error, which has the values in it; numbers alone are told."""
    lines: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_context=False):
        path = _path_of(model, problem["loc"])
        field = "__".join(path)
        name = f"{prefix_of(model)}{field.upper()}"
        if problem["type"] == "missing":
            lines[name] = f"{name} is not set, and has no default"
        elif problem["type"] == "extra_forbidden" and (now := RENAMED.get(field.replace("_", ""))):
            lines[name] = (
                f"{name} is no setting; did you mean {PREFIX}{'__'.join(now).upper()}, its name now?"
            )
        elif problem["type"] == "extra_forbidden":
            close = difflib.get_close_matches(
                name, list(setting_names(model, prefix_of(model))), n=1, cutoff=0.5
            )
            hint = f"did you mean {close[0]}?" if close else "take it out"
            lines[name] = f"{name} is no setting; {hint} (from {source_of(name, prefix_of(model), states)})"
        else:
            takes = None if problem["type"] == "value_error" else wanted(model, path)
            message = (
                problem["msg"].removeprefix("Value error, ")
                if takes is None
                else f"it takes {takes}, and {given(model, path, problem['input'])} is given"
            )
            lines[name] = f"{name}: {message} (from {source_of(name, prefix_of(model), states)})"
    return SettingsError("; ".join(lines.values()), problems=lines)


def _path_of(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The fields that lead to a problem; behind the last one, pydantic may name the type that it tried."""
    path: list[str] = []
    at: type[BaseModel] | None = model
    for part in place:
        if at is None or not isinstance(part, str):
            break
        path.append(part)
        field = at.model_fields.get(part)
        at = None if field is None else nested_model(field.annotation)
    return path
