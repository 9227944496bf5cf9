"""The search for an order that explains a history: known histories, and brute force."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everstore.conformance.linearizability import Operation, explain_history
from everstore.conformance.objects import counter, names, register


def history(*lines):
    """Operations of ``(client, action, argument, answer, invoked, answered)``."""
    return [Operation(*line) for line in lines]


def one_after_the_other(*calls):
    """Operations of ``(action, argument, answer)``, each called after the one before was answered."""
    return [
        Operation("a", action, argument, answer, 2 * at, 2 * at + 1)
        for at, (action, argument, answer) in enumerate(calls)
    ]


LINEARIZABLE = {
    "nothing": (register, []),
    "a read that overlaps a write sees the state before it": (
        register,
        history(("a", "write", "x", "r1", 0, 10), ("b", "read", None, None, 1, 2)),
    ),
    "a read that overlaps a write sees the state after it": (
        register,
        history(("a", "write", "x", "r1", 0, 10), ("b", "read", None, ["x", "r1"], 1, 2)),
    ),
    # Herlihy and Wing's queue made a register: the order of the answers is not that of the calls.
    "three writes that overlap, read in an order of their own": (
        register,
        history(
            ("a", "write", "x", "r1", 0, 9), ("b", "write", "y", "r2", 1, 8), ("c", "write", "z", "r3", 2, 7),
            ("d", "read", None, ["z", "r3"], 3, 4), ("d", "read", None, ["x", "r1"], 5, 6),
            ("d", "read", None, ["y", "r2"], 10, 11),
        ),
    ),
    "one winner of two conditional writes": (
        register,
        history(
            ("a", "write", "x", "r1", 0, 1),
            ("a", "write_if", ["y", "r1"], {"revision": "r2"}, 2, 5),
            ("b", "write_if", ["z", "r1"], {"conflict": "r2"}, 3, 4),
        ),
    ),
    "exclusive creation, deletion and creation": (
        register,
        one_after_the_other(
            ("write_if", ["x", None], {"revision": "r1"}), ("write_if", ["y", None], {"conflict": "r1"}),
            ("delete", None, True), ("delete", None, False), ("write_if", ["y", None], {"revision": "r2"}),
            ("append", "z", [2, "r3"]), ("match", ["y", "w"], None), ("match", ["yz", "w"], "r4"),
            ("read", None, ["w", "r4"]),
        ),
    ),
    "an unknown write that happened, much later": (
        register,
        history(
            ("a", "write", "x", "r1", 0, 1), ("b", "write", "y", None, 2, None),
            ("a", "read", None, ["x", "r1"], 3, 4), ("a", "read", None, ["y", "r2"], 5, 6),
            ("a", "write_if", ["z", "r2"], {"revision": "r3"}, 7, 8),
        ),
    ),
    "an unknown write that never happened": (
        register,
        history(
            ("a", "write", "x", "r1", 0, 1), ("b", "write", "y", None, 2, None),
            ("a", "read", None, ["x", "r1"], 3, 4),
        ),
    ),
    "unknown calls of every kind": (
        register,
        history(
            ("a", "write_if", ["x", None], None, 0, None), ("b", "append", "y", None, 1, None),
            ("c", "match", ["xy", "z"], None, 2, None), ("d", "read", None, None, 3, None),
            ("a", "read", None, ["z", "r1"], 4, 5), ("e", "delete", None, None, 6, None),
            ("a", "read", None, None, 7, 8),
        ),
    ),
    "a touch that was at it when the time was over, and others looked before its commit": (
        register,
        history(
            ("a", "write", "1000", "r1", 0, 1), ("a", "end", "1000", None, 0, None),
            ("b", "touch", None, True, 2, 9), ("a", "stat", None, None, 3, 4),
            ("a", "write_if", ["1001", "never"], {"conflict": "r1"}, 5, 12),
            ("c", "get", None, "1000", 10, 11), ("c", "delete", None, True, 13, 14),
        ),
    ),
    "edited, taken away, counted and over": (
        register,
        one_after_the_other(
            ("edit", ["x", "y"], "missing"), ("write", "xx", "r1"), ("edit", ["x", "y"], "no match"),
            ("edit", ["xx", "y"], ["y", "r2"]), ("take", None, "y"), ("take", None, None), ("add", 3, 3),
            ("write", "5000", "r3"), ("add", 2, 5002), ("get", None, "5002"),
        ),
    ),
    "a number whose time to live ends after it was counted": (
        register,
        history(
            ("a", "end", "5000", None, 0, None), ("a", "write", "5000", None, 1, 2),
            ("b", "add", 2, 5002, 3, 4),
            ("b", "get", None, None, 5, 6), ("b", "add", 2, 2, 7, 8),
        ),
    ),
    "a counter": (
        counter,
        history(
            ("a", "add", 1, 3, 0, 9), ("b", "add", 2, 2, 1, 8), ("c", "read", None, None, 2, 3),
            ("c", "read", None, 3, 4, 10), ("c", "add", 5, None, 11, None), ("c", "read", None, 8, 12, 13),
        ),
    ),
    "names": (
        names,
        history(
            ("a", "add", "x", True, 0, 1), ("a", "rename", ["x", "y"], "done", 2, 5),
            ("b", "list", None, ["x"], 3, 4), ("b", "list", None, ["y"], 6, 7),
            ("a", "rename", ["x", "y"], "missing", 8, 9), ("a", "add", "x", True, 10, 11),
            ("a", "rename", ["x", "y"], "exists", 12, 13), ("b", "remove", "z", False, 12, 13),
            ("c", "list", None, None, 13, None), ("b", "remove", "x", True, 14, 15),
            ("a", "add", "y", False, 16, 17),
        ),
    ),
}  # fmt: skip

NOT_LINEARIZABLE = {
    "a stale read": (
        register,
        one_after_the_other(("write", "x", "r1"), ("write", "y", "r2"), ("read", None, ["x", "r1"])),
    ),
    "a read of what is not written yet": (
        register,
        one_after_the_other(("read", None, ["x", "r1"]), ("write", "x", "r1")),
    ),
    "two reads of an overlapping write in the wrong order": (
        register,
        history(
            ("a", "write", "x", "r1", 0, 9), ("b", "read", None, ["x", "r1"], 1, 2),
            ("b", "read", None, None, 3, 4),
        ),
    ),
    "two winners of one revision": (
        register,
        history(
            ("a", "write", "x", "r1", 0, 1),
            ("a", "write_if", ["y", "r1"], {"revision": "r2"}, 2, 5),
            ("b", "write_if", ["z", "r1"], {"revision": "r3"}, 3, 4),
        ),
    ),
    "two creators": (
        register,
        history(
            ("a", "write_if", ["y", None], {"revision": "r2"}, 2, 5),
            ("b", "write_if", ["z", None], {"revision": "r3"}, 3, 4),
        ),
    ),
    "a conflict with the revision that was asked for": (
        register,
        one_after_the_other(("write", "x", "r1"), ("write_if", ["y", "r1"], {"conflict": "r1"})),
    ),
    "a conflict with nothing, where something is": (
        register,
        one_after_the_other(("write", "x", "r1"), ("write_if", ["y", "r9"], {"conflict": None})),
    ),
    "a match that was there": (
        register,
        one_after_the_other(("write", "x", "r1"), ("match", ["x", "y"], None)),
    ),
    "a match that was not there": (
        register,
        one_after_the_other(("write", "x", "r1"), ("match", ["y", "z"], "r2")),
    ),
    "a lost append": (
        register,
        history(("a", "append", "x", [1, "r1"], 0, 2), ("b", "append", "y", [1, "r2"], 1, 3)),
    ),
    "an edit of what was there": (
        register,
        one_after_the_other(
            ("write", "x", "r1"), ("write", "y", "r2"), ("edit", ["x", "z"], ["z", "r3"]),
        ),
    ),
    "something taken away that is still there": (
        register,
        one_after_the_other(("write", "x", "r1"), ("take", None, "x"), ("read", None, ["x", "r1"])),
    ),
    "what was set anew is over with what was there": (
        register,
        history(
            ("a", "end", "5000", None, 0, None), ("a", "write", "5000", None, 1, 2),
            ("a", "write", "6000", None, 3, 4), ("b", "get", None, None, 5, 6),
        ),
    ),
    "something deleted twice": (
        register,
        history(
            ("a", "write", "x", "r1", 0, 1),
            ("a", "delete", None, True, 2, 5), ("b", "delete", None, True, 3, 4),
        ),
    ),
    "an unknown write that happened and did not": (
        register,
        history(
            ("a", "write", "x", "r1", 0, 1), ("b", "write", "y", None, 2, None),
            ("a", "read", None, ["y", "r2"], 3, 4), ("a", "read", None, ["x", "r1"], 5, 6),
        ),
    ),
    "an unknown write with two revisions": (
        register,
        history(
            ("b", "write", "y", None, 2, None), ("a", "read", None, ["y", "r2"], 3, 4),
            ("a", "read", None, ["y", "r3"], 5, 6),
        ),
    ),
    "an unknown write before it was called": (
        register,
        history(("a", "read", None, ["y", "r1"], 0, 1), ("b", "write", "y", None, 2, None)),
    ),
    "a lost increment": (counter, history(("a", "add", 1, 1, 0, 2), ("b", "add", 1, 1, 1, 3))),
    "a counter that goes back": (counter, one_after_the_other(("add", 1, 1), ("read", None, None))),
    "a name that is gone while it is renamed": (
        names,
        history(
            ("a", "add", "x", True, 0, 1), ("a", "rename", ["x", "y"], "done", 2, 5),
            ("b", "list", None, [], 3, 4),
        ),
    ),
    "a name that is there twice while it is renamed": (
        names,
        history(
            ("a", "add", "x", True, 0, 1), ("a", "rename", ["x", "y"], "done", 2, 5),
            ("b", "list", None, ["x", "y"], 3, 4),
        ),
    ),
    "a name removed by two": (
        names,
        history(
            ("a", "add", "x", True, 0, 1), ("a", "remove", "x", True, 2, 4), ("b", "remove", "x", True, 3, 5),
        ),
    ),
    "a name made by two": (
        names, history(("a", "add", "x", True, 0, 2), ("b", "add", "x", True, 1, 3)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("known", LINEARIZABLE)
def test_an_order_is_found(known):
    apply, operations = LINEARIZABLE[known]
    verdict = explain_history(operations, apply)
    assert verdict.is_linearizable
    assert not verdict.stuck
    required = [operation for operation in operations if not operation.is_unknown]
    assert [operation for operation in required if operation not in verdict.order] == []


@pytest.mark.parametrize("known", NOT_LINEARIZABLE)
def test_no_order_is_found(known):
    apply, operations = NOT_LINEARIZABLE[known]
    verdict = explain_history(operations, apply)
    assert not verdict.is_linearizable
    assert verdict.stuck


def test_what_is_stuck_is_told():
    verdict = explain_history(
        one_after_the_other(("write", "x", "r1"), ("read", None, ["x", "r1"]), ("read", None, ["y", "r1"])),
        register,
    )
    assert [str(operation) for operation in verdict.order] == [
        "a: write('x') -> 'r1'",
        "a: read() -> ['x', 'r1']",
    ]
    assert [str(operation) for operation in verdict.stuck] == ["a: read() -> ['y', 'r1']"]
    assert verdict.state == ("x", "r1")


def test_an_unknown_outcome_is_told_as_such():
    assert str(Operation("a", "write", "x", None, 1)) == "a: write('x') -> ?"


def test_many_clients_and_many_operations_take_no_time():
    # Eight clients, two hundred rounds in which all of them overlap, answered in an order of their own.
    clients, rounds = 8, 200
    operations = []
    for turn in range(rounds):
        for client in range(clients):
            place = turn * clients + (client * 5 + turn) % clients + 1
            operations.append(
                Operation(f"{client}", "add", 1, place, turn * 100 + client, turn * 100 + 50 + client)
            )
    assert explain_history(operations, counter).is_linearizable
    operations[-1] = Operation(
        "0", "add", 1, clients * rounds - 1, (rounds - 1) * 100, (rounds - 1) * 100 + 99
    )
    assert not explain_history(operations, counter).is_linearizable


# -- against brute force -------------------------------------------------------------------------------


def by_brute_force(operations, apply) -> bool:
    """Every order of every choice of unknown operations, tried in turn."""
    known = [operation for operation in operations if not operation.is_unknown]
    unknown = [operation for operation in operations if operation.is_unknown]
    return any(
        in_time(order) and possible(order, apply)
        for count in range(len(unknown) + 1)
        for happened in combinations(unknown, count)
        for order in permutations([*known, *happened])
    )


def in_time(order) -> bool:
    return not any(
        later.answered is not None and later.answered < earlier.invoked
        for at, earlier in enumerate(order)
        for later in order[at + 1 :]
    )


def possible(order, apply) -> bool:
    states = {None}
    for operation in order:
        states = {after for state in states for after in apply(state, operation)}
    return bool(states)


CONTENT = st.sampled_from("xy")
REVISION = st.sampled_from(["r1", "r2", "r3"])
SEEN = st.none() | st.tuples(CONTENT, REVISION).map(list)
CALLS = {
    register: st.one_of(
        st.tuples(st.just("read"), st.none(), SEEN),
        st.tuples(st.just("write"), CONTENT, REVISION),
        st.tuples(
            st.just("write_if"),
            st.tuples(CONTENT, st.none() | REVISION).map(list),
            REVISION.map(lambda revision: {"revision": revision})
            | (st.none() | REVISION).map(lambda revision: {"conflict": revision}),
        ),
        st.tuples(st.just("match"), st.tuples(CONTENT, CONTENT).map(list), st.none() | REVISION),
        st.tuples(st.just("append"), CONTENT, st.tuples(st.integers(1, 3), REVISION).map(list)),
        st.tuples(st.just("delete"), st.none(), st.booleans()),
    ),
    counter: st.one_of(
        st.tuples(st.just("add"), st.integers(1, 2), st.integers(1, 4)),
        st.tuples(st.just("read"), st.none(), st.none() | st.integers(1, 3)),
    ),
    names: st.one_of(
        st.tuples(st.sampled_from(["add", "remove"]), CONTENT, st.booleans()),
        st.tuples(st.just("rename"), st.just(["x", "y"]), st.sampled_from(["done", "missing", "exists"])),
        st.tuples(st.just("list"), st.none(), st.sampled_from([[], ["x"], ["y"], ["x", "y"]])),
    ),
}


@st.composite
def histories(draw, apply):
    operations = []
    for client in range(draw(st.integers(1, 5))):
        action, argument, answer = draw(CALLS[apply])
        invoked, lasted = draw(st.integers(0, 8)), draw(st.none() | st.integers(0, 5))
        operations.append(
            Operation(f"{client}", action, argument, None, invoked)
            if lasted is None
            else Operation(f"{client}", action, argument, answer, invoked, invoked + lasted)
        )
    return operations


@pytest.mark.parametrize("apply", CALLS, ids=lambda apply: apply.__name__)
def test_the_search_agrees_with_brute_force(apply):
    answers = set()

    @given(histories(apply))
    def agree(operations):
        expected = by_brute_force(operations, apply)
        answers.add(expected)
        assert explain_history(operations, apply).is_linearizable is expected

    agree()
    assert answers == {True, False}
