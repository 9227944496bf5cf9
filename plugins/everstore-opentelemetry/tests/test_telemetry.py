"""Spans and metrics, as the SDK's exporters get them."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import everstore
from everstore import errors
from everstore_opentelemetry import Telemetry


class Told:
    """What the exporters were given."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider(metric_readers=[self.reader])

    @property
    def telemetry(self) -> Telemetry:
        return Telemetry(self.tracer_provider, self.meter_provider)

    def points(self) -> dict[str, list]:
        """The data points by the metric's name."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def record(**facts: Any) -> everstore.CallRecord:
    """A call of some kind."""
    call = {
        "verb": "get_value", "role": "storage", "backend": "memory", "session_id": None, "started_ns": 10**18,
        "duration_ns": 3_000_000, "waited_ns": 0, "outcome": "ok", "error_code": None, "bytes": None,
    }  # fmt: skip
    return everstore.CallRecord(**(call | facts))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(autouse=True)
def _clean_room(monkeypatch, tmp_path) -> None:
    for name in os.environ:
        if name.startswith("EVERSTORE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "off")
    monkeypatch.chdir(tmp_path)


async def test_a_call_is_a_span_in_that_of_its_caller(told):
    session_id = everstore.new_session_id()
    async with everstore.open_store(on_call=told.telemetry) as store:
        with told.tracer_provider.get_tracer("host").start_as_current_span("request") as request:
            await store.file_system.write_file(session_id, "a.txt", "four")
            await asyncio.gather(store.storage.get_value(session_id, "k"))
    written, got, _ = sorted(told.spans.get_finished_spans(), key=lambda span: span.end_time)
    assert [written.name, got.name] == ["write_file file_system", "get_value storage"]
    for span in (written, got):
        assert span.kind is SpanKind.CLIENT
        assert span.parent.span_id == request.get_span_context().span_id
        assert span.instrumentation_scope.name == "everstore"
        assert request.start_time <= span.start_time <= span.end_time
    assert dict(written.attributes) == {
        "db.system.name": "memory",
        "db.operation.name": "write_file",
        "everstore.role": "file_system",
        "everstore.outcome": "ok",
        "everstore.session.id": str(session_id),
        "everstore.operation.size": 4,
    }


def test_outcomes(told):
    for outcome, code in (("refused", "invalid_key"), ("failed", "backend_error"), ("cancelled", None)):
        told.telemetry(record(outcome=outcome, error_code=code))
    refused, failed, cancelled = told.spans.get_finished_spans()
    assert refused.status.status_code is cancelled.status.status_code is StatusCode.UNSET
    assert refused.attributes["db.response.status_code"] == "invalid_key"
    assert "error.type" not in refused.attributes
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["error.type"] == "backend_error"
    assert cancelled.attributes["error.type"] == "cancelled"


async def test_what_no_span_shows(told):
    work = everstore.new_session_id()
    async with everstore.open_store(on_call=told.telemetry) as store:
        await store.storage.set_secret(work, "hunter2", "hunter2")
        await store.file_system.write_file(work, "hunter2", "hunter2")
        with pytest.raises(errors.EditError):
            await store.file_system.edit_file(work, "hunter2", "hunter3", "x")
    spans = told.spans.get_finished_spans()
    assert len(spans) == 3
    assert "hunter" not in "".join(span.to_json() for span in spans)


async def test_durations_and_sizes_are_histograms_without_sessions(told):
    async with everstore.open_store(on_call=told.telemetry) as store:
        for number in range(5):
            await store.storage.set_value(everstore.new_session_id(), "k", "x" * number)
        with pytest.raises(errors.InvalidKeyError):
            await store.storage.set_value(everstore.new_session_id(), "", "x")
    points = told.points()
    assert set(points) == {"db.client.operation.duration", "everstore.operation.size"}
    counts = {
        (point.attributes["everstore.outcome"], point.count)
        for point in points["db.client.operation.duration"]
    }
    assert counts == {("ok", 5), ("refused", 1)}
    [sizes] = points["everstore.operation.size"]
    assert (sizes.count, sizes.sum) == (5, 10)
    assert {name for points_ in points.values() for point in points_ for name in point.attributes} == {
        "db.system.name", "db.operation.name", "everstore.role", "everstore.outcome",
        "db.response.status_code",
    }  # fmt: skip


def test_what_a_call_waited_is_measured_by_pool(told):
    told.telemetry(record(backend="postgres", waited_ns=2_000_000))
    [waits] = told.points()["db.client.connection.wait_time"]
    assert dict(waits.attributes) == {"db.client.connection.pool.name": "postgresql"}
    assert waits.sum == 0.002
    [span] = told.spans.get_finished_spans()
    assert (span.start_time, span.end_time) == (10**18, 10**18 + 3_000_000)


async def test_as_a_plugin_it_takes_the_providers_of_the_process(told):
    trace.set_tracer_provider(told.tracer_provider)
    metrics.set_meter_provider(told.meter_provider)
    async with everstore.open_store(observers="opentelemetry") as store:
        await store.sessions.list_sessions()
    [span] = told.spans.get_finished_spans()
    assert span.name == "list_sessions sessions"
    assert "everstore.session.id" not in span.attributes
    assert set(told.points()) == {"db.client.operation.duration"}
