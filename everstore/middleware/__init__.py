"""What happens around a call, one concern a module."""

from everstore.middleware.base import Call, Middleware, Verb

__all__ = ["Call", "Middleware", "Verb"]
