"""What a limit refuses is told in the same words, whichever backend counts."""

from __future__ import annotations

import pytest

import everstore
from everstore import errors

LIMITS = {
    "file_bytes": (9, "file '/new' would have 10 bytes"),
    "session_entries": (3, "the session with '/d/e/f/g' would have 4 files and directories"),
    "session_bytes": (12, "the session's files with '/old' would have 13 bytes"),
    "session_keys": (1, "the session with 'new' would have 2 values and secrets"),
    "session_value_bytes": (8, "the session's values and secrets with 'k' would have 9 bytes"),
}


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_limit_s_refusal_has_the_same_words_on_every_backend(backend, session_id, limit):
    allowed, words = LIMITS[limit]
    async with everstore.open_store(**backend, limits={limit: allowed}) as store:
        work = store.session(session_id)
        call = {
            "file_bytes": lambda: work.files.append_file("new", "1234567890"),
            "session_entries": lambda: work.files.write_file("d/e/f/g", ""),
            "session_bytes": lambda: work.files.edit_file("old", "x", "1234567"),
            "session_keys": lambda: work.storage.set_secret("new", "x"),
            "session_value_bytes": lambda: work.storage.increment_value("k", 99_999_990),
        }[limit]
        if limit.startswith("session_"):
            await work.files.write_file("old", "x" if limit == "session_bytes" else "")
            await work.files.write_file("more", "123456" if limit == "session_bytes" else "")
            await work.storage.set_value("k", "9")
        if limit == "session_entries":
            await work.files.delete_file("old")
            await work.files.delete_file("more")
        with pytest.raises(errors.QuotaExceededError) as caught:
            await call()
        own = " or create_session(limits=)" if limit.startswith("session_") else ""
        assert str(caught.value) == f"{words}; EVERSTORE_LIMITS__{limit.upper()}{own} allows {allowed}"
        assert caught.value.allowed == allowed
