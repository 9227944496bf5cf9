"""What a host has core do around a backend is not what is proven."""

from __future__ import annotations


def test_memory_reaches_core_whatever_a_host_has_core_do_around_it(everstore):
    status, out, _ = everstore(
        "memory", "--level", "core", EVERSTORE_WORKSPACE_ALIAS="false", EVERSTORE_LIMITS__FILE_BYTES="1000",
        EVERSTORE_LIMITS__SESSION_KEYS="5", EVERSTORE_MIDDLEWARE="nobody",
    )  # fmt: skip
    assert status == 0, out
    assert out.endswith("level reached: core\n")
