"""The hook: everstore's calls go to the providers that the host has set for the whole process."""

from __future__ import annotations

from everstore import hookimpl
from everstore_opentelemetry.telemetry import Telemetry


@hookimpl
def everstore_observers() -> Telemetry:
    """Spans and metrics."""
    return Telemetry()
