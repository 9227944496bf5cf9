"""LangGraph's own suite of checkpointers, whole: all 81 tests, of what is optional, too."""

from __future__ import annotations

from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES

from everstore import sync
from everstore.adapters.langgraph import EverstoreSaver

TESTS = 81


async def all_hold(store) -> None:
    @checkpointer_test(name="EverstoreSaver")
    async def saver():
        yield EverstoreSaver(store)

    report = await validate(saver)
    results = report.results
    assert [failure for result in results.values() for failure in result.failures] == []
    assert {name for name, result in results.items() if result.passed} == {
        each.value for each in ALL_CAPABILITIES
    }
    assert sum(result.tests_passed for result in results.values()) >= TESTS


async def test_all_that_langgraph_asks_of_a_checkpointer_holds(store):
    await all_hold(store)


async def test_all_of_it_holds_from_another_loop():
    with sync.open_store() as store:
        await all_hold(store)
