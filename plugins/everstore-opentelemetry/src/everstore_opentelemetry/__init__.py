"""Spans and metrics of every call: ``EVERSTORE_OBSERVERS=opentelemetry``."""

from everstore_opentelemetry.telemetry import Telemetry

__all__ = ["Telemetry"]
