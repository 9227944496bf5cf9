"""Mistakes with what a look keeps for the next one: some change does not clear it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from everstore.middleware.base import Call

__all__: list[str] = []

_CHANGES = (
    "write_file",
    "write_file_if_content_matches",
    "seed_initial_file",
    "edit_file",
    "append_file",
    "copy_file",
    "move_file",
    "delete_file",
    "create_directory",
    "purge_session",
)


def _keeps(broken: Broken, look: str, role: str, clearing: Iterable[str]) -> None:
    """Answer a look from what it showed before, until one of these verbs is called in the session."""
    kept: dict[Any, dict[Any, Any]] = {}

    def remembers(call: Call) -> Call:
        async def remembered(session_id: Any, *args: Any, **kwargs: Any) -> Any:
            shown = kept.setdefault(session_id, {})
            key = (args, *sorted(kwargs.items()))
            if key not in shown:
                shown[key] = await call(session_id, *args, **kwargs)
            return list(shown[key]) if isinstance(shown[key], list) else shown[key]

        return remembered

    def clears(call: Call) -> Call:
        async def cleared(session_id: Any, *args: Any, **kwargs: Any) -> Any:
            kept.pop(session_id, None)
            answer = await call(session_id, *args, **kwargs)
            kept.pop(session_id, None)
            return answer

        return cleared

    broken.around(remembers, [role], [look])
    broken.around(clears, [role], clearing)


def _all_but(*names: str) -> list[str]:
    return [name for name in _CHANGES if name not in names]


@mutant("search.follows.seed")
def indexes_no_seeds(broken: Broken) -> None:
    """The search index is not told of seeds."""
    _keeps(broken, "grep_files", "file_system", _all_but("seed_initial_file"))


@mutant("search.follows.content_matches")
def indexes_no_conditional_writes(broken: Broken) -> None:
    """The search index is not told of write_file_if_content_matches."""
    _keeps(broken, "grep_files", "file_system", _all_but("write_file_if_content_matches"))


@mutant("search.follows.append")
def globs_old_sizes(broken: Broken) -> None:
    """The index of paths is told of new and lost files only, so it shows an old size and revision."""
    _keeps(broken, "glob_files", "file_system", _all_but("append_file", "edit_file"))


@mutant("sessions.delete.everything")
def searches_what_was_purged(broken: Broken) -> None:
    """The search index outlives its session."""
    _keeps(broken, "grep_files", "file_system", _all_but("purge_session"))


@mutant("search.read_lines_follows.edit")
def keeps_lines_through_edits(broken: Broken) -> None:
    """The lines of a file are kept until it is written, and an edit is taken for none."""
    _keeps(broken, "read_lines", "file_system", _all_but("edit_file"))


@mutant("search.read_lines_follows.tree_moved_away")
def keeps_lines_of_moved_trees(broken: Broken) -> None:
    """The lines of a file are kept by its path, whatever is moved there or away."""
    _keeps(broken, "read_lines", "file_system", _all_but("move_file"))


@mutant("search.read_lines_follows.overwrite")
def keeps_lines_for_ever(broken: Broken) -> None:
    """The lines of a file are those that were first read."""
    _keeps(broken, "read_lines", "file_system", ["purge_session"])


@mutant("values.expired.list")
def lists_kept_secrets(broken: Broken) -> None:
    """The list of secrets is kept until one is set or deleted, also when one of them is over."""
    _keeps(broken, "list_secrets", "storage", ["set_secret", "delete_secret", "purge_session"])


@mutant("values.expired.get_value")
def gets_kept_values(broken: Broken) -> None:
    """A value that was read is kept until it is set or deleted, also when it is over."""
    changes = ["set_value", "increment_value", "delete_value", "purge_session"]
    _keeps(broken, "get_value", "storage", changes)
