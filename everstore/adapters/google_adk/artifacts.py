"""ADK's artifacts: each version a file of a session, so whatever reads a session's files reads them.

An artifact is a folder. In it ``head.json`` counts the versions, ``<number>.json`` tells of one of them, and
``<number>`` is its content, unless that is somewhere else.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec
from google.adk.artifacts import artifact_util
from google.adk.artifacts.base_artifact_service import ArtifactVersion, BaseArtifactService, ensure_part
from google.adk.errors.input_validation_error import InputValidationError
from google.genai import types

from everstore.adapters.naming import id_of_names, named_session
from everstore.changes import Write, WriteBytes
from everstore.compat import override
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from everstore.changes import AnyFileChange
    from everstore.session import BoundFiles
    from everstore.store import Store

__all__ = ["EverstoreArtifactService"]

_NAME = "google_adk_artifacts"
_USER = "user:"
_ROOT = "/artifacts"
_LONGEST = 200  # bytes of a folder's name: what no path can hold has a hash in its place
_MOST_REFERENCES = 5  # that a lookup follows, as ADK's own services do
_REMOVED = types.Part(inline_data=types.Blob(mime_type="application/octet-stream", data=b""))
"""What a rewound session saves in the place of an artifact that was not there then."""


class _Head(msgspec.Struct, frozen=True):
    """What an artifact is called, and how many versions it has had."""

    filename: str
    versions: int


class _Told(msgspec.Struct, frozen=True):
    """What is told of a version: its part without content, and its ``ArtifactVersion``."""

    part: msgspec.Raw
    version: msgspec.Raw


class _Place(NamedTuple):
    """Where an artifact is."""

    names: dict[str, str]
    files: BoundFiles
    folder: str

    def path(self, version: int) -> str:
        return f"{self.folder}/{version}"


class EverstoreArtifactService(BaseArtifactService):
    """Artifacts that any number of processes share: no version is given to two who save at once.

    A name that begins with ``user:`` is of the user, in all of his sessions. ``canonical_uri`` is where the
    content is in the store: ``everstore://<session>/artifacts/<name>/<version>``.
    """

    def __init__(self, store: Store) -> None:
        """Over an open store, which somebody else closes."""
        self._store = store

    @override
    def __repr__(self) -> str:
        return f"EverstoreArtifactService({self._store!r})"

    @override
    async def save_artifact(
        self,
        *,
        app_name: str,
        user_id: str,
        filename: str,
        artifact: types.Part | dict[str, Any],
        session_id: str | None = None,
        custom_metadata: dict[str, Any] | None = None,
    ) -> int:
        place = self._place(app_name, user_id, session_id, filename)
        part = ensure_part(artifact)
        if artifact_util.is_artifact_ref(part):
            _target(part, app_name, user_id, session_id)
        told, content = _split(part)
        record = await named_session(self._store, _NAME, place.names)
        while True:
            found = await place.files.read_file(f"{place.folder}/head.json")
            version = 0 if found is None else _head_in(found.content).versions
            described = ArtifactVersion(
                version=version,
                canonical_uri=f"everstore://{record.id}{place.path(version)}",
                custom_metadata=custom_metadata or {},
                mime_type=_mime_type(part),
            )
            changes: list[AnyFileChange] = [
                Write(
                    f"{place.folder}/head.json",
                    _text(_Head(filename, version + 1)),
                    if_revision=None if found is None else found.revision,
                    if_absent=found is None,
                ),
                Write(f"{place.path(version)}.json", _text(_Told(told, _raw(described)))),
            ]
            if content is not None:
                changes.append(WriteBytes(place.path(version), content))
            try:
                await place.files.apply_changes(changes)
            except RevisionConflictError:
                continue
            return version

    @override
    async def load_artifact(
        self,
        *,
        app_name: str,
        user_id: str,
        filename: str,
        session_id: str | None = None,
        version: int | None = None,
    ) -> types.Part | None:
        for _ in range(_MOST_REFERENCES + 1):
            place = self._place(app_name, user_id, session_id, filename)
            number = await _existing(place, version)
            if number is None:
                return None
            part = await _part_of(place, number)
            if part is None or not artifact_util.is_artifact_ref(part):
                return None if part in (None, types.Part(), _REMOVED) else part
            target = _target(part, app_name, user_id, session_id)
            app_name, user_id, session_id, filename, version = target
        raise InputValidationError("Exceeded the depth of artifact references that are followed.")

    @override
    async def list_artifact_keys(
        self, *, app_name: str, user_id: str, session_id: str | None = None
    ) -> list[str]:
        names = [_names(app_name, user_id, None)]
        if session_id is not None:
            names.append(_names(app_name, user_id, session_id))
        found = await asyncio.gather(*(self._filenames(each) for each in names))
        return sorted(filename for filenames in found for filename in filenames)

    async def _filenames(self, names: dict[str, str]) -> list[str]:
        files = self._store.session(id_of_names(_NAME, names)).files
        filenames: list[str] = []
        for info in await files.list_directory(_ROOT):
            if info.name.startswith("%%"):
                head = await files.read_file(f"{info.path}/head.json")
                filenames += [] if head is None else [_head_in(head.content).filename]
            else:
                filenames.append(unquote(info.name).removesuffix("\0"))
        return filenames

    @override
    async def delete_artifact(
        self, *, app_name: str, user_id: str, filename: str, session_id: str | None = None
    ) -> None:
        place = self._place(app_name, user_id, session_id, filename)
        await place.files.delete_file(place.folder, recursive=True)

    @override
    async def list_versions(
        self, *, app_name: str, user_id: str, filename: str, session_id: str | None = None
    ) -> list[int]:
        place = self._place(app_name, user_id, session_id, filename)
        last = await _existing(place, None)
        return [] if last is None else [*range(last + 1)]

    @override
    async def list_artifact_versions(
        self, *, app_name: str, user_id: str, filename: str, session_id: str | None = None
    ) -> list[ArtifactVersion]:
        place = self._place(app_name, user_id, session_id, filename)
        last = await _existing(place, None)
        numbers = range(0 if last is None else last + 1)
        told = await asyncio.gather(*(_told_of(place, number) for number in numbers))
        return [_version(each) for each in told if each is not None]

    @override
    async def get_artifact_version(
        self,
        *,
        app_name: str,
        user_id: str,
        filename: str,
        session_id: str | None = None,
        version: int | None = None,
    ) -> ArtifactVersion | None:
        place = self._place(app_name, user_id, session_id, filename)
        number = await _existing(place, version)
        told = None if number is None else await _told_of(place, number)
        return None if told is None else _version(told)

    def _place(self, app_name: str, user_id: str, session_id: str | None, filename: str) -> _Place:
        if filename.startswith(_USER):
            session_id = None
        elif session_id is None:
            raise InputValidationError("Session ID must be provided for session-scoped artifacts.")
        names = _names(app_name, user_id, session_id)
        files = self._store.session(id_of_names(_NAME, names)).files
        return _Place(names, files, f"{_ROOT}/{_folder(filename)}")


def _names(app_name: str, user_id: str, session_id: str | None) -> dict[str, str]:
    names = {"app": app_name, "user": user_id}
    return names if session_id is None else {**names, "session": session_id}


def _folder(filename: str) -> str:
    """One segment of a path for any name. Behind nothing, or nothing but dots, there is a quoted NUL.

    A name that ends with a NUL itself has a hash in its place, as a long one has.
    """
    folder = quote(filename, safe="")
    if not folder.strip("."):
        folder += "%00"
    if len(folder) > _LONGEST or filename.endswith("\0"):
        return f"%%{sha256(filename.encode()).hexdigest()}"
    return folder


def _text(told: _Head | _Told) -> str:
    return msgspec.json.encode(told).decode()


def _raw(model: types.Part | ArtifactVersion, **options: Any) -> msgspec.Raw:
    return msgspec.Raw(model.model_dump_json(exclude_none=True, **options))


def _version(told: _Told) -> ArtifactVersion:
    return ArtifactVersion.model_validate_json(bytes(told.version))


def _head_in(content: str | None) -> _Head:
    return msgspec.json.decode(content or "", type=_Head)


async def _existing(place: _Place, version: int | None) -> int | None:
    """The number of a version that there is, the last one without a number; ``None`` when there is none."""
    head = await place.files.read_file(f"{place.folder}/head.json")
    versions = 0 if head is None else _head_in(head.content).versions
    number = versions - 1 if version is None else version
    return number if 0 <= number < versions else None


async def _told_of(place: _Place, version: int) -> _Told | None:
    found = await place.files.read_file(f"{place.path(version)}.json")
    return None if found is None else msgspec.json.decode(found.content or "", type=_Told)


async def _part_of(place: _Place, version: int) -> types.Part | None:
    """What was saved; ``None`` when it was deleted just now."""
    told, content = await asyncio.gather(
        _told_of(place, version), place.files.read_bytes(place.path(version))
    )
    if told is None:
        return None
    part = types.Part.model_validate_json(bytes(told.part))
    if part.inline_data is not None:
        part.inline_data.data = content
    elif part.file_data is None and content is not None:
        part.text = content.decode("utf-8", "surrogatepass")
    return part


def _split(part: types.Part) -> tuple[msgspec.Raw, bytes | None]:
    """A part without its content, as JSON, and the content."""
    told = _raw(part, exclude={"text": True, "inline_data": {"data"}})
    if part.inline_data is not None:
        return told, part.inline_data.data
    if part.text is not None:
        return told, part.text.encode("utf-8", "surrogatepass")
    if part.file_data is None:
        raise InputValidationError("Not supported artifact type.")
    return told, None


def _mime_type(part: types.Part) -> str | None:
    if part.inline_data is not None:
        return part.inline_data.mime_type
    if part.text is not None:
        return "text/plain"
    is_elsewhere = part.file_data is not None and not artifact_util.is_artifact_ref(part)
    return part.file_data.mime_type if part.file_data is not None and is_elsewhere else None


def _target(
    part: types.Part, app_name: str, user_id: str, session_id: str | None
) -> artifact_util.ParsedArtifactUri:
    """What a reference leads to: ``InputValidationError`` when it is none, or leads out of the scope."""
    uri = part.file_data.file_uri if part.file_data is not None else None
    parsed = artifact_util.parse_artifact_uri(uri or "")
    if parsed is None:
        raise InputValidationError(f"Invalid artifact reference URI: {uri}")
    artifact_util.validate_artifact_reference_scope(
        app_name=app_name, user_id=user_id, session_id=session_id, parsed_uri=parsed
    )
    return parsed
