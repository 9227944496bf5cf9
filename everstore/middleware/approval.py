"""Somebody is asked before anything in a session is changed."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from everstore import changes
from everstore.changes import FileMutation, Mutation, SetSecret, SetValue, ValueMutation
from everstore.compat import override
from everstore.content import content_size
from everstore.errors import InvalidArgumentError, PolicyError, StoreClosedError, shown
from everstore.middleware.base import Call, Middleware
from everstore.middleware.policy import HOST_VERBS, Sessions, sessions_of, undecided

if TYPE_CHECKING:
    from collections.abc import Mapping

    from everstore.middleware.base import Role, Verb

__all__ = ["Approval", "ApprovalRequest"]

_KINDS: dict[str, type[Mutation[Any]]] = {
    kind.verb: kind
    for kind in vars(changes).values()
    if isinstance(kind, type) and issubclass(kind, (FileMutation, ValueMutation)) and hasattr(kind, "verb")
}
_UNASKED = HOST_VERBS | {
    "swap_secret", "scan_secrets",
    "read_file", "read_bytes", "read_lines", "stat_file", "list_directory", "list_tree", "grep_files",
    "glob_files", "usage", "diff_sessions",
    "get_value", "get_values", "read_value", "read_values", "stat_value", "list_keys", "get_secret",
    "list_secrets",
}  # fmt: skip


class ApprovalRequest(msgspec.Struct, frozen=True):
    """What is asked for: a verb, and what it would change, as ``everstore.changes`` has it.

    ``changes`` are those of ``apply_changes``, ``change_values`` and ``set_values``, else the one of the
    verb; none can be changed, and they are what is then done. A secret's text is not among them: its
    ``value`` is empty.
    """

    verb: str
    session_id: UUID
    changes: tuple[Mutation[Any], ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that it is about, each once, in order; none of a call that is about values."""
        of_files = (each for each in self.changes if isinstance(each, FileMutation))
        return tuple(dict.fromkeys(place for change in of_files for place in change.places()))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of values and names of secrets that it is about, each once, in order."""
        of_values = (each for each in self.changes if isinstance(each, ValueMutation))
        return tuple(dict.fromkeys(place for change in of_values for place in change.places()))

    @property
    def size_bytes(self) -> int:
        """The bytes of the contents and values that it brings in; of a secret and of what is copied none."""
        return sum(map(_size_of, self.changes))


Hook = Callable[[ApprovalRequest], Awaitable[bool | str] | bool | str]
"""Answers with ``True``, or no: ``False``, or the reason as a text."""


class Approval(Middleware):
    """A hook of the host's is asked before each call that changes something in a session.

    ``True`` lets the call go on as it was asked for. ``False`` or a text, the reason, is ``PolicyError``, and
    so is any other answer and an exception; then nothing happens, and neither does when the call is cancelled
    while the hook takes its time. No lock is held meanwhile: what others change is changed, and a condition
    (``if_revision``) is looked at when the call goes on. The host's own verbs (``HOST_VERBS``), the records
    of sessions and the rotation of keys are not asked for.
    """

    def __init__(self, hook: Hook, *, sessions: Sessions | None = None) -> None:
        """``hook`` is a function or a coroutine function of an ``ApprovalRequest``."""
        if not callable(hook):
            raise InvalidArgumentError(f"a hook is a function of an ApprovalRequest, not {shown(hook)}")
        self._hook = hook
        self._is_about = sessions_of(sessions)

    @override
    def wrap_role(self, role: Role) -> Mapping[str, Call]:
        if role.name == "sessions":
            return role.calls
        return {verb.name: self._decided(verb, role) for verb in role.verbs}

    def _decided(self, verb: Verb, role: Role) -> Call:
        call = role.calls[verb.name]
        if verb.name in _UNASKED:
            return call
        requested = _REQUESTS.get(verb.name)
        if requested is None:
            return undecided(self, verb)
        is_about = self._is_about

        async def asked(session_id: UUID, *arguments: Any, **options: Any) -> Any:
            wanted = requested(*arguments, **options) if is_about(session_id) else ()
            if wanted:
                await self._ask(ApprovalRequest(verb.name, session_id, wanted))
                if role.is_closed():
                    raise StoreClosedError(f"{verb.name}: the store was closed before this was approved")
            return await call(session_id, *arguments, **options)

        return asked

    async def _ask(self, request: ApprovalRequest) -> None:
        path = next(iter(request.paths), None)
        try:
            answer: object = self._hook(request)
            if inspect.isawaitable(answer):
                answer = await answer
        except PolicyError:
            raise
        except Exception as error:
            reason = f"the approval hook failed with {type(error).__name__}"
            raise PolicyError.of(path, reason) from error
        if answer is True:
            return
        if answer is False:
            answer = "it was not approved"
        elif not isinstance(answer, str) or not answer:
            answer = f"the approval hook answered with {shown(answer)}, and not with True, False or a reason"
        raise PolicyError.of(path, answer)


def _one(kind: type[Mutation[Any]]) -> Callable[..., tuple[Mutation[Any], ...]]:
    def requested(*arguments: Any, **options: Any) -> tuple[Mutation[Any], ...]:
        return (kind(*arguments, **options),)

    return requested


def _secret(name: str, value: str, *, ttl: float | None = None) -> tuple[Mutation[Any], ...]:
    del value  # shows nowhere but in the answer of get_secret (§6.3)
    return (SetSecret(name, "", ttl),)


def _values(
    values: Mapping[str, str], *, ttl: float | None = None, if_absent: bool = False
) -> tuple[Mutation[Any], ...]:
    return tuple(SetValue(key, value, ttl, None, if_absent) for key, value in values.items())


_REQUESTS: dict[str, Callable[..., tuple[Mutation[Any], ...]]] = {
    **{verb: _one(kind) for verb, kind in _KINDS.items()},
    "set_secret": _secret,
    "set_values": _values,
    "apply_changes": tuple,
    "change_values": tuple,
}


def _size_of(change: Mutation[Any]) -> int:
    content, data = getattr(change, "content", None), getattr(change, "data", None)
    if isinstance(content, str):
        return content_size(content, getattr(change, "encoding", "text"))
    if isinstance(data, bytes):
        return len(data)
    text = getattr(change, "new", getattr(change, "value", ""))
    return len(text.encode()) if isinstance(text, str) else 0
