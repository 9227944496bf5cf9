"""A span and some measurements a call, by OpenTelemetry's semantic conventions for database clients.

What has no word there begins with ``everstore.``. The session is an attribute of spans only: a metric would
have a series for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from everstore import CallRecord

__all__ = ["Telemetry"]

_SCOPE = "everstore"
_SYSTEMS = {"postgres": "postgresql"}  # where the conventions have a name of their own
# Seconds; those that the conventions give for this metric, and some below for what is kept in memory.
_DURATIONS = (0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
_WAITS = (0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
_SIZES = (0, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


class Telemetry:
    """An observer of calls: ``open_store(on_call=Telemetry(...))``, or the plugin ``opentelemetry``."""

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        """Without a provider, the one that is set for the process has it."""
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._durations = meter.create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="Duration of database client operations.",
            explicit_bucket_boundaries_advisory=_DURATIONS,
        )
        self._waits = meter.create_histogram(
            "db.client.connection.wait_time",
            unit="s",
            description="How long a call waited for a connection of the pool, or in the backend's queue.",
            explicit_bucket_boundaries_advisory=_WAITS,
        )
        self._sizes = meter.create_histogram(
            "everstore.operation.size",
            unit="By",
            description="Bytes that a call has read or written.",
            explicit_bucket_boundaries_advisory=_SIZES,
        )

    def __call__(self, record: CallRecord) -> None:
        """Tell of one call; the current context is that of the call."""
        system = _SYSTEMS.get(record.backend, record.backend)
        attributes: dict[str, str] = {
            "db.system.name": system,
            "db.operation.name": record.verb,
            "everstore.role": record.role,
            "everstore.outcome": record.outcome,
        }
        if record.error_code is not None:
            attributes["db.response.status_code"] = record.error_code
        if record.outcome in {"failed", "cancelled"}:
            attributes["error.type"] = record.error_code or record.outcome
        self._measure(record, attributes, system)
        self._trace(record, attributes)

    def _measure(self, record: CallRecord, attributes: dict[str, str], system: str) -> None:
        self._durations.record(record.duration_ns / 1e9, attributes)
        if record.waited_ns:
            self._waits.record(record.waited_ns / 1e9, {"db.client.connection.pool.name": system})
        if record.bytes is not None:
            self._sizes.record(record.bytes, attributes)

    def _trace(self, record: CallRecord, attributes: dict[str, str]) -> None:
        span = self._tracer.start_span(
            f"{record.verb} {record.role}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=record.started_ns,
        )
        if span.is_recording():
            if record.session_id is not None:
                span.set_attribute("everstore.session.id", str(record.session_id))
            if record.bytes is not None:
                span.set_attribute("everstore.operation.size", record.bytes)
            if record.waited_ns:
                span.set_attribute("everstore.operation.waited", record.waited_ns / 1e9)
            if record.outcome == "failed":
                span.set_status(Status(StatusCode.ERROR))
        span.end(record.started_ns + record.duration_ns)
