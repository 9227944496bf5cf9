"""What happens around a call, one concern a module; policies among them."""

from typing import TYPE_CHECKING

from everstore.middleware.base import Call, Middleware, Role, Verb

if TYPE_CHECKING:
    from everstore.middleware.approval import Approval, ApprovalRequest
    from everstore.middleware.mount import Mount
    from everstore.middleware.path_policy import PathPolicy, WriteBlocklist

__all__ = [
    "Approval",
    "ApprovalRequest",
    "Call",
    "Middleware",
    "Mount",
    "PathPolicy",
    "Role",
    "Verb",
    "WriteBlocklist",
]

if not TYPE_CHECKING:  # pragma: no branch - to a type checker every name would be there
    _LATER = {
        "Approval": "everstore.middleware.approval",
        "ApprovalRequest": "everstore.middleware.approval",
        "Mount": "everstore.middleware.mount",
        "PathPolicy": "everstore.middleware.path_policy",
        "WriteBlocklist": "everstore.middleware.path_policy",
    }

    def __getattr__(name: str) -> object:
        """The policies, at first need: most stores have none, and globs load RE2."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - loads when needed

        return getattr(import_module(_LATER[name]), name)
