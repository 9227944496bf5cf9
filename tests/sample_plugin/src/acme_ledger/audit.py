"""A middleware: the host hands over an ``Audit``, and finds in it what was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from everstore.compat import override
from everstore.middleware import Middleware

if TYPE_CHECKING:
    from everstore.middleware import Call, Verb


@dataclass
class Audit:
    """What was done: ``calls`` as ``role.verb``, and ``ledger``, how often one was opened and closed."""

    calls: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)


class Auditing(Middleware):
    """Writes every call down before it is made."""

    def __init__(self, audit: Audit) -> None:
        self._calls = audit.calls

    @override
    def wrap(self, verb: Verb, call: Call) -> Call:
        entry = f"{verb.role}.{verb.name}"

        async def audited(*args: Any, **kwargs: Any) -> Any:
            self._calls.append(entry)
            return await call(*args, **kwargs)

        return audited
