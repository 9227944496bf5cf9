"""What core's errors say to do, in the words of the command line: they are written for callers in Python."""

from __future__ import annotations

__all__ = ["in_commands"]

_PHRASES = (
    (
        "fork_session() keeps one unless told base=False",
        "'everstore session fork' keeps one unless told --no-base",
    ),
    ("fork_session() makes", "'everstore session fork' makes"),
    ("delete_checkpoint() removes", "'everstore session rm' removes"),
    ("delete_checkpoint() does", "'everstore session rm' does"),
    ("delete_session() removes", "'everstore session rm' removes"),
    ("recursive=True deletes it with", "--recursive removes it with"),
    ("pass replace_all=True", "give --all"),
    ("prefer= takes", "--prefer takes"),
    ("holds a lone surrogate, which no encoding can store", "is not UTF-8"),
    ("holds a lone surrogate, which nothing stored does", "is not UTF-8"),
    ("holds a lone surrogate", "is not UTF-8"),
    ("a lone surrogate", "it is not UTF-8"),
    ("or give another id", "or give another id with --session, or a fresh one with --as-new"),
    ("give idle, labels or both", "give --idle, --label or both"),
    ("give idle, and no labels", "give --idle, and no --label"),
    ("give idle, keep or both", "give --idle, --keep or both"),
    (" or create_session(limits=)", ""),
    (" or open_store(config_file=...)", " or --config"),
    ("; a host may hand over a pool in its place: open_store(pool, backend='postgres')", ""),
)


def in_commands(message: str) -> str:
    """The message with the command's own words in the place of Python's."""
    for python, command in _PHRASES:
        message = message.replace(python, command)
    return message
