"""Names that somebody meant as settings: which are right, which are misspelt, which are none of ours.

A file is named by whoever opens the store, so everything in it has to be understood. The environment is
shared with others: there a name counts as misspelt only when it resembles a setting.
"""

from __future__ import annotations

import difflib
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from everstore.errors import SettingsError
from everstore.secret_files import is_secret_file
from everstore.settings import (
    RENAMED,
    CommandLineSettings,
    EverstoreSettings,
    names_of_secret_files,
    nested_model,
    plugin_prefix,
    prefix_of,
    setting_names,
    table_name_of,
)
from everstore.sources import PREFIX, Sources, shown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic import BaseModel
    from pydantic_settings import BaseSettings

    Model = type[BaseModel]
    LoadModel = Callable[[str], "type[BaseSettings] | None"]

__all__ = ["check_environment", "check_file", "strangers"]

_TEST_PREFIX = f"{PREFIX}TEST_"  # points test suites to servers; no setting of a store
_CORE = (EverstoreSettings, CommandLineSettings)
_ALL = "'everstore settings' lists them all"
_MOST_PROBLEMS = 5

# What Kubernetes and Docker put into a container for each service beside it, whatever its name begins with.
_SERVICE = re.compile(
    r"(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_[A-Z]+(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_URL = re.compile(r"(?:tcp|udp|sctp)://", re.IGNORECASE)


def check_environment(
    sources: Sources, models: Iterable[type[BaseSettings]], in_use: Iterable[str], installed: Iterable[str]
) -> dict[str, list[str]]:
    """``SettingsError`` with the right name for every misspelt one in the environment.

    ``models`` are those of the plugins in use. Answers with the settings of installed plugins that are
    not in use, by plugin.
    """
    known = set(_known([*_CORE, *models]))
    owners = {plugin_prefix(name): name for name in installed}
    used = set(in_use)
    unused: dict[str, list[str]] = {}
    problems: dict[str, str] = {}
    for name, value in sources.variables.items():
        if name in known or name.startswith(_TEST_PREFIX) or _is_of_a_service(name, value):
            continue
        prefix = max((each for each in owners if name.startswith(each)), key=len, default="")
        if prefix and owners[prefix] not in used:
            unused.setdefault(owners[prefix], []).append(name)
            continue
        right = _meant(name, prefix, known, owners)
        if right is not None:
            problems[name] = f"{shown_name(name)} in the environment is no setting; {right}"
    _refuse(problems or dict(_disagreements(sources.variables, [*_CORE, *models])))
    return unused


def _disagreements(
    variables: Mapping[str, str], models: Iterable[type[BaseSettings]]
) -> Iterator[tuple[str, str]]:
    """What a table that is given as JSON says otherwise than one of its settings by itself."""
    for table, nested in (each for model in models for each in _tables(model, prefix_of(model))):
        try:
            said = json.loads(variables.get(table) or "{}")
        except ValueError:  # whoever reads it tells
            continue
        for name in setting_names(nested, f"{table}__"):
            at = said
            for part in name.removeprefix(f"{table}__").lower().split("__"):
                at = at.get(part) if isinstance(at, dict) else None
            if at is not None and str(at) != (variables.get(name) or str(at)):
                told = f"{table} and {name} in the environment are one setting with two values"
                yield name, f"{told}; take it out of one of them"


def strangers(sources: Sources, models: Iterable[type[BaseSettings]], installed: Iterable[str]) -> list[str]:
    """The names in the environment that begin like settings, and are none of anybody's here."""
    known = set(_known([*_CORE, *models]))
    owned = (_TEST_PREFIX, *map(plugin_prefix, installed))
    return [
        name
        for name, value in sources.variables.items()
        if name not in known and not name.startswith(owned) and not _is_of_a_service(name, value)
    ]


def _is_of_a_service(name: str, value: str) -> bool:
    bare = name.removeprefix(PREFIX)
    if bare.endswith("PORT") and _SERVICE_URL.match(value):  # a bare number may be meant as a setting
        return True
    return _SERVICE.fullmatch(bare) is not None


def _meant(name: str, prefix: str, known: set[str], owners: Mapping[str, str]) -> str | None:
    """What a name that is no setting should have been, as a hint; ``None`` when it resembles nothing."""
    now = RENAMED.get(_squeezed((name,)))
    if now is not None:
        return f"did you mean {PREFIX}{'__'.join(now).upper()}, its name now?"
    ours = prefix or (f"{PREFIX}LIMITS_" if name.startswith(f"{PREFIX}LIMITS_") else "")
    if ours:  # nobody else's for certain
        among = [other.removeprefix(ours) for other in known if other.startswith(ours)]
        close = difflib.get_close_matches(name.removeprefix(ours), among, n=1, cutoff=0.5)
        return f"did you mean {ours}{close[0]}?" if close else _ALL
    near = _nearest(name, known)
    if near is not None:
        return f"did you mean {near}?"
    first, _, rest = name.removeprefix(PREFIX).partition("_")
    plugins = {each.removeprefix(PREFIX).removesuffix("_"): each for each in owners}
    close = difflib.get_close_matches(first, plugins, n=1, cutoff=0.8)
    return f"did you mean {plugins[close[0]]}{rest}?" if close and rest else None


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """The setting that a name resembles: almost the same letters, or the same words with some left out."""
    wanted, words = _letters(name), _words(name)
    best, nearest = 0.8, None
    for other in sorted(known):
        similarity = difflib.SequenceMatcher(None, wanted, _letters(other)).ratio()
        if similarity >= best:
            best, nearest = similarity + 1e-9, other
    if nearest is not None:
        return nearest
    for other in setting_names(EverstoreSettings, PREFIX):
        its = _words(other)
        if (words and its[: len(words)] == words) or (len(words) > 1 and its[-len(words) :] == words):
            return other
    return None


def _words(name: str) -> list[str]:
    return [word for word in name.removeprefix(PREFIX).split("_") if word]


def _letters(name: str) -> str:
    return "".join(_words(name))


def _known(models: Iterable[type[BaseSettings]]) -> Iterator[str]:
    """The environment names of all settings, and of the tables that may be given as JSON."""
    for model in models:
        prefix = prefix_of(model)
        yield from setting_names(model, prefix)
        yield from names_of_secret_files(model, prefix)
        yield from (name for name, _ in _tables(model, prefix))


@lru_cache
def _tables(model: Model, prefix: str) -> tuple[tuple[str, Model], ...]:
    tables: list[tuple[str, Model]] = []
    for name, field in model.model_fields.items():
        nested = nested_model(field.annotation)
        if nested:
            tables.append((f"{prefix}{name.upper()}", nested))
            tables += _tables(nested, f"{prefix}{name.upper()}__")
    return tuple(tables)


def check_file(
    sources: Sources, in_use: Iterable[str], installed: Sequence[str], load: LoadModel
) -> list[str]:
    """``SettingsError`` with the right spelling for everything in the settings file that is not understood.

    ``load`` answers with the settings of an installed plugin, ``None`` when they cannot be had. Answers
    with the installed plugins that have a table there and are not in use.
    """
    if not sources.table:
        return []
    tables = {table_name_of(name): name for name in installed}
    used = set(in_use)
    named = [table for table in sources.table if table in tables]
    meant = [table for table in tables if any(_is_below(table, name) for name in sources.table)]
    models = {table: load(tables[table]) for table in {*named, *meant, *map(table_name_of, used)}}
    page = _Page(sources.table, {table: model for table, model in models.items() if model}, tables)
    file = shown_name(str(sources.file_name))
    _refuse({wrong: f"{wrong} in {file} {why}" for wrong, why in page.problems()})
    return [tables[table] for table in named if tables[table] not in used]


class _Page:
    """A settings file beside what it may say."""

    def __init__(
        self,
        table: Mapping[str, Any],
        models: Mapping[str, type[BaseSettings]],
        plugins: Mapping[str, str],
    ) -> None:
        self._table = table
        self._models = models
        self._plugins = plugins
        self._core: dict[str, Any] = {
            name: field
            for model in _CORE
            for name, field in model.model_fields.items()
            if name != "config_file"
        }
        # By the words of its path, how a setting is written in a file.
        self._right: dict[str, str] = {}
        for name, field in self._core.items():
            self._learn((), name, nested_model(field.annotation))
        for name, model in models.items():
            self._learn((), name, model)

    def _learn(self, tables: tuple[str, ...], name: str, model: Model | None) -> None:
        path = (*tables, name)
        self._right[_squeezed(path)] = f"[{'.'.join(path)}]" if model else _written(path)
        for inner, field in model.model_fields.items() if model else ():
            self._learn(path, inner, nested_model(field.annotation))

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is not understood, and why with the remedy."""
        for name, value in self._table.items():
            if name in self._plugins and (isinstance(value, dict) or name not in self._core):
                model = self._models.get(name)
                if not isinstance(value, dict):
                    yield shown_name(name), f"is a table: write [{name}], and its settings below it"
                elif model is not None:
                    yield from self._inside((name,), model.model_fields, value)
                continue
            yield from self._inside((), self._core, {name: value})

    def _inside(
        self, tables: tuple[str, ...], fields: Mapping[str, Any], section: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        for name, value in section.items():
            path = (*tables, name)
            if is_secret_file(name, fields):
                continue
            if name not in fields:
                yield shown_name(_header(path, value)), f"is no setting; {self._hint(path, value)}"
                continue
            model = nested_model(fields[name].annotation)
            if model is not None and isinstance(value, dict):
                yield from self._inside(path, model.model_fields, value)
            elif model is not None:
                yield _written(path), f"is a table: write [{'.'.join(path)}], and its settings below it"

    def _hint(self, path: tuple[str, ...], value: object) -> str:
        whole, is_table = _squeezed(path), isinstance(value, dict)
        if whole == "configfile":
            return f"a settings file is named by {PREFIX}CONFIG_FILE or open_store(config_file=...)"
        if is_table and whole in {"", "tool"}:
            return "settings stand at the top level of this file, those of a plugin in its own table"
        if whole in RENAMED:
            return f"did you mean {_written(RENAMED[whole])}, its name now?"
        near = self._meant(path, value)
        if near:
            return near
        if is_table and not path[1:]:
            return f"no plugin of that name is installed; the tables are {self._all_tables()}"
        return _ALL

    def _meant(self, path: tuple[str, ...], value: object) -> str | None:
        near = self._right.get(_squeezed(path)) or self._in_unread_table(path)
        above = self._right.get(_squeezed(path[1:])) if path[1:] else None
        if above and not near:
            return f"did you mean {above}? what stands below [{shown_name(path[0])}] belongs to it"
        is_table = isinstance(value, dict)
        near = near or self._parted(path, value) or self._near(path, is_table=is_table) or self._only(path)
        return f"did you mean {shown_name(near)}?" if near else None

    def _in_unread_table(self, path: tuple[str, ...]) -> str | None:
        """Where a setting belongs of a plugin whose settings nobody has loaded."""
        words = _parts(path)
        for table in sorted(self._plugins.keys() - self._models.keys(), key=len, reverse=True):
            if _is_below(table, *path):
                return f"[{table}] {'_'.join(words[len(_parts((table,))) :])}"
        return None

    def _parted(self, path: tuple[str, ...], value: object) -> str | None:
        """The setting whose words somebody took apart into a table and what is in it."""
        inner = value if isinstance(value, dict) else {}
        return next(
            (
                self._right[_squeezed((*path, name))]
                for name in inner
                if _squeezed((*path, name)) in self._right
            ),
            None,
        )

    def _only(self, path: tuple[str, ...]) -> str | None:
        """The one setting of this name in any table."""
        same = [it for it in self._right.values() if it.endswith(f"] {path[-1]}")]
        return same[0] if len(same) == 1 else None

    def _near(self, path: tuple[str, ...], *, is_table: bool) -> str | None:
        start, whole = _squeezed(path[:-1]), _squeezed(path)
        right = {words[len(start) :]: it for words, it in self._right.items() if words.startswith(start)}
        if is_table:
            right = {words: it for words, it in right.items() if it.endswith("]")}
        if is_table and not start:
            right |= {_squeezed((table,)): f"[{table}]" for table in self._plugins}
        close = difflib.get_close_matches(whole.removeprefix(start), right, n=1, cutoff=0.6)
        return right[close[0]] if close else None

    def _all_tables(self) -> str:
        nested = [name for name, field in self._core.items() if nested_model(field.annotation)]
        return ", ".join(f"[{name}]" for name in sorted({*nested, *self._plugins}))


def _written(path: tuple[str, ...]) -> str:
    return f"[{'.'.join(path[:-1])}] {path[-1]}" if path[1:] else path[-1]


def _header(path: tuple[str, ...], value: object) -> str:
    return f"[{'.'.join(path)}]" if isinstance(value, dict) else _written(path)


def _parts(path: tuple[str, ...]) -> list[str]:
    """The words of a path, without what it says twice: our name, or that of its table."""
    words = [word for part in path for word in re.split(r"[^a-z0-9]+", part.lower()) if word]
    words = [word for word in words if word != "everstore"]
    return [word for before, word in zip(["", *words], words, strict=False) if word != before]


def _is_below(table: str, *path: str) -> bool:
    """Whether a path begins with the words of a plugin's table, and goes on."""
    its, words = _parts((table,)), _parts(path)
    return words[: len(its)] == its and words != its


def _squeezed(path: tuple[str, ...]) -> str:
    return "".join(_parts(path))


def _refuse(problems: Mapping[str, str]) -> None:
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        told = [*problems.values()][:_MOST_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        raise SettingsError("; ".join(told), problems=dict(problems))
