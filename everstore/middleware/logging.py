"""The outermost layer: one structured event a call, and every failure a typed one (contract §7.2, §8).

Only the fields in ``_FIELDS`` are ever logged. Content, values and secrets are not among them.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import structlog

from everstore.errors import BackendError, EverstoreError, StoreClosedError, code_of
from everstore.models import InitialFile, Session

if TYPE_CHECKING:
    from types import CodeType

    from everstore.middleware.base import Call, Verb

__all__ = ["CallLog", "EventLog"]

_FIELDS = frozenset({"session_id", "path", "source", "destination", "key", "name", "pattern", "path_pattern"})
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "off": 50}
_LONGEST = 1024  # characters of a field: a refused path may be of any length


class EventLog:
    """Where events go: to the host's structlog configuration when there is one, else to stderr.

    The host's configuration is taken as it is when the first event after it comes up.
    """

    def __init__(self, level: str, log_format: str) -> None:
        """``level`` and ``log_format`` count only while the host has configured nothing."""
        self._threshold = _LEVELS[level]
        self._format = log_format
        self._host: Any = None

    @property
    def debug_by_default(self) -> bool:
        """Whether debug events go to stderr when the host has configured nothing."""
        return self._threshold <= _LEVELS["debug"]

    def wants(self, level: str) -> bool:
        """Whether an event of this level would go anywhere."""
        if not structlog.is_configured():
            return _LEVELS[level] >= self._threshold
        host = self._host_logger()
        # structlog's own filtering loggers and those around the standard library name it differently.
        enabled = getattr(host, "is_enabled_for", None) or getattr(host, "isEnabledFor", None)
        return bool(enabled(_LEVELS[level])) if callable(enabled) else True

    def emit(self, level: str, event: str, fields: dict[str, object]) -> None:
        """Write one event."""
        logger = self._host_logger() if structlog.is_configured() else self._own_logger()
        getattr(logger, level)(event, **fields)

    def _host_logger(self) -> Any:
        if self._host is None:
            self._host = structlog.get_logger("everstore").bind()
        return self._host

    def _own_logger(self) -> Any:
        # Made for each event: rare, and stderr may have been replaced since the last one.
        renderer: Any = structlog.processors.JSONRenderer()
        if self._format == "console":
            renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        return structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                renderer,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(self._threshold),
        )


class CallLog:
    """Puts the outermost layer around verbs: closed, failed, refused or done, each is told once."""

    def __init__(self, events: EventLog) -> None:
        """Events go to ``events``; ``closed`` refuses every further call."""
        self._events = events
        self.closed = False

    def wrap(self, verb: Verb, guarded: Call) -> Call:
        """``guarded`` (which checks at once and returns the coroutine to await) as the host calls it."""
        names: dict[str, Any] = {
            "_guarded": guarded,
            "_log": self,
            "_verb": verb,
            "_now": perf_counter_ns,
            "_debug": self._events.debug_by_default,
            "_is_configured": structlog.is_configured,
        }
        exec(_code_of(verb.name, inspect.signature(guarded)), names)  # noqa: S102 - see _LOGGED
        logged: Call = names[verb.name]
        return logged

    def refusal(self, verb: Verb) -> StoreClosedError:
        """What a closed store answers to every verb."""
        return StoreClosedError(f"{verb.name}: the store is closed")

    def succeeded(self, verb: Verb, started: int, arguments: dict[str, object], answer: object) -> None:
        """Log a call that was answered, when such events go anywhere."""
        if self._events.wants("debug"):
            fields = _fields(verb, started, arguments)
            size = _size_of(verb, arguments, answer)
            if size is not None:
                fields["bytes"] = size
            self._events.emit("debug", "everstore.call", {**fields, "outcome": "ok"})

    def failed(
        self, verb: Verb, started: int, arguments: dict[str, object], error: BaseException
    ) -> BackendError | None:
        """Log a failure; the error to raise in its place when a driver threw it, ``None`` otherwise."""
        instead = None
        if isinstance(error, asyncio.CancelledError):
            level, outcome = "debug", "cancelled"
        elif isinstance(error, EverstoreError) and not isinstance(error, BackendError):
            level, outcome = "warning", "refused"
        else:
            level, outcome = "error", "failed"
        if outcome == "failed" and isinstance(error, Exception) and not isinstance(error, EverstoreError):
            # The driver's words may hold values: they stay in the cause, and out of the message.
            message = f"{verb.backend}: {verb.name} failed with {type(error).__name__}"
            instead = BackendError(message, backend=verb.backend, verb=verb.name)
        if self._events.wants(level):
            fields = {**_fields(verb, started, arguments), "outcome": outcome}
            if outcome != "cancelled":
                fields["error_code"] = code_of(instead or error)
            self._events.emit(level, "everstore.call", fields)
        return instead


# The layer around a verb, with the verb's own signature: a call with wrong arguments fails as that of
# any function does, and nothing is packed and unpacked on the way. Around a read from memory the
# generic ``async def logged(*args, **kwargs)`` would cost as much as the read itself.
_LOGGED = """
async def {name}({parameters}):
    _started = _now()
    try:
        if _log.closed:
            raise _log.refusal(_verb)
        _answer = await _guarded({passed_on})
    except BaseException as _error:
        _told = _log.failed(_verb, _started, {arguments}, _error)
        if _told is None:
            raise
        raise _told from _error
    if _debug or _is_configured():
        _log.succeeded(_verb, _started, {arguments}, _answer)
    return _answer
"""


@functools.cache
def _code_of(name: str, signature: inspect.Signature) -> CodeType:
    """What defines the layer around a verb of this name and signature."""
    parameters = signature.parameters.values()
    plain = signature.replace(
        parameters=[parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters],
        return_annotation=inspect.Signature.empty,
    )
    passed_on = (
        f"{parameter.name}={parameter.name}" if parameter.kind is parameter.KEYWORD_ONLY else parameter.name
        for parameter in parameters
    )
    source = _LOGGED.format(
        name=name,
        parameters=str(plain)[1:-1],
        passed_on=", ".join(passed_on),
        arguments="{" + ", ".join(f"{parameter!r}: {parameter}" for parameter in signature.parameters) + "}",
    )
    return compile(source, f"<everstore: {name}, logged>", "exec")


def _fields(verb: Verb, started: int, arguments: dict[str, object]) -> dict[str, object]:
    duration = (perf_counter_ns() - started) / 1e6
    fields: dict[str, object] = {
        "verb": verb.name,
        "backend": verb.backend,
        "duration_ms": round(duration, 3),
    }
    for name, value in arguments.items():
        if isinstance(value, InitialFile):
            fields["path"] = _shown(value.path)
        elif isinstance(value, Session):
            fields["session_id"] = _shown(value.id)
        elif name in _FIELDS and value is not None:
            fields[name] = _shown(value)
    return fields


def _shown(value: object) -> str:
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001 - how the call ended matters more than how its arguments look
        text = f"<{type(value).__name__}>"
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    if text.isprintable():
        return text
    # A line end would forge another event, an escape sequence the terminal's screen, and a lone
    # surrogate is more than most streams can print.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _size_of(verb: Verb, arguments: dict[str, object], answer: object) -> int | None:
    """Bytes read or written, where a verb moves any; of secrets not even that is told."""
    size = getattr(answer, "size_bytes", None)
    if isinstance(size, int):
        return size
    if "secret" in verb.name:
        return None
    value = answer if isinstance(answer, str) else arguments.get("value")
    return len(value.encode()) if isinstance(value, str) else None
