"""Modules that load when they are first needed, on whatever thread that is."""

from __future__ import annotations

import os
import threading

__all__ = ["loading"]

loading = threading.RLock()
"""Held while they load, and while the process forks.

A child that is forked while another thread loads a module finds it half loaded, and waits without end for
that thread, which is not there.
"""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=loading.acquire, after_in_parent=loading.release, after_in_child=loading.release
    )
