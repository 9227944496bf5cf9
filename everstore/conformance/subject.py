"""What is tested: how this process, or another one, opens the storage."""

from __future__ import annotations

import glob
import importlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.compat import override
from everstore.middleware.encryption import generate_key
from everstore.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from everstore.store import Store

__all__ = ["Subject"]


def _completed(settings: dict[str, Any]) -> dict[str, Any]:
    # A durable backend takes no secret without a key. One of our own, new each time, touches no
    # configured one: whatever a run writes goes with its sessions. Refusals are what many checks
    # are about, so nothing is logged.
    return {"secrets_keys": generate_key("conformance"), "log_level": "off", **settings}


class Subject(msgspec.Struct, frozen=True):
    """A storage under test.

    ``settings`` are keywords of ``open_store`` that JSON can carry; what they leave open comes from the
    environment, which child processes share. ``opener`` names the function that opens it with
    them. Two stores opened from one subject see the same storage, if the backend has anything that
    outlives a store. Files and directories that hold the storage are looked through for secrets: those
    that the settings name, ``own_files``, which nothing else writes to, and ``files``, which a server
    shares among several storages. ``full`` are settings that open a small storage of the same kind, to be
    filled until it refuses; ``{directory}`` in them is a new directory.
    """

    settings: dict[str, Any]
    opener: str = "everstore:open_store"
    files: tuple[str, ...] = ()
    own_files: tuple[str, ...] = ()
    full: dict[str, Any] = {}

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "settings", _completed(self.settings))

    @override
    def __repr__(self) -> str:
        return f"Subject({self.name!r})"  # settings may hold passwords, and pytest shows arguments

    @property
    def name(self) -> str:
        """The name of the backend."""
        return str(self.settings.get("backend", os.environ.get("EVERSTORE_BACKEND", "memory")))

    def open(self, *provided: object, **overrides: Any) -> AbstractAsyncContextManager[Store]:
        """Open the storage; ``overrides`` are settings for this time only, ``provided`` is for plugins."""
        return self._opener()(*provided, **{**self.settings, **overrides})

    def _opener(self) -> Callable[..., AbstractAsyncContextManager[Store]]:
        if self.opener == "everstore:open_store":
            return open_store
        module, _, name = self.opener.partition(":")
        opener: Callable[..., AbstractAsyncContextManager[Store]] = getattr(
            importlib.import_module(module), name
        )
        return opener

    def places(self) -> list[Path]:
        """The files and directories of this machine that are known to hold the storage."""
        return [*self.own_places(), *filter(_exists, map(Path, self.files))]

    def own_places(self) -> list[Path]:
        """Those that nothing but this storage is in: ``own_files``, and what the settings name."""
        named = [*(value for value in self.settings.values() if isinstance(value, str)), *self.own_files]
        configuration = self.settings.get("config_file")
        return [path for path in map(Path, named) if str(path) != configuration and _exists(path)]

    @contextmanager
    def small(self) -> Iterator[dict[str, Any]]:
        """The settings of the storage to fill, in a new directory for as long as the block lasts."""
        with tempfile.TemporaryDirectory() as directory:
            yield {
                name: value.replace("{directory}", directory) if isinstance(value, str) else value
                for name, value in self.full.items()
            }

    @contextmanager
    def copied(self) -> Iterator[dict[str, str]]:
        """Settings that open a copy of the storage as it is, for as long as the block lasts.

        None when no setting names a file or directory of it. Nobody may have it open while it is copied.
        """
        with tempfile.TemporaryDirectory() as directory:
            changed = {}
            for name, value in self.settings.items():
                if isinstance(value, str) and _exists(Path(value)):
                    place = Path(directory, name, Path(value).name)
                    place.parent.mkdir()
                    _copy(Path(value), place)
                    changed[name] = str(place)
            yield changed

    @contextmanager
    def renewed(self) -> Iterator[Subject]:
        """The subject of a new and empty storage, for as long as the block lasts.

        It is this one when no setting names a file or directory of its storage.
        """
        with tempfile.TemporaryDirectory() as directory:
            yield self.moved(Path(directory))

    def moved(self, directory: Path) -> Subject:
        """The subject of a new and empty storage in this directory, which is there.

        It is this one when no setting names a file or directory of its storage.
        """
        changed = {}
        for name, value in self.settings.items():
            if isinstance(value, str) and Path(value) in self.own_places():
                place = directory / name / Path(value).name
                (place if Path(value).is_dir() else place.parent).mkdir(parents=True)
                changed[name] = str(place)
        settings = {**self.settings, **changed}
        return msgspec.structs.replace(self, settings=settings, own_files=()) if changed else self

    def to_json(self) -> str:
        """What another process makes the same subject of. It holds whatever the settings hold."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Subject:
        """The subject of ``to_json``."""
        return msgspec.json.decode(text, type=cls)


def _copy(storage: Path, place: Path) -> None:
    if storage.is_dir():
        shutil.copytree(storage, place)
        return
    for file in storage.parent.glob(f"{glob.escape(storage.name)}*"):  # a journal is beside its database
        if file.is_file():
            shutil.copy(file, place.with_name(file.name))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a setting that is no path
        return False
