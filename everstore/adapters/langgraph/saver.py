"""``EverstoreSaver``: LangGraph's checkpoints."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from everstore.adapters.langgraph import records
from everstore.adapters.langgraph.calls import Calls
from everstore.adapters.langgraph.threads import FRAMEWORK_NAME, THREAD, Found, Thread, thread_pages
from everstore.adapters.naming import named_session
from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        DeltaChannelHistory,
    )
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from everstore import sync
    from everstore.store import Store

