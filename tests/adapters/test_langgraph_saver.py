"""``EverstoreSaver``: beside LangGraph's memory saver, with ids of any text, from any loop and thread."""

from __future__ import annotations
