"""LangGraph: its checkpoints and its long-term memory, in an everstore ``Store``.

    async with everstore.open_store() as store:
        graph = builder.compile(checkpointer=EverstoreSaver(store), store=EverstoreStore(store))

A thread is a session: its name is the label ``thread``, so threads can be listed, and whoever deletes the
session deletes the thread. An ``EverstoreStore`` is a session, too, whose name is the label ``store``.
"""

from everstore.installing import extra

with extra("langgraph"):
    from everstore.adapters.langgraph.saver import EverstoreSaver
    from everstore.adapters.langgraph.store import EverstoreStore

__all__ = ["EverstoreSaver", "EverstoreStore"]
