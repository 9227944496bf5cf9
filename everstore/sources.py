"""Where settings come from: what the host says, the environment, and the one file that is named.

A store opens inside working directories that strangers wrote, so no file is read because of its place
or its name: only the one that ``open_store(config_file=...)`` or ``EVERSTORE_CONFIG_FILE`` names.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from typing import Any

from everstore.errors import SettingsError

__all__ = ["ENVIRONMENT", "KEYWORDS", "PREFIX", "Sources", "read_text", "shown_name"]

PREFIX = "EVERSTORE_"
KEYWORDS = "open_store()"
ENVIRONMENT = "environment"
_CONFIG_FILE = f"{PREFIX}CONFIG_FILE"
_MOST_BYTES = 1 << 20  # of a settings file: whatever is larger is something else
_LONGEST_NAME = 100


class Sources:
    """The environment and the settings file of one store; read once, when it opens.

    ``environment`` is ``os.environ`` or what the host gave in its place, ``variables`` the part of it that
    begins with ``EVERSTORE_``, in capitals. ``file_name`` is the file as it was named, ``table`` what
    it says; without a file they are ``None`` and empty.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, config_file: str | os.PathLike[str] | None = None
    ) -> None:
        """Read them; ``SettingsError`` when something is no environment, or the file cannot be read."""
        self.environment: Mapping[str, str] = os.environ if environment is None else _checked(environment)
        self.variables = _variables(self.environment)
        self.file_name = _named(config_file) or self.variables.get(_CONFIG_FILE) or None
        self.table: dict[str, Any] = {} if self.file_name is None else _read_toml(self.file_name)


def _checked(environment: object) -> Mapping[str, str]:
    if not isinstance(environment, Mapping):
        raise SettingsError(
            f"open_store(environment=...) takes a mapping of names to texts, not {type(environment).__name__}"
        )
    for name, value in environment.items():
        if not isinstance(name, str):
            raise SettingsError(
                f"open_store(environment=...): a name in it is of type {type(name).__name__}, not str"
            )
        if not isinstance(value, str):
            raise SettingsError(
                f"open_store(environment=...): the value of {shown_name(name)} is of type "
                f"{type(value).__name__}, not str"
            )
    return dict(environment)


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Our part of an environment; ``SettingsError`` when one name is there in two spellings that disagree."""
    ours: dict[str, str] = {}
    spelt: dict[str, str] = {}
    for name, value in environment.items():
        capitals = name.upper()
        if not capitals.startswith(PREFIX):
            continue
        if ours.setdefault(capitals, value) != value:
            raise SettingsError(
                f"{shown_name(spelt[capitals])} and {shown_name(name)} in the environment are one setting "
                "with two values; take one of them out"
            )
        spelt[capitals] = name
    return ours


def _named(config_file: object) -> str | None:
    if config_file is None:
        return None
    try:
        name = os.fspath(config_file)  # type: ignore[call-overload]  # anything may have been given
    except TypeError:
        name = None
    if not isinstance(name, str) or not name:
        raise SettingsError(
            f"{_CONFIG_FILE}: the path of a settings file is needed, a str or a Path (from {KEYWORDS})"
        )
    return name


def _read_toml(name: str) -> dict[str, Any]:
    text = read_text(name, "the settings file", _CONFIG_FILE)
    try:
        return tomllib.loads(text)
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as error:
        reason = str(error)
    raise _unreadable(name, "the settings file", _CONFIG_FILE, reason)


def read_text(name: object, what: str, setting: str) -> str:
    """The text of a file that ``setting`` names; ``SettingsError`` when it cannot be read."""
    try:
        return _read(os.fspath(name)).decode("utf-8-sig")  # type: ignore[call-overload]  # anything may have been given
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 (byte {error.start})"
    except TypeError:
        reason = "a path is text"
    except ValueError as error:  # a path with NUL, or what is no plain file
        reason = str(error)
    raise _unreadable(name, what, setting, reason)


def _unreadable(name: object, what: str, setting: str, reason: str) -> SettingsError:
    return SettingsError(f"{what} {shown_name(str(name))} cannot be read: {reason} ({setting})")


def _read(name: str) -> bytes:
    # Nothing is waited for: a pipe opens at once, and is refused like every other thing that may never end.
    file = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    content = bytearray()
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError("it is no regular file")
        while chunk := os.read(file, _MOST_BYTES + 1 - len(content)):
            content += chunk
    finally:
        os.close(file)
    if len(content) > _MOST_BYTES:
        raise ValueError("it is larger than 1 MiB")
    return bytes(content)


def shown_name(name: str) -> str:
    """A name from outside as it may stand in a message of one line."""
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    name = name or '""'
    return name if name.isprintable() else name.encode("unicode_escape").decode()
