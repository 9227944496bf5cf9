"""Secrets that a file holds: for each setting ``X`` that is one, ``X_FILE`` names a file in its place.

So a password need not stand in an environment that every child process inherits, and whoever mounts
secrets as files (Docker, Kubernetes, systemd) names them. Keywords and settings files have the same names.
"""

from __future__ import annotations

from functools import lru_cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from everstore.errors import SettingsError
from everstore.sources import read_text, shown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    Path = tuple[str, ...]
    States = list[tuple[str, dict[str, Any]]]

__all__ = ["SUFFIX", "is_secret_file", "read_secret_files", "secrets_of"]

SUFFIX = "_file"


@lru_cache
def secrets_of(model: type[BaseModel]) -> tuple[tuple[str, ...], ...]:
    """The settings of a model that are secrets, each by its name behind those of the tables it is in."""
    paths: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        kinds = _kinds(field.annotation)
        if SecretStr in kinds:
            paths.append((name,))
        for table in kinds:
            if isinstance(table, type) and issubclass(table, BaseModel):
                paths += ((name, *path) for path in secrets_of(table))
    return tuple(paths)


def is_secret_file(name: str, fields: Mapping[str, Any]) -> bool:
    """Whether a name beside these fields is that of the file for a secret among them."""
    field = None if name in fields else fields.get(name.removesuffix(SUFFIX))
    return field is not None and SecretStr in _kinds(field.annotation)


def _kinds(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)


def read_secret_files(model: type[BaseModel], states: States, prefix: str) -> dict[str, str]:
    """Put what the files hold where the secrets are, each in the strongest source that says anything of it.

    ``states`` are what each source says, the strongest first. Answers with the files that were read, by the
    setting's name in the environment. ``SettingsError`` when one source has both, or a file cannot be read.
    """
    read = {}
    for path in secrets_of(model):
        name = f"{prefix}{'__'.join(path).upper()}"
        beside = (*path[:-1], f"{path[-1]}{SUFFIX}")
        is_said = False
        for source, state in states:
            file, secret = _taken(state, beside), _at(state, path)
            if is_said or file is None:
                is_said = is_said or secret is not None
                continue
            if secret is not None:
                raise SettingsError(f"{name} and {name}{SUFFIX.upper()} are both set; take one of them out")
            read[name] = f"{shown_name(str(file))} ({name}{SUFFIX.upper()}, {source})"
            _put(state, path, _secret_in(file, f"{name}{SUFFIX.upper()}"))
            is_said = True
    return read


def _secret_in(file: object, name: str) -> str:
    text = read_text(file, "the file", name)
    for end in ("\r\n", "\n"):
        if text.endswith(end):
            text = text[: -len(end)]
            break
    if not text:
        raise SettingsError(f"the file {shown_name(str(file))} is empty ({name})")
    return text


def _at(state: dict[str, Any], path: Path) -> Any:
    at: Any = state
    for part in path:
        at = at.get(part) if isinstance(at, dict) else None
    return at


def _taken(state: dict[str, Any], path: Path) -> Any:
    table = _at(state, path[:-1])
    return table.pop(path[-1], None) if isinstance(table, dict) else None


def _put(state: dict[str, Any], path: Path, value: str) -> None:
    _at(state, path[:-1])[path[-1]] = value
