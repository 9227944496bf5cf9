"""What makes a backend's own code, or its driver, fail: on any backend, and without touching its storage.

A session id reaches the storage in every verb, as text, bytes or a number. One that fails whoever asks it
for any of these makes a call fail where no guard can see it coming: in the backend, or in its driver.
"""

from __future__ import annotations

from uuid import UUID

from everstore.compat import override

__all__ = ["Fault", "Unreadable"]


class Fault(Exception):  # noqa: N818 - it stands for what is no error of everstore's
    """What no backend can have foreseen."""


class Unreadable(UUID):
    """A session id, as far as a guard can see. Text, bytes and hash of a UUID all come from its number."""

    def __init__(self) -> None:
        """There is no number."""

    @override
    def __getattribute__(self, name: str) -> object:
        """Fail when the number is asked for, by whatever part of a UUID."""
        if name == "int":
            raise Fault
        return super().__getattribute__(name)
