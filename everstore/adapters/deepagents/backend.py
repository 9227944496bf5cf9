"""``EverstoreBackend``: which session a run works in, and deepagents' verbs, awaited and not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from deepagents.backends.protocol import BackendProtocol
from langgraph.config import get_config
from langgraph.runtime import get_runtime

from everstore.adapters.calls import Calls
from everstore.adapters.deepagents import looking, verbs
from everstore.adapters.naming import id_of_names, named_session
from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from uuid import UUID

    from deepagents.backends.protocol import (
        DeleteResult,
        EditResult,
        FileDownloadResponse,
        FileUploadResponse,
        GlobResult,
        GrepResult,
        LsResult,
        ReadResult,
        WriteResult,
    )
    from deepagents.backends.store import NamespaceFactory
    from langgraph.runtime import Runtime

    from everstore import sync
    from everstore.session import BoundFiles
    from everstore.store import Store

    P = ParamSpec("P")
    T = TypeVar("T")
    Verb = Callable[Concatenate[BoundFiles, P], Coroutine[Any, Any, T]]
    Place = tuple[UUID, Mapping[str, str] | None]

__all__ = ["EverstoreBackend"]

_FRAMEWORK = "deepagents"
_THAT_MAKE = {verbs.write, verbs.upload}


class EverstoreBackend(BackendProtocol):
    """The files of a session, as a backend of deepagents: every verb is one atomic step.

    A run works in the session of its thread, as with ``StateBackend``, unless it is told otherwise: with
    ``namespace`` in the one that its answer names, as with ``StoreBackend``; with ``session`` in that one.
    What a run wrote stays for the runs after it, in other processes, too.

    Of an ``everstore.sync.Store`` all methods work, in any thread and on any event loop; of an
    ``everstore.Store`` those that are awaited, on the store's loop, and the others in other threads.
    """

    def __init__(
        self,
        store: Store | sync.Store,
        *,
        session: UUID | None = None,
        namespace: NamespaceFactory | None = None,
    ) -> None:
        """Of an open store, which its opener closes.

        ``session`` is what all runs work in; nothing is done to its record. ``namespace`` gets a run's
        ``Runtime``, and answers with what names its session: a tuple of any texts. ``ValueError`` for both.

        A session that is named so, or by its thread, gets a record when it is written to and has none,
        with its names as labels: ``framework=deepagents``, and ``thread_id`` or ``namespace_0`` and so on.
        """
        if session is not None and namespace is not None:
            raise ValueError("EverstoreBackend takes session= or namespace=, not both")
        self._calls = Calls(store)
        self._fixed = session
        self._namespace = namespace

    def _place(self) -> Place:
        """The session of the run that calls, and the names that it is made of."""
        if self._fixed is not None:
            return self._fixed, None
        names = self._names_of_thread() if self._namespace is None else self._names_given(self._namespace)
        return id_of_names(_FRAMEWORK, names), names

    @staticmethod
    def _names_of_thread() -> Mapping[str, str]:
        try:
            thread_id = get_config().get("configurable", {}).get("thread_id")
        except RuntimeError:  # outside of a run
            thread_id = None
        if thread_id is None:
            raise RuntimeError(
                "this run has no thread whose files these could be: invoke the agent with config="
                "{'configurable': {'thread_id': ...}}, or give EverstoreBackend a session= or namespace="
            )
        return {"thread_id": str(thread_id)}

    @staticmethod
    def _names_given(namespace: NamespaceFactory) -> Mapping[str, str]:
        try:
            runtime: Runtime[Any] | None = get_runtime()
        except (RuntimeError, KeyError):
            runtime = None  # outside of a run: to a factory that does not look at it, that is all the same
        try:
            parts = namespace(cast("Runtime[Any]", runtime))
        except AttributeError as error:
            if runtime is not None:
                raise
            message = "the namespace factory looks at the Runtime, which there is only in a run of the agent"
            raise RuntimeError(message) from error
        if not isinstance(parts, tuple) or not parts:
            raise ValueError("a namespace is a tuple of one text or more")
        return {f"namespace_{at}": part for at, part in enumerate(parts)}

    async def _call(
        self, place: Place, call: Callable[[BoundFiles], Coroutine[Any, Any, T]], *, makes: bool
    ) -> T:
        session_id, names = place
        if makes and names is not None:  # each time: somebody may have deleted it since
            await named_session(self._calls.store, _FRAMEWORK, names)
        return await call(self._calls.store.session(session_id).files)

    def _run(self, verb: Verb[P, T], *args: P.args, **options: P.kwargs) -> T:
        def call(files: BoundFiles) -> Coroutine[Any, Any, T]:
            return verb(files, *args, **options)

        return self._calls.wait(self._call(self._place(), call, makes=verb in _THAT_MAKE))

    async def _wait(self, verb: Verb[P, T], *args: P.args, **options: P.kwargs) -> T:
        def call(files: BoundFiles) -> Coroutine[Any, Any, T]:
            return verb(files, *args, **options)

        return await self._calls.go(self._call(self._place(), call, makes=verb in _THAT_MAKE))

    # The signatures are the protocol's.

    @override
    def ls(self, path: str) -> LsResult:
        """The direct children, sorted by path; an error where no directory is."""
        return self._run(verbs.ls, path)

    @override
    async def als(self, path: str) -> LsResult:
        """See ``ls``."""
        return await self._wait(verbs.ls, path)

    @override
    def read(self, file_path: str, offset: int = 0, limit: int = 2000) -> ReadResult:
        """Lines of a text, or all of a file of bytes in base64; an error where no file is."""
        return self._run(verbs.read, file_path, offset, limit)

    @override
    async def aread(self, file_path: str, offset: int = 0, limit: int = 2000) -> ReadResult:
        """See ``read``."""
        return await self._wait(verbs.read, file_path, offset, limit)

    @override
    def write(self, file_path: str, content: str) -> WriteResult:
        """Create or replace a file, with its missing parents."""
        return self._run(verbs.write, file_path, content)

    @override
    async def awrite(self, file_path: str, content: str) -> WriteResult:
        """See ``write``."""
        return await self._wait(verbs.write, file_path, content)

    @override
    def edit(
        self,
        file_path: str,
        old_string: str,
        new_string: str,
        replace_all: bool = False,  # noqa: FBT001, FBT002 - the protocol's signature
    ) -> EditResult:
        """Replace a text that is there once, or each with ``replace_all``; parallel edits all stay."""
        return self._run(verbs.edit, file_path, old_string, new_string, replace_all=replace_all)

    @override
    async def aedit(
        self,
        file_path: str,
        old_string: str,
        new_string: str,
        replace_all: bool = False,  # noqa: FBT001, FBT002 - the protocol's signature
    ) -> EditResult:
        """See ``edit``."""
        return await self._wait(verbs.edit, file_path, old_string, new_string, replace_all=replace_all)

    @override
    def delete(self, file_path: str) -> DeleteResult:
        """Remove a file, or a directory with all that is in it; the root stays, and is an error."""
        return self._run(verbs.delete, file_path)

    @override
    async def adelete(self, file_path: str) -> DeleteResult:
        """See ``delete``."""
        return await self._wait(verbs.delete, file_path)

    @override
    def grep(
        self, pattern: str, path: str | None = None, glob: str | None = None, *, max_count: int | None = None
    ) -> GrepResult:
        """Lines with a literal text, sorted by path and line, of the files of one moment."""
        return self._run(looking.grep, pattern, path, glob, max_count)

    @override
    async def agrep(
        self, pattern: str, path: str | None = None, glob: str | None = None, *, max_count: int | None = None
    ) -> GrepResult:
        """See ``grep``."""
        return await self._wait(looking.grep, pattern, path, glob, max_count)

    @override
    def glob(self, pattern: str, path: str | None = None) -> GlobResult:
        """The files that deepagents' glob selects below a directory, sorted by path, of one moment."""
        return self._run(looking.glob, pattern, path)

    @override
    async def aglob(self, pattern: str, path: str | None = None) -> GlobResult:
        """See ``glob``."""
        return await self._wait(looking.glob, pattern, path)

    @override
    def upload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        """Write several files in one step, as text where they are UTF-8: all that are not refused."""
        return self._run(verbs.upload, files)

    @override
    async def aupload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        """See ``upload_files``."""
        return await self._wait(verbs.upload, files)

    @override
    def download_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        """The bytes of several files, in the order of the paths."""
        return self._run(verbs.download, paths)

    @override
    async def adownload_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        """See ``download_files``."""
        return await self._wait(verbs.download, paths)
