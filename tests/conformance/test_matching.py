"""The model beside a backend: which revision of the one a mark of the other stands for."""

from __future__ import annotations

import pytest

from everstore.changes import SetValue
from everstore.conformance.case import Mismatch
from everstore.conformance.matching import Matching, Pair, Step
from everstore.conformance.model import Model
from everstore.errors import RevisionConflictError
from everstore.models import new_session_id


def conflict(current_revision):
    return RevisionConflictError("not as expected", current_revision=current_revision)


async def test_a_revision_that_only_a_refused_list_has_made_is_any_new_one(memory):
    matching = Matching()
    matching.require_alike("change_values", conflict("mark 7"), conflict("abc"))
    matching.require_alike("change_values", conflict(None), conflict(None))
    with pytest.raises(Mismatch, match="a new one"):
        matching.require_alike("change_values", conflict("mark 7"), conflict(None))
    with pytest.raises(Mismatch, match="None"):
        matching.require_alike("change_values", conflict(None), conflict("abc"))


async def test_a_list_of_changes_of_which_one_finds_what_another_made_is_answered_alike(memory):
    changes = [SetValue("a", "1"), SetValue("a", "2", if_revision="never")]
    async with memory.open() as store:
        step = Step("storage", "change_values", (new_session_id(), changes))
        error = await Pair(Model()).call(store, step)
    assert isinstance(error, RevisionConflictError)
