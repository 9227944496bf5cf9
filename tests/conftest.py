"""What all tests share: a clean environment, the backends under test, and a call of every verb.

The tests of the contract run against whatever backend they are given::

    pytest tests/contract                     # memory, and the least that a backend may implement
    pytest tests/contract --backend sqlite    # an installed plugin; more than once for several
"""

from __future__ import annotations

import inspect
import os
import sys
from base64 import b64encode
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

import pytest
import structlog
from hypothesis import HealthCheck, settings

import everstore
from everstore import (
    Capabilities,
    InitialFile,
    Session,
    SessionFileSystem,
    SessionFileSystemFactory,
    SessionStorageStore,
    SessionStore,
    hookimpl,
    new_session_id,
)
from everstore.backends.memory import (
    InMemorySessionFileStore,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.changes import FileTimes, SecretTimes, SetValue, ValueTimes, Write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

HERE = Path(__file__).parent

# How long an example takes, to make or to try, is the machine's affair.
settings.register_profile("everstore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("everstore")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        metavar="NAME",
        help="run the tests of the contract against this backend (default: memory and minimal)",
    )


# What the in-memory stores promise without open_store(), too.
BY_THEMSELVES = tuple(
    f"test_{theme}" for theme in ("files", "paths", "refusals", "search", "sequences", "updates", "values")
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames and not hasattr(metafunc.cls, "backend"):  # a suite has its own
        names = metafunc.config.getoption("backend") or ["memory", "minimal"]
        if names == ["memory", "minimal"] and metafunc.module.__name__.endswith(BY_THEMSELVES):
            names = [*names, "embedded"]
        metafunc.parametrize("backend", names, indirect=True)


SETTINGS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "lmdb": lambda folder: {"lmdb_path": str(folder / "everstore.lmdb")},
    "memory": lambda _: {},
    "minimal": lambda _: {},
    "postgres": lambda _: {
        "postgres_schema_name": f"test_{uuid4().hex}",
        "postgres_partitions": 1,
        "secrets_keys": "tests:" + b64encode(bytes(range(32))).decode(),
    },
    "sqlite": lambda folder: {"sqlite_path": str(folder / "everstore.db")},
}
"""What a backend needs beyond its name; the environment has its word too (``EVERSTORE_<NAME>_*``)."""

SECRETS_KEYS = "tests:" + b64encode(bytes(range(32))).decode()


@pytest.fixture
def backend(request: pytest.FixtureRequest, tmp_path: Path, install_plugin) -> dict[str, Any]:
    """The settings that open the backend under test, empty."""
    name: str = request.param
    if name == "minimal":
        install_plugin("minimal", HERE / "contract" / "minimal.py")
    own = SETTINGS.get(name, lambda _: {})(tmp_path)
    keys = {} if name in {"memory", "minimal"} else {"secrets_keys": SECRETS_KEYS}
    return {"backend": name, **keys, **own}


async def _nothing() -> None:
    """Close what nothing opened."""


@pytest.fixture
async def store(backend: dict[str, Any]) -> AsyncIterator[everstore.Store]:
    """An open store on the backend under test."""
    if backend["backend"] == "embedded":
        parts = InMemorySessionFileStore(), InMemorySessionStorageStore(), InMemorySessionStore()
        yield everstore.Store(*parts, {}, _nothing)
        return
    async with everstore.open_store(**backend) as opened:
        yield opened


@pytest.fixture
def session_id() -> UUID:
    return new_session_id()


@pytest.fixture(autouse=True)
def _clean_room(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """No setting of the machine reaches a test, and nothing that a test configures outlives it."""
    kept = tuple(f"EVERSTORE_{name.upper()}_" for name in request.config.getoption("backend") or ())
    for name in os.environ:
        if name.startswith("EVERSTORE_") and not name.startswith((*kept, "EVERSTORE_TEST_")):
            monkeypatch.delenv(name)
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def in_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The working directory of the test: a folder with no settings file in it."""
    folder = tmp_path / "working-directory"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def install_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Install a plugin for one test: ``install_plugin("acme", source_file_or_hooks)``.

    The packages' metadata is real; the module is a source file, or is made of the given hooks.
    """

    def install(name: str, source: Path | None = None, /, **hooks: Callable[..., object]) -> None:
        module = ModuleType(f"plugin_{name}_under_test")
        if source is not None:
            exec(compile(source.read_text(), source, "exec"), vars(module))
        vars(module).update({hook: hookimpl(function) for hook, function in hooks.items()})
        monkeypatch.setitem(sys.modules, module.__name__, module)
        info = tmp_path / "installed" / f"{name}_under_test-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-under-test\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[everstore]\n{name} = {module.__name__}\n")
        monkeypatch.syspath_prepend(info.parent)

    return install


class Call(NamedTuple):
    """A verb and arguments that it accepts; of a session in which ``prepare`` was called."""

    role: str
    verb: str
    arguments: Callable[[UUID], tuple[tuple[Any, ...], dict[str, Any]]]

    def on(self, store: everstore.Store, session_id: UUID) -> Any:
        """Make the call; returns the coroutine."""
        args, kwargs = self.arguments(session_id)
        return getattr(getattr(store, self.role), self.verb)(*args, **kwargs)

    @property
    def is_of_all_sessions(self) -> bool:
        """Whether it is about no one session."""
        return self.verb in {"list_sessions", "session_ids", "diff_sessions"}


def _call(role: str, verb: str, *args: Any, **kwargs: Any) -> Any:
    return pytest.param(Call(role, verb, lambda session_id: ((session_id, *args), kwargs)), id=verb)


def _beside(session_id: object, number: int) -> UUID:
    """Another session, of which nobody else knows."""
    return UUID(int=(session_id.int if isinstance(session_id, UUID) else 0) ^ number)


def _fork(role: str) -> Any:
    """What the session has goes to another one, and it is then what a third one is: empty."""
    return pytest.param(
        Call(role, "fork_session", lambda one: ((_beside(one, 1), one), {"replaced": _beside(one, 2)})),
        id="fork_session",
    )


def _diff(role: str) -> Any:
    return pytest.param(
        Call(role, "diff_sessions", lambda one: ((one, _beside(one, 3)), {})), id="diff_sessions"
    )


CALLS = [
    _call("file_system", "read_file", "kept.txt"),
    _call("file_system", "write_file", "new.txt", "text"),
    _call("file_system", "read_bytes", "kept.txt"),
    _call("file_system", "write_bytes", "new.txt", b"bytes"),
    _call("file_system", "append_bytes", "kept.bin", b"bytes"),
    _call("file_system", "write_file_if_content_matches", "kept.txt", "kept", "text", "text", "text"),
    _call("file_system", "create_directory", "new"),
    _call("file_system", "list_directory", "/"),
    _call("file_system", "stat_file", "kept.txt"),
    _call("file_system", "delete_file", "kept.txt"),
    _call("file_system", "seed_initial_file", InitialFile("seed.txt", "text")),
    _call("file_system", "edit_file", "kept.txt", "kept", "text"),
    _call("file_system", "append_file", "kept.txt", "text"),
    _call("file_system", "copy_file", "kept.txt", "copy.txt"),
    _call("file_system", "move_file", "kept.txt", "moved.txt"),
    _call("file_system", "read_lines", "kept.txt"),
    _call("file_system", "grep_files", "kept"),
    _call("file_system", "glob_files", "*.txt"),
    _call("file_system", "apply_changes", [Write("new.txt", "text")]),
    _call("file_system", "restore_times", [FileTimes("kept.txt", 1, 2)]),
    _call("file_system", "list_tree"),
    _call("file_system", "usage"),
    _call("file_system", "limit_session", {}),
    pytest.param(Call("file_system", "session_ids", lambda _: ((), {})), id="session_ids"),
    _diff("file_system"),
    _fork("file_system"),
    _call("file_system", "purge_session"),
    _call("storage", "set_value", "key", "text"),
    _call("storage", "set_values", {"key": "text", "other": "text"}),
    _call("storage", "change_values", [SetValue("key", "text")]),
    _call("storage", "touch_value", "kept", ttl=None),
    _call("storage", "get_value", "kept"),
    _call("storage", "delete_value", "kept"),
    _call("storage", "read_value", "kept"),
    _call("storage", "get_values", ["kept"]),
    _call("storage", "read_values"),
    _call("storage", "list_keys"),
    _call("storage", "stat_value", "kept"),
    _call("storage", "increment_value", "counter"),
    _call("storage", "set_secret", "name", "text"),
    _call("storage", "get_secret", "kept"),
    _call("storage", "delete_secret", "kept"),
    _call("storage", "list_secrets"),
    _call("storage", "restore_times", [ValueTimes("kept", 1, 2), SecretTimes("kept", 1, 2)]),
    _call("storage", "usage"),
    _call("storage", "limit_session", {}),
    pytest.param(Call("storage", "session_ids", lambda _: ((), {})), id="session_ids"),
    _diff("storage"),
    _fork("storage"),
    _call("storage", "purge_session"),
    pytest.param(Call("sessions", "add_session", lambda one: ((Session(id=one),), {})), id="add_session"),
    _call("sessions", "get_session"),
    _call("sessions", "update_session", title="title"),
    _call("sessions", "update_session_title", "title"),
    pytest.param(Call("sessions", "list_sessions", lambda _: ((), {})), id="list_sessions"),
    pytest.param(Call("sessions", "session_ids", lambda _: ((), {})), id="session_ids"),
    _call("sessions", "delete_session"),
]


@pytest.fixture
def calls() -> list[Call]:
    """A call of every verb of the three interfaces."""
    return [case.values[0] for case in CALLS]


@pytest.fixture(params=[case for case in CALLS if not case.values[0].is_of_all_sessions])
def session_call(request: pytest.FixtureRequest) -> Call:
    """Each verb that is about one session in turn."""
    return request.param


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Call:
    """Each verb of the three interfaces in turn."""
    return request.param


def verbs_in(interface: type) -> list[str]:
    """The names of an interface's public coroutine methods."""
    return [
        name
        for name, member in vars(interface).items()
        if inspect.iscoroutinefunction(member) and not name.startswith("_") and name != "close"
    ]


def backend_that(interface: type, act: Callable[[], Awaitable[Any]], capabilities: Capabilities) -> Any:
    async def verb(_self: object, *_args: object, **_kwargs: object) -> Any:
        return await act()

    members = {**dict.fromkeys(verbs_in(interface), verb), "capabilities": capabilities}
    return type(f"Odd{interface.__name__}", (interface,), members)()


@pytest.fixture
def open_odd_store(install_plugin) -> Callable[..., Any]:
    """Open a store on a backend whose every verb awaits ``act()`` and does nothing else."""

    def opener(act: Callable[[], Awaitable[Any]], claims: Capabilities | None = None, **settings: Any) -> Any:
        claims = claims or Capabilities(forks=True)

        class Factory(SessionFileSystemFactory):
            async def create_session_file_system(self, context):
                return backend_that(SessionFileSystem, act, claims)

        install_plugin(
            "odd",
            everstore_file_system_factory=lambda: Factory(),  # noqa: PLW0108 - a hook is a function
            everstore_storage_store=lambda: backend_that(SessionStorageStore, act, claims),
            everstore_session_store=lambda: backend_that(SessionStore, act, claims),
        )
        return everstore.open_store(backend="odd", **settings)

    return opener
