"""What happens around a call: the shape of a middleware, and how a chain of them is built."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from everstore.errors import PluginError, UnsupportedError

__all__ = ["Call", "Middleware", "Role", "Verb", "assemble", "described", "verbs_of", "wrap_all"]

Call = Callable[..., Coroutine[Any, Any, Any]]
"""A verb as it is called: ``await call(session_id, ...)`` with the interface's own arguments."""

_NO_VERBS = {"apply", "close", "search"}


class Verb(msgspec.Struct, frozen=True):
    """A verb of an open store: its name, its role, the backend behind it, its parameters' names."""

    name: str
    role: str
    backend: str
    parameters: tuple[str, ...]


class Role(msgspec.Struct, frozen=True):
    """One role of a store that opens: its verbs, and what each of them calls so far, by name."""

    name: str
    backend: str
    verbs: tuple[Verb, ...]
    calls: Mapping[str, Call]
    workspace_alias: bool = True
    """Whether ``/workspace`` is the root in this store (§2.2.4)."""
    is_closed: Callable[[], bool] = lambda: False
    """Whether the store was closed: to be asked by what has a call wait before it goes on."""


class Middleware:
    """Something around calls. The chain is built once, when the store opens."""

    def wrap(self, verb: Verb, call: Call) -> Call:
        """What is called instead of ``call``; return ``call`` itself to leave this verb alone.

        Arguments arrive validated and canonical, secrets for a durable backend as ciphertext. The
        replacement takes what the verb takes::

            async def counted(*args, **kwargs):
                self.calls[verb.name] += 1
                return await call(*args, **kwargs)
        """
        del verb
        return call

    def wrap_role(self, role: Role) -> Mapping[str, Call]:
        """What is called instead of each of ``role.calls``: by default what ``wrap`` makes of each.

        For a middleware that answers one verb with the help of others of the same store. It is handed the
        file system, the storage and the sessions of a store one after the other.
        """
        return {verb.name: _wrapped(self, verb, role.calls[verb.name]) for verb in role.verbs}


def _wrapped(layer: Middleware, verb: Verb, call: Call) -> Call:
    try:
        return layer.wrap(verb, call)
    except Exception as error:
        raise _broken(layer, f"failed to wrap {verb.name}: {type(error).__name__}") from error


def _broken(layer: Middleware, complaint: str) -> PluginError:
    module = type(layer).__module__
    return PluginError(f"middleware {type(layer).__qualname__} of {module} {complaint}", plugin=module)


T = TypeVar("T")


def verbs_of(interface: type, role: str, backend: str) -> list[Verb]:
    """The verbs of an interface: its public coroutine methods, in the order of the class."""
    return [Verb(name, role, backend, parameters) for name, parameters in _parameters(interface).items()]


@functools.cache  # reading signatures took a third of the time in which a store opens
def _parameters(interface: type) -> dict[str, tuple[str, ...]]:
    members = {name: member for kind in reversed(interface.__mro__) for name, member in vars(kind).items()}
    return {
        name: tuple(inspect.signature(member).parameters)[1:]
        for name, member in members.items()
        if inspect.iscoroutinefunction(member) and not name.startswith("_") and name not in _NO_VERBS
    }


def wrap_all(role: Role, layers: Sequence[Middleware]) -> Mapping[str, Call]:
    """The calls of a role with all layers around them, the first one outermost.

    ``PluginError`` when a layer fails to wrap one, or gives nothing that can be called.
    """
    for layer in reversed(layers):
        role = msgspec.structs.replace(role, calls=_wrapped_by(layer, role))
    return role.calls


def _wrapped_by(layer: Middleware, role: Role) -> Mapping[str, Call]:
    try:
        calls = layer.wrap_role(role)
    except PluginError:
        raise
    except Exception as error:
        raise _broken(layer, f"failed to wrap {role.name}: {type(error).__name__}") from error
    for verb in role.verbs:
        if not callable(calls.get(verb.name)):
            raise _broken(layer, f"returned nothing to call from wrap() of {verb.name}")
    return calls


async def _refused(*_: object) -> None:
    raise UnsupportedError("apply and search are a backend's; an open store has the verbs over them")


def described(call: Call, member: Callable[..., Any]) -> Call:
    """``call``, which ``help()`` shows with the docstring and the types of the interface's own verb."""
    for name in ("__doc__", "__module__", "__qualname__", "__annotations__"):
        setattr(call, name, getattr(member, name))
    return call


def assemble(interface: type[T], backend: object, calls: Mapping[str, Call], shown: str = "") -> T:
    """An object of the interface whose verbs are these calls; ``shown`` is what its ``repr`` says."""
    members: dict[str, object] = {name: staticmethod(call) for name, call in calls.items()}
    members["capabilities"] = getattr(backend, "capabilities", None)
    members["apply"] = members["search"] = _refused
    members["__doc__"], members["__module__"] = interface.__doc__, interface.__module__
    members["__repr__"] = lambda _: f"<everstore: {shown or interface.__name__}>"
    members["__slots__"] = ()
    return cast("T", type(interface.__name__, (interface,), members)())
