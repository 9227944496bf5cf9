"""What would be too much, and what a policy of the host's refuses."""

from __future__ import annotations

from typing import Self

from everstore.errors.root import EverstoreError

__all__ = ["PolicyError", "QuotaExceededError"]


class PolicyError(EverstoreError, PermissionError):
    """A policy of the host's (``everstore.middleware``) refuses the call; nothing happened.

    ``path`` is what it is about, ``None`` where that is no path; ``reason`` says why, in the policy's words.
    """

    code = "policy"
    path: str | None
    reason: str

    @classmethod
    def of(cls, path: str | None, reason: str) -> Self:
        """The refusal of a call that is about a path, or about something else."""
        message = f"refused: {reason}" if path is None else f"{path!r} is refused: {reason}"
        return cls(message, path=path, reason=reason)


class QuotaExceededError(EverstoreError):
    """A limit would have been exceeded; nothing was written or truncated (§7.4).

    ``limit`` is the name of the setting, or of the capability where the backend's own is the lower
    one; ``allowed`` is its value, ``wanted`` what there would have been, both in ``unit``; ``place`` is
    the path, key or name that the call was to write.
    """

    code = "quota_exceeded"
    limit: str
    allowed: int
    wanted: int
    unit: str
    place: str | None

    @classmethod
    def over(
        cls, limit: str, wanted: int, allowed: int, place: str | None = None, what: str | None = None
    ) -> Self:
        """The refusal of a call that would have brought what ``limit`` counts to ``wanted``.

        ``what`` is to be called at ``place``, where the limit's name does not tell: a key, a secret.
        """
        who, unit = _counted(limit, place, what)
        setting = f"EVERSTORE_LIMITS__{limit.upper()}"
        if limit.startswith("session_"):
            setting += " or create_session(limits=)"
        message = f"{who} would have {wanted:,} {unit}; {setting} allows {allowed:,}"
        return cls(message, limit=limit, allowed=allowed, wanted=wanted, unit=unit, place=place)

    @classmethod
    def beyond(
        cls, capability: str, wanted: int, allowed: int, place: str | None = None, what: str | None = None
    ) -> Self:
        """The refusal of ``wanted`` bytes in one place, where the backend keeps ``allowed`` at most."""
        who, unit = _counted(capability.removeprefix("max_"), place, what)
        message = (
            f"{who} would have {wanted:,} {unit}; this backend keeps {allowed:,} in one place, so split it"
        )
        return cls(message, limit=capability, allowed=allowed, wanted=wanted, unit=unit, place=place)


_COUNTED = {
    "file_bytes": ("file", " ", "bytes"),
    "session_entries": ("the session", " with ", "files and directories"),
    "session_bytes": ("the session's files", " with ", "bytes"),
    "key_bytes": ("key", " ", "bytes"),
    "value_bytes": ("value", " ", "bytes"),
    "session_keys": ("the session", " with ", "values and secrets"),
    "session_value_bytes": ("the session's values and secrets", " with ", "bytes"),
}
"""Of each limit: what holds that which is counted, how the place follows, and the unit."""


def _counted(limit: str, place: str | None, what: str | None) -> tuple[str, str]:
    """What a refusal says of who would have too much, and of what."""
    who, joint, unit = _COUNTED.get(limit, ("this", " at ", "bytes" if "bytes" in limit else "entries"))
    who = what or who
    if place is None:
        return who, unit
    return f"{who}{joint}{place[:100]!r}{'...' if len(place) > 100 else ''}", unit
