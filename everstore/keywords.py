"""The keywords of ``open_store``: whose each is, and what was meant by one that is nobody's."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from everstore.errors import SettingsError
from everstore.settings import RENAMED, names_of_secret_files, prefix_of, setting_names, table_name_of
from everstore.sources import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_settings import BaseSettings

__all__ = ["split_keywords"]

_OF_OPENING = ("environment",)


def split_keywords(
    keywords: Mapping[str, Any], models: Mapping[str, type[BaseSettings]], installed: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """``open_store``'s keywords by owner: ``""`` for the core, else the plugin's name.

    ``SettingsError`` with a suggestion for a keyword that no plugin in use has.
    """
    owners: dict[str, tuple[str, str]] = {}
    for owner, model in models.items():
        prefix = prefix_of(model).removeprefix(PREFIX).lower()
        for field in model.model_fields:
            owners.setdefault(f"{prefix}{field}", (owner, field))
        for name in (*setting_names(model, ""), *names_of_secret_files(model, "")):
            owners.setdefault(f"{prefix}{name.lower()}", (owner, name.lower()))
    split: dict[str, dict[str, Any]] = {owner: {} for owner in models}
    for keyword, value in keywords.items():
        if keyword not in owners:
            raise SettingsError(
                f"open_store() has no setting {keyword!r}; {_instead(keyword, owners, models, installed)}"
            )
        owner, field = owners[keyword]
        split[owner][field] = value
    return split


def _instead(keyword: str, owners: Iterable[str], in_use: Iterable[str], installed: Iterable[str]) -> str:
    now = RENAMED.get(keyword.replace("_", ""))
    if now is not None:
        return f"did you mean {'__'.join(now)!r}, its name now?"
    if keyword in {"session", "session_id"}:
        return "a store holds all sessions; store.session(session_id) is one of them"
    bare = keyword.lower().removeprefix(PREFIX.lower())
    names = [*owners, *_OF_OPENING]
    plugin = next((name for name in in_use if bare == table_name_of(name)), None)
    if plugin is not None:
        own = [name for name in owners if name.startswith(f"{bare}_")]
        return f"each setting of plugin {plugin!r} is a keyword: {', '.join(own) or 'there is none'}"
    close = _alike(bare, names) or difflib.get_close_matches(bare, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    idle = {f"{table_name_of(name)}_": name for name in set(installed) - set(in_use)}
    prefix = max((each for each in idle if f"{bare}_".startswith(each)), key=len, default=None)
    if prefix is not None:
        return f"it is of plugin {idle[prefix]!r}, which plays no role; add backend={idle[prefix]!r}"
    return f"known: {', '.join(sorted([*owners, *_OF_OPENING]))}"


def _alike(keyword: str, names: Iterable[str]) -> list[str]:
    """The one name that a keyword is, begins or ends, if there is one."""
    names = list(names)
    if keyword in names:
        return [keyword]
    same = [name for name in names if name.startswith(keyword) or name.endswith(f"_{keyword}")]
    return same if len(same) == 1 else []
