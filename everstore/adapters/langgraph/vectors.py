"""Search by meaning: an item's texts as vectors beside it, all of which a search looks at."""

from __future__ import annotations

import math
from array import array
from operator import mul
from typing import TYPE_CHECKING

from langgraph.store.base import ensure_embeddings, get_text_at_path, tokenize_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langgraph.store.base import IndexConfig, PutOp

__all__ = ["Index"]


class Index:
    """What is indexed, and how: LangGraph's ``IndexConfig``."""

    def __init__(self, config: IndexConfig) -> None:
        """``fields`` are the whole value (``$``) unless others are given."""
        self.embeddings = ensure_embeddings(config.get("embed"))
        self._paths = [tokenize_path(path) for path in config.get("fields") or ["$"]]

    def texts(self, put: PutOp) -> list[str]:
        """What is indexed of an item that is put."""
        if put.value is None or put.index is False:
            return []
        paths = self._paths if put.index is None else [tokenize_path(path) for path in put.index]
        return [text for path in paths for text in get_text_at_path(put.value, path)]

    async def packed(self, texts: Sequence[str]) -> list[bytes]:
        """The vectors of texts, as they are stored."""
        if not texts:
            return []
        return [
            array("f", vector).tobytes() for vector in await self.embeddings.aembed_documents(list(texts))
        ]

    async def query(self, text: str) -> Sequence[float]:
        """The vector of what is searched for."""
        return array("f", await self.embeddings.aembed_query(text))


def score(query: Sequence[float], vectors: Iterable[bytes]) -> float | None:
    """How near the nearest of an item's vectors is, by cosine; ``None`` for an item without."""
    scores = [_cosine(query, array("f", vector)) for vector in vectors]
    return max(scores, default=None)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(map(mul, one, other)) / lengths if lengths else 0.0
