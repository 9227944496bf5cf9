"""What a config names: a thread, a namespace, a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

__all__ = ["Place", "config_of", "place_of"]


class Place(NamedTuple):
    """What a config names; what it leaves out is ``None``, and so is an empty id of a checkpoint."""

    thread_id: str
    said_namespace: str | None
    checkpoint_id: str | None

    @property
    def namespace(self) -> str:
        """The namespace, which is the root's where none is said."""
        return self.said_namespace or ""


def place_of(config: RunnableConfig) -> Place:
    """What a config names; ``KeyError`` where it names no thread."""
    names: dict[str, Any] = config.get("configurable", {})
    return Place(str(names["thread_id"]), names.get("checkpoint_ns"), names.get("checkpoint_id") or None)


def config_of(thread_id: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    """The config that names a checkpoint."""
    names = {"thread_id": thread_id, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}
    return {"configurable": names}
