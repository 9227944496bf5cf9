"""Mistakes with what an entry's id is made of, and with a session that could not be made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.compat import override
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.models import Session, SessionFile, new_session_id
from everstore.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from everstore.middleware.base import Call
    from everstore.models import InitialFile

__all__: list[str] = []


@mutant("files.ids.tell_nothing")
def makes_ids_of_the_session(broken: Broken) -> None:
    """An id is the session's, with the serial mixed in so that it can be taken out again."""

    class Telling(SessionFile, frozen=True, gc=False):
        @property
        @override
        def id(self) -> UUID:
            return UUID(int=self.session_id.int ^ self.serial & (1 << 62) - 1)

    def wrap(call: Call) -> Call:
        async def telling(*args: Any, **kwargs: Any) -> Any:
            answer = await call(*args, **kwargs)
            return Telling(*(getattr(answer, name) for name in SessionFile.__struct_fields__))

        return telling

    broken.around(wrap, ["file_system"], ["write_file"])


class _Leaving(Store):
    @override
    async def create_session(
        self,
        title: str | None = None,
        *,
        session_id: UUID | None = None,
        files: Iterable[InitialFile] = (),
        **rest: Any,
    ) -> Session:
        session = Session(id=session_id or new_session_id(), title=title, **rest)
        for file in files:
            await self.file_system.seed_initial_file(session.id, file)
            await asyncio.sleep(0)
        await self.sessions.add_session(session)
        return session


class _Listing(_Leaving):
    @override
    async def create_session(
        self,
        title: str | None = None,
        *,
        session_id: UUID | None = None,
        files: Iterable[InitialFile] = (),
        **rest: Any,
    ) -> Session:
        session = await super().create_session(title, session_id=session_id, **rest)
        try:
            return await super().create_session(title, session_id=session.id, files=files, **rest)
        except Exception:
            await self.file_system.purge_session(session.id)
            raise


@mutant("sessions.create.refused")
def leaves_what_it_made(broken: Broken) -> None:
    """What was made of a session before it failed stays."""
    broken.kind = _Leaving


@mutant("sessions.create.cancelled")
def cleans_up_after_errors_only(broken: Broken) -> None:
    """The record comes first and stays; files are removed after an error, and not when it was cancelled."""
    broken.kind = _Listing
