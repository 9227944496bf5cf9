"""A whole backend over an ordered, transactional map of bytes.

An author writes an ``Engine`` and a ``Transaction``, and a hook ``everstore_engine``; the verbs of all three
roles, threads, shared commits, long keys, large contents, limits and expiry are here.
"""

from everstore.engine.base import Engine, Transaction
from everstore.engine.faults import check

__all__ = ["Engine", "Transaction", "check"]
