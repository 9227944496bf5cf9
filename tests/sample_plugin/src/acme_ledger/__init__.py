"""A backend for everstore: everything in one ledger, a text file of one line a change."""

from acme_ledger.audit import Audit

__all__ = ["Audit"]
