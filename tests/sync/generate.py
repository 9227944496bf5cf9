"""Writes the verbs of everstore.sync: ``python tests/sync/generate.py``; a test compares."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_overloads

from msgspec import UNSET

from everstore import interfaces, session, store
from everstore.middleware.base import verbs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

FOLDER = Path(__file__).parents[2] / "everstore" / "sync"
WIDTH = 110


class Face(NamedTuple):
    """A class to write: the one whose verbs it has, and the one that documents and types them."""

    name: str
    of: type
    promised: type

    def verbs(self) -> Iterator[tuple[str, Callable[..., object]]]:
        """The verbs, as they are promised."""
        for verb in verbs_of(self.promised, "", ""):
            if hasattr(self.of, verb.name):
                yield verb.name, getattr(self.promised, verb.name)

    def signature(self, verb: Callable[..., object]) -> inspect.Signature:
        """How the verb is called here; a session's verbs know its id."""
        signature = inspect.signature(verb)
        is_bound = self.of is not self.promised
        kept = [each for each in signature.parameters.values() if not is_bound or each.name != "session_id"]
        return signature.replace(parameters=kept)


FILES = {
    "interfaces.py": (
        "The verbs of the interfaces without ``await``.",
        [
            Face("OpenFileSystem", interfaces.OpenFileSystem, interfaces.OpenFileSystem),
            Face("SessionStorageStore", interfaces.SessionStorageStore, interfaces.SessionStorageStore),
            Face("SessionStore", interfaces.SessionStore, interfaces.SessionStore),
            Face("SecretRotation", interfaces.SecretRotation, interfaces.SecretRotation),
        ],
    ),
    "bound.py": (
        "The verbs of a store and of one session without ``await``.",
        [
            Face("BoundFiles", session.BoundFiles, interfaces.OpenFileSystem),
            Face("BoundStorage", session.BoundStorage, interfaces.SessionStorageStore),
            Face("BoundVerbs", session.BoundSession, session.BoundSession),
            Face("StoreVerbs", store.Store, store.Store),
        ],
    ),
}

HEAD = '''\
"""{summary}

Generated from those by tests/sync/generate.py: do not edit.
"""

# ruff: noqa: FBT001, FBT002 - the signatures are those of the interfaces

from __future__ import annotations

{imports}
__all__ = [{names}]
'''

CAPABILITIES = '''\
    @property
    def capabilities(self) -> Capabilities:
        """What the backend claims."""
        return self._asynchronous.capabilities
'''

# Where names in annotations come from: the first module that has one. What none has is builtin.
SOURCES = (
    "collections.abc",
    "typing",
    "uuid",
    "msgspec",
    "everstore.models",
    "everstore.changes",
    "everstore.session_limits",
    "everstore.settings",
)


def text_of(file: str) -> str:
    """The text of a module."""
    summary, faces = FILES[file]
    names = ", ".join(f'"{face.name}"' for face in sorted(faces))
    head = HEAD.format(summary=summary, imports=_imports(faces), names=names)
    return "\n\n".join((head, *map(_class, faces)))


def _class(face: Face) -> str:
    own = f'    """``{_module(face)}.{face.of.__name__}``, each verb of which waits for its answer."""\n'
    verbs = [_verb(face, name, verb) for name, verb in face.verbs()]
    if hasattr(face.of, "capabilities"):
        verbs.insert(0, CAPABILITIES)
    base = f"Face[{_module(face)}.{face.of.__name__}]"
    return "\n".join((f"class {face.name}({base}):\n{own}\n    __slots__ = ()\n", *verbs))


def _module(face: Face) -> str:
    """The name in everstore where the class is found."""
    return face.of.__module__.split(".")[1]


def _verb(face: Face, name: str, verb: Callable[..., object]) -> str:
    overloads = "".join(
        f"    @overload\n{_definition(name, face.signature(each))} ...\n\n" for each in get_overloads(verb)
    )
    signature = face.signature(verb)
    document = "\n".join(f"        {line}".rstrip() for line in (inspect.getdoc(verb) or "").splitlines())
    passed = [
        f"{each.name}={each.name}" if each.kind is each.KEYWORD_ONLY else each.name
        for each in list(signature.parameters.values())[1:]
    ]
    call = _fitting(f"self._asynchronous.{name}(", passed, ")", 16)
    answer = f"self._loop.run({call.strip()})"
    if len(answer) > WIDTH - 15:
        answer = f"self._loop.run(\n{_fitting(f'self._asynchronous.{name}(', passed, ')', 12)}\n        )"
    end = '\n        """' if "\n" in document else '"""'
    body = f'        """{document.strip()}{end}\n        return {answer}\n'
    return f"{overloads}{_definition(name, signature)}\n{body}"


def _definition(name: str, signature: inspect.Signature) -> str:
    parts: list[str] = []
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        annotation = "" if each.annotation is each.empty else f": {each.annotation}"
        default = "" if each.default is each.empty else f" = {_shown(each.default)}"
        parts.append(f"{each.name}{annotation}{default}")
    return _fitting(f"def {name}(", parts, f") -> {signature.return_annotation}:", 4)


def _shown(default: object) -> str:
    if default is UNSET or default is ...:
        return "UNSET" if default is UNSET else "..."
    return json.dumps(default) if isinstance(default, str) else repr(default)


def _fitting(begin: str, parts: list[str], end: str, indent: int) -> str:
    """A call or a definition as the formatter writes it: on one line, in three, or a part a line."""
    space = " " * indent
    line = f"{space}{begin}{', '.join(parts)}{end}"
    if len(line) <= WIDTH:
        return line
    inner = f"{space}    {', '.join(parts)}"
    if len(inner) > WIDTH:
        inner = ",\n".join(f"{space}    {part}" for part in parts) + ","
    return f"{space}{begin}\n{inner}\n{space}{end}"


def _imports(faces: list[Face]) -> str:
    promised = [verb for face in faces for _, verb in face.verbs()]
    signatures = [inspect.signature(each) for verb in promised for each in (verb, *get_overloads(verb))]
    words = set(re.findall(r"\w+", " ".join(map(str, signatures))))
    named: dict[str, set[str]] = defaultdict(set)
    for word in words:
        source = next((each for each in SOURCES if word in _exported(each)), None)
        if source is not None and word != "Any":
            named[source].add(word)
    modules = {_module(face) for face in faces}
    now = {"typing": {"TYPE_CHECKING"}, "everstore": modules, "everstore.sync.loop": {"Face"}}
    if any(get_overloads(verb) for verb in promised):
        now["typing"].add("overload")
    if any(hasattr(face.of, "capabilities") for face in faces):
        named["everstore.interfaces"].add("Capabilities")
    if "UNSET" in named["msgspec"]:
        now["msgspec"] = {"UNSET"}
        named["msgspec"].discard("UNSET")
    return f"{_lines(now)}\nif TYPE_CHECKING:\n{_lines(named, 4)}"


def _exported(source: str) -> Collection[str]:
    module = importlib.import_module(source)
    names: Collection[str] = getattr(module, "__all__", vars(module))
    return names


def _lines(named: dict[str, set[str]], indent: int = 0) -> str:
    """Lines of imports as the linter sorts them: Python's own modules, others, everstore's."""
    groups: list[list[str]] = [[], [], []]
    for source in sorted(named):
        if named[source]:
            names = sorted(named[source], key=lambda name: (not name.isupper(), name))
            line = f"{' ' * indent}from {source} import {', '.join(names)}\n"
            if len(line) > WIDTH:
                each = "".join(f"{' ' * indent}    {name},\n" for name in names)
                line = f"{' ' * indent}from {source} import (\n{each}{' ' * indent})\n"
            groups[("everstore" in source) * 2 or int(source == "msgspec")].append(line)
    return "\n".join("".join(group) for group in groups if group)


def main() -> None:
    """Write the modules."""
    for file in FILES:
        (FOLDER / file).write_text(text_of(file))


if __name__ == "__main__":
    main()
