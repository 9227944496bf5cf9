"""The outermost layer: one structured event a call, and every failure a typed one (contract §7.2, §8).

Only the fields in ``_FIELDS`` are ever logged. Content, values and secrets are not among them.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import linecache
import logging
import os
import weakref
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import UNSET

from everstore.changes import SetValue
from everstore.errors import (
    BackendError,
    EverstoreError,
    StoreClosedError,
    StoreContextError,
    code_of,
)
from everstore.guards.checkpoints import changeable
from everstore.models import FileLines, InitialFile, Session, StoredValue
from everstore.telling.events import HOST, STANDARD_LOG
from everstore.telling.observing import CallRecord, Observers
from everstore.waiting import Meter, running_loop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

    from everstore.middleware.base import Call, Verb
    from everstore.telling.events import EventLog, Level
    from everstore.telling.observing import Outcome

__all__ = ["CallLog"]

_FIELDS = frozenset(
    {
        *("session_id", "path", "source", "destination", "key", "name", "pattern", "path_pattern"),
        *("replaced", "a", "b", "checkpoints_of"),
    }
)
_LONGEST = 1024  # characters of a field: a refused path may be of any length


class CallLog:
    """Puts the outermost layer around verbs: closed, failed, refused or done, each is told once."""

    def __init__(self, events: EventLog, observers: Observers | None = None) -> None:
        """Tells ``events`` and ``observers``; ``closed`` refuses every further call, and so does a fork."""
        self._events = events
        self._observers = Observers(()) if observers is None else observers
        self._loop = running_loop()
        self.is_forked = False
        self.closed = False
        _alive.add(self)

    def wrap(
        self, verb: Verb, guarded: Call, promised: Call | None = None, changed: tuple[str, ...] = ()
    ) -> Call:
        """``guarded`` (which checks at once and returns the coroutine to await) as the host calls it.

        It takes what the method of the interface that is ``promised`` takes, else what ``guarded`` does. None
        of its arguments that are ``changed``, by their names, may be a checkpoint. That is looked at here
        because it costs least where it is one line more, and no call.
        """
        names: dict[str, Any] = {
            "_guarded": guarded,
            "_log": self,
            "_verb": verb,
            "_now": perf_counter_ns,
            "_Meter": Meter,
            "_host": HOST,
            "_log_of_all": logging.root,
            "_standard": STANDARD_LOG,
            "_changeable": changeable,
            "_known": None,
            "UNSET": UNSET,  # what a parameter may be when nothing is given for it
        }
        watched = bool(self._observers)
        heard = "True" if watched else _HEARD[self._events.debug_goes]
        if promised is None:
            code = _code_of(verb.name, inspect.signature(guarded), heard, changed, watched=watched)
        else:
            code = _code_of_promised(verb.name, promised, heard, changed, watched=watched)
        exec(code, names)  # noqa: S102 - see _LOGGED
        logged: Call = names[verb.name]
        return logged

    def refusal(self, verb: Verb) -> EverstoreError:
        """What a store that is closed, or is another process's, answers to every verb."""
        return (StoreContextError.of_fork if self.is_forked else StoreClosedError.refusing)(verb.name)

    def out_of_place(self, error: Exception, what: str) -> StoreContextError | None:
        """The error to raise for one that came up where the store cannot be used, else ``None``.

        Looked at only when something failed: what can be used anywhere is not kept from it.
        """
        loop = running_loop()
        if loop is None:
            return StoreContextError(f"{what}: this backend needs asyncio, and no event loop of it runs here")
        if loop is not self._loop and isinstance(error, RuntimeError):
            return StoreContextError(f"{what}: the store belongs to another event loop; open one on this one")
        return None

    def refuse_closing(self) -> None:
        """Raise where a store that was opened on asyncio would be closed by half: no loop of it runs."""
        if self._loop is not None and running_loop() is None:
            raise StoreContextError("close: the store was opened on asyncio; close it on an event loop of it")

    def succeeded(
        self, verb: Verb, started: int, arguments: dict[str, object], answer: object, meter: Meter | None
    ) -> None:
        """Tell of a call that was answered, when such events go anywhere."""
        duration = perf_counter_ns() - started
        size = _size_of(verb, arguments, answer)
        if meter is not None:
            self._observe(verb, duration, arguments, "ok", None, size, meter)
        self._events.tell(
            "debug",
            "everstore.call",
            lambda: {**_fields(verb, duration, arguments, "ok"), **_present(bytes=size)},
        )

    def failed(
        self,
        verb: Verb,
        started: int,
        arguments: dict[str, object],
        error: BaseException,
        meter: Meter | None,
    ) -> EverstoreError | None:
        """Tell of a failure; the error to raise in its place when a driver threw it, ``None`` otherwise."""
        duration = perf_counter_ns() - started
        instead: EverstoreError | None = None
        level: Level
        outcome: Outcome
        if isinstance(error, asyncio.CancelledError):
            level, outcome = "debug", "cancelled"
        elif isinstance(error, EverstoreError) and not isinstance(error, BackendError):
            level, outcome = "info", "refused"
        else:
            level, outcome = "error", "failed"
        if outcome == "failed" and isinstance(error, Exception) and not isinstance(error, EverstoreError):
            # The driver's words may hold values: they stay in the cause, and out of the message.
            message = f"{verb.backend}: {verb.name} failed with {type(error).__name__}"
            instead = self.out_of_place(error, verb.name)
            instead = instead or BackendError(message, backend=verb.backend, verb=verb.name)
        code = None if outcome == "cancelled" else code_of(instead or error)
        if meter is not None:
            self._observe(verb, duration, arguments, outcome, code, None, meter)
        reason = _reason(instead or error, error) if outcome == "failed" else {}
        self._events.tell(
            level,
            "everstore.call",
            lambda: {**_fields(verb, duration, arguments, outcome), **_present(error_code=code), **reason},
        )
        return instead

    def _observe(
        self,
        verb: Verb,
        duration: int,
        arguments: dict[str, object],
        outcome: Outcome,
        code: str | None,
        size: int | None,
        meter: Meter,
    ) -> None:
        waited = meter.stop()
        if self.is_forked:  # the thread that would look stayed with the parent
            return
        self._observers.tell(
            CallRecord(
                verb=verb.name,
                role=verb.role,
                backend=verb.backend,
                session_id=_session_of(arguments),
                started_ns=time_ns() - duration,
                duration_ns=duration,
                waited_ns=waited,
                outcome=outcome,
                error_code=code,
                bytes=size,
            )
        )


_alive: weakref.WeakSet[CallLog] = weakref.WeakSet()


def _refuse_after_fork() -> None:
    # Threads, connections and locks stay with the parent. Told by the flag that is looked at anyway, so
    # that no call pays for it; and nothing is closed here, for closing reaches what the parent uses.
    for log in _alive:
        log.is_forked = log.closed = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_refuse_after_fork)


_HEARD = {
    "nowhere": "_host.is_configured",
    "own": "True",
    "standard": "_host.is_configured or (_standard.level or _log_of_all.level) <= 10",
}
"""Whether a call that was answered is told of, by where debug events go unless the host says otherwise.

Of the standard library's logger, whose parent is the root, the levels are enough: asking takes twice as long.
"""

# The layer around a verb, with the verb's own signature: a call with wrong arguments fails as that of
# any function does, and nothing is packed and unpacked on the way. Around a read from memory the
# generic ``async def logged(*args, **kwargs)`` would cost as much as the read itself.
_LOGGED = """
async def {name}({parameters}):{known}
    _started = _now()
    _meter = {meter}
    try:
        if _log.closed:
            raise _log.refusal(_verb){checkpoints}
        _answer = await {call}
    except BaseException as _error:
        _told = _log.failed(_verb, _started, {arguments}, _error, _meter)
        if _told is None:
            raise
        raise _told from _error
    if {heard}:
        _log.succeeded(_verb, _started, {arguments}, _answer, _meter)
    return _answer
"""


# Most calls are about the same session as the last one: looking at an id takes as long as the rest of this
# layer, and that it is the same object nearly nothing.
_UNCHANGED = """
        if {it} is not _known:
            _known = _changeable({it})"""


@functools.cache
def _code_of_promised(
    name: str, promised: Call, heard: str, changed: tuple[str, ...], *, watched: bool
) -> CodeType:
    """The same for a method of an interface: those are few, and the same for every store that is opened."""
    _, *parameters = inspect.signature(promised).parameters.values()
    return _code_of(name, inspect.Signature(parameters), heard, changed, watched=watched)


@functools.cache
def _code_of(
    name: str, signature: inspect.Signature, heard: str, changed: tuple[str, ...], *, watched: bool
) -> CodeType:
    """What defines the layer around a verb of this name and signature.

    ``heard`` is the expression that says whether anybody wants to be told of a call that was answered, each
    of ``changed`` a parameter that must be no checkpoint.
    """
    parameters = signature.parameters.values()
    plain = signature.replace(
        parameters=[parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters],
        return_annotation=inspect.Signature.empty,
    )
    source = _LOGGED.format(
        name=name,
        parameters=str(plain)[1:-1],
        known="\n    global _known" if changed else "",
        checkpoints="".join(_UNCHANGED.format(it=each) for each in changed),
        call=_call_of(list(parameters)),
        heard=heard,
        meter="_Meter()" if watched else "None",
        arguments="{" + ", ".join(f"{parameter!r}: {parameter}" for parameter in signature.parameters) + "}",
    )
    # What core itself calls has other lines, which must not be shown for these.
    file = f"<everstore: {name}, logged{' and no checkpoint' if changed else ''}>"
    # Without a time of change the entry is never dropped: tracebacks and debuggers show these lines, too.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    return compile(source, file, "exec")


def _call_of(parameters: list[inspect.Parameter]) -> str:
    """The expression that calls what is behind the layer.

    Options that are as nobody gave them are not passed on: that takes a tenth of a read from memory.
    """
    options = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    places = [parameter.name for parameter in parameters if parameter not in options]
    whole = ", ".join([*places, *(f"{option.name}={option.name}" for option in options)])
    if not options or not all(option.default is None or option.default is False for option in options):
        return f"_guarded({whole})"
    are_not_given = " and ".join(f"{option.name} is {option.default}" for option in options)
    return f"(_guarded({', '.join(places)}) if {are_not_given} else _guarded({whole}))"


def _fields(verb: Verb, duration: int, arguments: dict[str, object], outcome: str) -> dict[str, object]:
    fields: dict[str, object] = {
        "verb": verb.name,
        "backend": verb.backend,
        "duration_ms": round(duration / 1e6, 3),
        "outcome": outcome,
    }
    for name, value in arguments.items():
        if isinstance(value, InitialFile):
            fields["path"] = _shown(value.path)
        elif isinstance(value, Session):
            fields["session_id"] = _shown(value.id)
        elif name == "target":  # of a fork, which changes that session
            fields["session_id"] = _shown(value)
        elif name in _FIELDS and value is not None:
            fields[name] = _shown(value)
    return fields


def _present(**fields: object) -> dict[str, object]:
    """The fields that there are."""
    return {name: value for name, value in fields.items() if value is not None}


def _reason(told: BaseException, cause: BaseException) -> dict[str, object]:
    """What a failed call is told with: words that hold no values, and the class of what was behind them."""
    cause = cause if cause is not told else told.__cause__ or told
    return {"error": _shown(str(told)), "cause": type(cause).__name__}


def _session_of(arguments: dict[str, object]) -> UUID | None:
    session = arguments.get("session")
    found = session.id if isinstance(session, Session) else arguments.get("session_id")
    if found is None:
        found = arguments.get("target")  # of a fork, which changes that one
    return found if isinstance(found, UUID) else None


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
    if verb.name == "apply_changes" and isinstance(answer, list):
        return sum(getattr(info, "size_bytes", 0) for info in answer)
    if verb.name == "change_values":
        return sum(
            len(change.value.encode()) for change in _changes_in(arguments) if isinstance(change, SetValue)
        )
    if "secret" in verb.name:
        return None
    if isinstance(answer, bytes):
        return len(answer)
    # Of a mapping of somebody's own nobody knows whether it can be gone through twice.
    given = arguments.get("values")
    texts = (*_texts_in(answer), arguments.get("value"), *(given.values() if type(given) is dict else ()))
    sizes = [len(text.encode()) for text in texts if isinstance(text, str)]
    return sum(sizes) if sizes else None


def _changes_in(arguments: dict[str, object]) -> Sequence[object]:
    """The changes that a call was given."""
    changes = arguments.get("changes")
    return changes if isinstance(changes, (list, tuple)) else ()


def _texts_in(answer: object) -> list[object]:
    """The values, or the lines, that an answer has."""
    if isinstance(answer, dict):
        return [*answer.values()]
    if isinstance(answer, list):
        return [each.value for each in answer if isinstance(each, StoredValue)]
    if isinstance(answer, FileLines):
        return [line.text for line in answer.lines]
    return [answer.value if isinstance(answer, StoredValue) else answer]
