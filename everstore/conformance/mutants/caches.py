"""Mistakes with what a look keeps for the next one: some change does not clear it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


def _keeps(
    broken: Broken,
    look: str,
    role: str,
    clearing: Iterable[str],
    *,
    kept: dict[Any, dict[Any, Any]] | None = None,
    keeps: Callable[[Any], bool] = lambda _: True,
) -> None:
    """Answer a look from what it showed before, until one of these verbs is called in the session.

    ``kept`` may outlive the store, and only what ``keeps`` agrees to is kept.
    """
    kept = {} if kept is None else kept

    def remembers(call: Call) -> Call:
        async def remembered(session_id: Any, *args: Any, **kwargs: Any) -> Any:
            shown = kept.setdefault(session_id, {})
            key = (args, *sorted(kwargs.items()))
            if key in shown:
                return list(shown[key]) if isinstance(shown[key], list) else shown[key]
            answer = await call(session_id, *args, **kwargs)
            if keeps(answer):
                shown[key] = answer
            return answer

        return remembered

    def clears(call: Call) -> Call:
        async def cleared(first: Any, *args: Any, **kwargs: Any) -> Any:
            session_id = getattr(first, "id", first)  # a record has one
            kept.pop(session_id, None)
            answer = await call(first, *args, **kwargs)
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


# -- where another client, or another process, makes the change ----------------------------------------------

_MISSING: dict[Any, dict[Any, Any]] = {}
_SECRETS: dict[Any, dict[Any, Any]] = {}


@mutant("concurrency.clients.sees.file_system", durable=True)
def keeps_listings_in_the_client(broken: Broken) -> None:
    """What is in a directory is kept until this client changes files of the session."""
    _keeps(broken, "list_directory", "file_system", _CHANGES)


@mutant("concurrency.clients.sees.file_system", durable=True)
def keeps_what_is_missing_in_the_process(broken: Broken) -> None:
    """That nothing is at a path is kept until this process changes files of the session."""
    _keeps(broken, "stat_file", "file_system", _CHANGES, kept=_MISSING, keeps=lambda found: found is None)


@mutant("concurrency.clients.sees.storage", durable=True)
def keeps_secrets_in_the_process(broken: Broken) -> None:
    """An opened secret is kept until this process sets or deletes one of the session."""
    changes = ("set_secret", "delete_secret", "purge_session")
    _keeps(broken, "get_secret", "storage", changes, kept=_SECRETS)


@mutant("concurrency.clients.sees.storage", durable=True)
def keeps_keys_in_the_client(broken: Broken) -> None:
    """The keys of a session are kept until this client changes a value of it."""
    _keeps(broken, "list_keys", "storage", ("set_value", "increment_value", "delete_value", "purge_session"))


@mutant("concurrency.clients.sees.sessions", durable=True)
def keeps_records_in_the_client(broken: Broken) -> None:
    """A record is kept until this client changes it."""
    changes = ("add_session", "update_session_title", "delete_session")
    _keeps(broken, "get_session", "sessions", changes)
