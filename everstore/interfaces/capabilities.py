"""What a backend claims to do; the runtime and the conformance suite both rely on it."""

from __future__ import annotations

import msgspec

__all__ = ["Capabilities"]


class Capabilities(msgspec.Struct, frozen=True):
    """A backend's claims, one object a store, declared as its ``capabilities``.

    ``durable``: what was acknowledged outlives the process; core then hands over secrets only as
    ciphertext. ``shared``: several processes may open the same storage at once. ``time_to_live``:
    ``ttl=`` works; without it a call with ``ttl`` is refused with ``UnsupportedError``. ``forks``:
    ``fork_session`` and ``diff_sessions`` work, and records of checkpoints are listed; without it they are
    ``UnsupportedError``.
    ``max_file_bytes`` and ``max_value_bytes``: the largest file, and the largest value or secret as its
    caller sees it, that the storage keeps whatever the settings allow; ``None`` is no limit of its own.
    Core checks arguments against them (``QuotaExceededError``); what an edit or an append results in, the
    backend does.
    """

    durable: bool = False
    shared: bool = False
    time_to_live: bool = True
    max_file_bytes: int | None = None
    max_value_bytes: int | None = None
    forks: bool = False
