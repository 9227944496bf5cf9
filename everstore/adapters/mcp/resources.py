"""The files of a session as resources: pages of them, each by its URI, and what is in them."""

from __future__ import annotations

from mimetypes import MimeTypes
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from mcp import MCPError
from mcp_types import (
    INVALID_PARAMS,
    Annotations,
    BlobResourceContents,
    ListResourcesResult,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from everstore.errors import InvalidPathError
from everstore.paths import normalize_literal_path

if TYPE_CHECKING:
    from everstore.models import FileInfo, FileStat
    from everstore.session import BoundSession

__all__ = ["MOST_BYTES", "SessionResources"]

MOST_BYTES = 16 * 1024 * 1024
"""The largest file that is answered as a resource, which is one message of the protocol."""

_PAGE = 500
_NOT_FOUND_BEFORE_2026 = -32002
_TYPES = MimeTypes()  # Python's own table: a machine's would differ from the next one's
for _type, _end in (
    ("application/toml", ".toml"),
    ("application/yaml", ".yaml"),
    ("application/yaml", ".yml"),
    ("text/markdown", ".md"),
    ("text/typescript", ".ts"),
):
    _TYPES.add_type(_type, _end)


class SessionResources:
    """A session's files as resources: ``everstore://SESSION/path``, percent-encoded."""

    def __init__(self, work: BoundSession) -> None:
        """The files of this session."""
        self._files = work.files
        self._prefix = f"everstore://{work.id}"

    def uri_of(self, path: str) -> str:
        """The URI of what is at a canonical path."""
        return self._prefix + quote(path)

    def _path_of(self, uri: str) -> str | None:
        """The path that a URI is of; ``None`` for another session's, and for one of no path."""
        if not uri.startswith(f"{self._prefix}/"):
            return None
        try:  # whether there is an alias of the root, the store knows
            return normalize_literal_path(unquote(uri.removeprefix(self._prefix), errors="strict"))
        except (InvalidPathError, UnicodeDecodeError):
            return None

    async def stat(self, uri: str) -> FileStat | None:
        """What is told of the entry that a URI is of; ``None`` where there is none, and can be none."""
        path = self._path_of(uri)
        try:
            return None if path is None else await self._files.stat_file(path)
        except InvalidPathError:
            return None

    def template(self) -> ResourceTemplate:
        """How a URI is made of a path."""
        return ResourceTemplate(
            name="file",
            title="A file by its path",
            uri_template=self._prefix + "/{+path}",
            description="A file of the workspace, by its path without the leading slash.",
        )

    async def page(self, cursor: str | None) -> ListResourcesResult:
        """The files, by path; those that follow the cursor, which is that of the page before."""
        after = None if cursor is None else self._path_of(cursor)
        try:
            if cursor is not None and after is None:
                raise _no_page()
            entries = await self._files.list_tree(after=after, limit=_PAGE)
        except InvalidPathError:
            raise _no_page() from None
        following = self.uri_of(entries[-1].path) if len(entries) == _PAGE else None
        resources = [self._resource(entry) for entry in entries if not entry.is_directory]
        return ListResourcesResult(resources=resources, next_cursor=following)

    def _resource(self, entry: FileInfo) -> Resource:
        return Resource(
            uri=self.uri_of(entry.path),
            name=entry.name,
            title=entry.path,
            mime_type=_TYPES.guess_type(entry.name)[0],
            size=entry.size_bytes,
            annotations=Annotations(last_modified=entry.updated_at.isoformat()),
        )

    async def read(self, uri: str, protocol_version: str) -> ReadResourceResult:
        """What is in a file: as text, or as base64 where it was written so."""
        found = await self.stat(uri)
        if found is None or found.is_directory:
            raise _not_found(uri, protocol_version)
        if found.size_bytes > MOST_BYTES:
            raise MCPError(
                INVALID_PARAMS,
                f"The file has {found.size_bytes} bytes, and a resource at most {MOST_BYTES}; "
                "the tools read parts of it.",
                {"uri": uri},
            )
        file = await self._files.read_file(found.path)
        if file is None or file.content is None:
            raise _not_found(uri, protocol_version)
        guessed = _TYPES.guess_type(file.name)[0]
        if file.encoding == "text":
            text = TextResourceContents(uri=uri, mime_type=guessed or "text/plain", text=file.content)
            return ReadResourceResult(contents=[text])
        blob = BlobResourceContents(
            uri=uri, mime_type=guessed or "application/octet-stream", blob=file.content
        )
        return ReadResourceResult(contents=[blob])


def _not_found(uri: str, protocol_version: str) -> MCPError:
    is_modern = protocol_version in MODERN_PROTOCOL_VERSIONS
    code = INVALID_PARAMS if is_modern else _NOT_FOUND_BEFORE_2026
    return MCPError(code, "Resource not found", {"uri": uri})


def _no_page() -> MCPError:
    return MCPError(INVALID_PARAMS, "This cursor is of no page; list again without one.")
