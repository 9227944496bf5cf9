"""Every verb beside every other that changes what it looks at or changes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.conformance.acts import ACTS, CHANGING, LOOKING, Act
from everstore.conformance.orders import apart_at_once, at_once, orders, require_an_order
from everstore.conformance.registry import product
from everstore.conformance.scene import Scene
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from everstore.conformance.case import Case

_ONE = {name: (act,) for name, act in CHANGING.items()}


def _files(verb: str, call: Callable[[Scene], Awaitable[object]]) -> Act:
    return Act("file_system", verb, call)


# One more call shows a tree, or a list, of which a part was looked at before and a part after.
_SEVERAL: dict[str, Sequence[Act]] = {
    "writes all over the tree": (
        _files("write_file", lambda at: at.files.write_file("d/0", "first")),
        _files("write_file", lambda at: at.files.write_file("d/4", "second")),
        _files("write_file", lambda at: at.files.write_file("d/sub/f", "third")),
    ),
    "a write, and a deletion, in the tree": (
        _files("append_file", lambda at: at.files.append_file("d/0", "first")),
        _files("delete_file", lambda at: at.files.delete_file("d/sub", recursive=True)),
    ),
    "a directory where a file was": (
        ACTS["delete"],
        _files("create_directory", lambda at: at.files.create_directory("a")),
    ),
    "a file that is read-only now": (
        _files(
            "seed_initial_file",
            lambda at: at.files.seed_initial_file(InitialFile("a", "seed", is_readonly=True)),
        ),
    ),
    "a file where a directory was": (
        _files("delete_file", lambda at: at.files.delete_file("empty")),
        _files("write_file", lambda at: at.files.write_file("empty", "x")),
    ),
    "a file where one shall be": (_files("write_file", lambda at: at.files.write_file("new", "in the way")),),
    "a file where a directory shall be": (
        _files("write_file", lambda at: at.files.write_file("new/d", "in the way")),
    ),
    "a directory that holds something": (
        _files("write_file", lambda at: at.files.write_file("empty/f", "x")),
    ),
    "a file that is moved away": (_files("move_file", lambda at: at.files.move_file("a", "d/0/no")),),
    "a counter set anew": (
        Act("storage", "set_value", lambda at: at.storage.set_value("n", "100")),
        Act("storage", "increment_value", lambda at: at.storage.increment_value("n", 7)),
    ),
    "a counter set for a while": (
        Act(
            "storage",
            "set_value",
            lambda at: at.storage.set_value("n", "7", ttl=3600),
            needs=("time_to_live",),
        ),
    ),
    "values deleted and made": (
        Act("storage", "delete_value", lambda at: at.storage.delete_value("n")),
        Act("storage", "set_value", lambda at: at.storage.set_value("z", "new")),
    ),
    "secrets deleted and made": (
        Act("storage", "delete_secret", lambda at: at.storage.delete_secret("s")),
        Act("storage", "set_secret", lambda at: at.storage.set_secret("z", "new")),
    ),
}
_BESIDE = {**_ONE, **_SEVERAL}


def _turns(act: Act, others: Sequence[Act]) -> list[tuple[int, int]]:
    """Who begins, and how many turns of the loop later the other does.

    What is one act of the table has a check of its own, in which it is the first.
    """
    turns = [(0, 0)]
    if not act.changes or len(others) > 1 or others[0] not in CHANGING.values():
        turns.append((1, 0))
    if act.changes:
        turns.append((0, 1))
    return turns


@product(
    "races.{act}",
    "3.10.1", "4.2.4", "4.3.3", "4.4.3", "4.5.9", "4.6.1", "4.6.3",
    likely="what is there is looked at in one step, and changed, or looked at again, in another",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    empty=dict.fromkeys(
        ("list_records", "list_labelled"),
        "its answer is that of all sessions: concurrency.records_survive asks it",
    ),
)  # fmt: skip
async def race(case: Case, act: Act) -> None:
    """Beside every verb of its kind it ends as before it or after it, answers and all: {act}."""
    capabilities = case.capabilities
    declared = [name for name in capabilities.__struct_fields__ if getattr(capabilities, name)]
    other = await case.open() if capabilities.shared else case.store
    [name] = (name for name, each in ACTS.items() if each is act)
    for beside, others in _BESIDE.items():
        if others[0].role != act.role:
            continue
        possible = await orders(act, others, declared)
        for turns in _turns(act, others):
            scene, theirs = Scene(case.store, case.new_id()), case.random.choice((case.store, other))
            got = await at_once(scene, theirs, act, others, turns, case.trace.paused)
            require_an_order((name, beside), possible, got)


_APART = 2
"""Of the verbs of each other kind, so many are called beside each; all of them are called beside several."""


@product(
    "races.apart.{act}",
    "3.10.1",
    likely="files, values and records have a lock each, and what is written holds all of a session",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    empty=dict.fromkeys(
        LOOKING.keys() - {"swap"},
        "it changes nothing, and what it shows is changed by verbs of its kind only",
    ),
)
async def race_apart(case: Case, act: Act) -> None:
    """Beside verbs of another kind in the same session, neither undoes the other: {act}."""
    capabilities = case.capabilities
    declared = [name for name in capabilities.__struct_fields__ if getattr(capabilities, name)]
    clients = [case.store, await case.open() if capabilities.shared else case.store]
    [name] = (name for name, each in ACTS.items() if each is act)
    kinds: dict[str, list[str]] = {}
    for each, other in CHANGING.items():
        kinds.setdefault(other.role, []).append(each)
    del kinds[act.role]
    for beside in (each for kind in kinds.values() for each in case.random.sample(kind, _APART)):
        acts = (act, CHANGING[beside])
        alone = [await orders(each, (), declared) for each in acts]
        for turns in ((0, 0), (0, 1), (1, 0)):
            scene, theirs = Scene(case.store, case.new_id()), case.random.choice(clients)
            got = await apart_at_once(scene, theirs, acts, turns, case.trace.paused)
            for each, possible, outcome in zip((name, beside), alone, got, strict=True):
                require_an_order((each, f"another kind's, of {name} and {beside}"), possible, outcome)
