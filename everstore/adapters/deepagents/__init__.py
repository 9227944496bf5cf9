"""A backend of deepagents: an agent's files are a session's (``pip install 'everstore[deepagents]'``)."""

from everstore.installing import extra

with extra("deepagents"):
    from everstore.adapters.deepagents.backend import EverstoreBackend

__all__ = ["EverstoreBackend"]
