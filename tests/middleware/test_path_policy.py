"""Policies about paths: what may not be read is not there, and what may not be written stays."""

from __future__ import annotations

from itertools import product

from hypothesis import HealthCheck, given, settings
from policy_calls import (
    NAMES,
    SEEDS,
    SESSION,
    Switch,
    answer,
    call_at_random,
    call_of,
    globs_of,
    is_refused,
    look_of,
    plant,
    tree_of,
    whole,
)

import everstore
from everstore.changes import Copy, Move
from everstore.conformance.model.plain import glob_selects
from everstore.middleware import PathPolicy

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
BELOW = ["/" + "/".join(parts) for size in (1, 2, 3, 4) for parts in product(NAMES, repeat=size)]


def parents(path):
    return [path[:at] for at in range(1, len(path)) if path[at] == "/"]


def sees(path, *, is_directory, allowed, denied):
    """Whether an entry is there for who may read this: by the words of the documentation."""
    if any(glob_selects(glob, each) for glob in denied for each in (*parents(path), path)):
        return False
    if allowed is None or any(glob_selects(glob, path) for glob in allowed):
        return True
    below = [each for each in BELOW if each.startswith(f"{path}/")] + [f"{path}/{name}" for name in NAMES]
    return is_directory and any(glob_selects(glob, each) for glob in allowed for each in below)


def opened(*layers):
    return everstore.open_store(environment={}, middleware=list(layers))


@FEW
@given(SEEDS)
async def test_what_may_not_be_read_is_not_there(random):
    tree, allowed, denied = tree_of(random), random.choice([None, globs_of(random)]), globs_of(random)
    switch = Switch()
    async with (
        opened(PathPolicy(allowed, deny_read=denied, sessions=switch)) as store,
        opened() as without,
    ):
        await plant(store, tree)
        for path, (content, _) in (await whole(store)).items():
            if sees(path, is_directory=content is None, allowed=allowed, denied=denied):
                await plant(without, {path: content})
        switch.on = True
        for _ in range(40):
            verb, arguments, options = look_of(random)
            there = getattr(store.file_system, verb)(SESSION, *arguments, **options)
            expected = getattr(without.file_system, verb)(SESSION, *arguments, **options)
            assert await answer(there) == await answer(expected), (verb, arguments, options)


@FEW
@given(SEEDS)
async def test_what_is_denied_stays_and_is_not_told_of(random):
    tree, allowed = tree_of(random), random.choice([None, None, globs_of(random)])
    deny_read, deny_write = globs_of(random), globs_of(random)
    switch = Switch()
    policy = PathPolicy(allowed, deny_read=deny_read, deny_write=deny_write, sessions=switch)
    async with opened(policy) as store:
        await plant(store, tree)
        before = await whole(store)
        hidden = {
            path
            for path, (content, _) in before.items()
            if not sees(path, is_directory=content is None, allowed=allowed, denied=deny_read)
        }
        unwritten = {
            path
            for path, (content, _) in before.items()
            if not sees(path, is_directory=content is None, allowed=None, denied=deny_write)
        }
        for _ in range(12):
            change = call_at_random(random)
            switch.on = True
            named = [change] if not isinstance(change, list) else change
            told = await answer(call_of(store, change))
            switch.on = False
            after = await whole(store)
            for path in hidden | unwritten:
                assert after.get(path) == before[path], (change, path, told)
            places = {place for each in named for place in each.places()}
            known = places | {above for place in places for above in parents(place)}
            for each in named:  # and where what is seen would come to be
                if isinstance(each, (Copy, Move)):
                    taken = [path for path in before.keys() - hidden if path.startswith(f"{each.source}/")]
                    known |= {each.destination + path[len(each.source) :] for path in taken}
            assert not any(repr(path) in str(told) for path in hidden - known), (told, hidden)
            if is_refused(told, "PolicyError"):
                assert after == before
            before = after


@FEW
@given(SEEDS)
async def test_what_is_allowed_is_done_as_without_a_policy(random):
    deny_read, deny_write = globs_of(random), globs_of(random)
    policy = PathPolicy(deny_read=deny_read, deny_write=deny_write)
    async with opened(policy) as store, opened() as plain_store:
        tree = {
            path: text
            for path, text in tree_of(random).items()
            if sees(path, is_directory=text is None, allowed=None, denied=[*deny_read, *deny_write])
        }
        await plant(store, tree)
        await plant(plain_store, tree)
        for _ in range(12):
            change = call_at_random(random)
            told = await answer(call_of(store, change))
            if is_refused(told, "PolicyError"):
                continue
            expected = await answer(call_of(plain_store, change))
            if isinstance(change, list) and is_refused(told):  # of several reasons another may be told
                assert is_refused(expected)
                assert told[2]["index"] == expected[2]["index"]
            else:
                assert told == expected, change
            there = {path: content for path, (content, _) in (await whole(store)).items()}
            assert there == {path: content for path, (content, _) in (await whole(plain_store)).items()}
