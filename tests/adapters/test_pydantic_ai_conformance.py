"""The suite that Pydantic AI publishes for workspaces, whole, on each backend of everstore.

What stays out, by name: the rules about commands, which a session does not run. The suite skips them on a
workspace without commands; here nothing is skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from pydantic_ai.workspaces.conformance import WorkspaceBackendSuite

from everstore import sync
from everstore.adapters.pydantic_ai import EverstoreWorkspace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pydantic_ai.workspaces import WorkspaceBackend, WorkspaceRef


@pytest.fixture
def anyio_backend() -> str:
    """The suite runs on AnyIO's loop of asyncio, the store on its own."""
    return "asyncio"


@pytest.fixture
def store(environment) -> Iterator[sync.Store]:
    with sync.open_store() as opened:
        yield opened


class TestConformance(WorkspaceBackendSuite):
    @pytest.fixture
    def backend(self, store: sync.Store) -> WorkspaceBackend:
        return EverstoreWorkspace(store)

    @pytest.fixture
    def fresh_backend(self, store: sync.Store) -> Callable[[], WorkspaceBackend]:
        return lambda: EverstoreWorkspace(store)

    @pytest.fixture
    def attach_backend(self, store: sync.Store) -> Callable[[WorkspaceRef], WorkspaceBackend]:
        return lambda ref: EverstoreWorkspace(store, ref)

    @pytest.fixture
    def destroy_environment(self, store: sync.Store) -> Callable[[WorkspaceBackend], Awaitable[None]]:
        async def destroy(backend: WorkspaceBackend) -> None:
            assert store.delete_session(UUID(backend.ref.id))

        return destroy

    # Commands: a session has files, and runs none.
    test_command_form_must_match_shell = None
    test_stdin_is_at_eof = None
    test_undecodable_command_bytes_are_replaced = None
    test_command_output_is_complete = None
    test_background_child_does_not_hold_up_completed_command = None
    test_result_reports_exit_code_stdout_and_stderr = None
    test_a_missing_program_exits_127 = None
    test_argv_items_are_literal = None
    test_run_starts_in_cwd = None
    test_timeout_raises_workspace_timeout_error = None
    test_cancellation_stops_foreground_work = None
    test_env_is_added = None
    test_commands_and_files_share_one_environment = None
    test_a_backend_attached_by_ref_reaches_a_detached_process = None
    test_destroying_environment_during_command_raises_unavailable = None
    # What only a command could make: a link, a FIFO, a file that its user may not read.
    test_symlink_loop_does_not_break_listing = None
    test_fifo_read_does_not_wait_for_writer = None
    test_permission_denied_uses_builtin_error = None
    test_realpath_and_entries_follow_symlinks = None
    test_writes_go_through_a_symlink = None
