"""What policies have in common: which sessions they are about, and that no verb goes round one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn, cast
from uuid import UUID

from everstore.compat import override
from everstore.errors import InvalidArgumentError, PolicyError, shown
from everstore.middleware.base import Call, Middleware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from everstore.interfaces import SessionFileSystem
    from everstore.middleware.base import Role, Verb

__all__ = ["HOST_VERBS", "FilePolicy", "Sessions", "sessions_of", "undecided"]

HOST_VERBS = frozenset(
    {"seed_initial_file", "restore_times", "limit_session", "purge_session", "session_ids", "fork_session"}
)
"""Verbs that are the host's own: a policy is about who works in a session."""

Sessions = Callable[[UUID], bool] | Iterable[UUID]
"""Which sessions a policy is about: their ids, or what says it of an id."""


def sessions_of(sessions: Sessions | None) -> Callable[[UUID], bool]:
    """What says of a session whether a policy is about it; ``None`` stands for all of them."""
    if sessions is None:
        return lambda _session_id: True
    if isinstance(sessions, UUID):
        sessions = (sessions,)
    if isinstance(sessions, Iterable) and not isinstance(sessions, (str, bytes)):
        ids = frozenset(sessions)
        if all(isinstance(each, UUID) for each in ids):
            return ids.__contains__
    elif callable(sessions):
        return sessions
    raise InvalidArgumentError(f"sessions are ids (UUID) or a function of one, not {shown(sessions)}")


def undecided(policy: object, verb: Verb) -> Call:
    """What is called in place of a verb that a policy does not know: it is refused, and not let through."""

    async def refused(*_args: object, **_options: object) -> NoReturn:
        raise PolicyError.of(None, f"{type(policy).__name__} does not know what {verb.name} does")

    return refused


class FilePolicy(Middleware):
    """A policy about files. ``view`` has a method for every verb but the host's own."""

    def __init__(self, sessions: Sessions | None) -> None:
        """About these sessions."""
        self._is_about = sessions_of(sessions)

    @abstractmethod
    def view(self, inner: SessionFileSystem, role: Role) -> object:
        """The files of one store as they are seen through the policy; ``inner`` is what it stands before."""

    @override
    def wrap_role(self, role: Role) -> Mapping[str, Call]:
        if role.name != "file_system":
            return role.calls
        view = self.view(cast("SessionFileSystem", SimpleNamespace(**role.calls)), role)
        return {verb.name: self._decided(verb, view, role.calls[verb.name]) for verb in role.verbs}

    def _decided(self, verb: Verb, view: object, call: Call) -> Call:
        chosen: Call | None = getattr(view, verb.name, None)
        if chosen is None and verb.name in HOST_VERBS:
            return call
        seen = undecided(self, verb) if chosen is None else chosen
        is_about = self._is_about

        async def compared(a: UUID, b: UUID, **options: Any) -> Any:
            answer: Any = await (seen if is_about(a) or is_about(b) else call)(a, b, **options)
            return answer

        async def decided(session_id: UUID, *arguments: Any, **options: Any) -> Any:
            if is_about(session_id):
                return await seen(session_id, *arguments, **options)
            return await call(session_id, *arguments, **options)

        return compared if verb.name == "diff_sessions" else decided
