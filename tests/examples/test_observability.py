"""Seeing in: OpenTelemetry's instrumentation of aiohttp, and a Prometheus exporter over `on_event`."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from devrev_async import DevRevClient, NotFoundError
from devrev_async.sandbox import Sandbox

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.parametrize("way", ["trace_configs", "instrumentor"])
async def test_opentelemetry_sees_each_attempt_and_no_token(way: str) -> None:
    trace: Any = pytest.importorskip("opentelemetry.sdk.trace")
    export: Any = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory: Any = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    aiohttp_client: Any = pytest.importorskip("opentelemetry.instrumentation.aiohttp_client")

    spans = memory.InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(spans))
    instrumentor = aiohttp_client.AioHttpClientInstrumentor()
    options: dict[str, Any] = {}
    if way == "instrumentor":  # for the whole process, as `opentelemetry-instrument` does it
        instrumentor.instrument(tracer_provider=provider)
    else:  # for one client
        options["trace_configs"] = [aiohttp_client.create_trace_config(tracer_provider=provider)]
    try:
        async with (
            Sandbox(works=20) as sandbox,
            DevRevClient(sandbox.token, base_url=sandbox.url, retry_wait=(0, 0), **options) as devrev,
        ):
            sandbox.fail_next("works.count", status=503)
            await devrev.works.count()
            with pytest.raises(NotFoundError):
                await devrev.works.get("ISS-404404")
            token = sandbox.token
    finally:
        if way == "instrumentor":
            instrumentor.uninstrument()
    found = [
        (
            span.attributes.get("http.method") or span.attributes.get("http.request.method"),
            str(span.attributes.get("http.url") or span.attributes.get("url.full")).rpartition("/")[2],
            span.attributes.get("http.status_code") or span.attributes.get("http.response.status_code"),
        )
        for span in spans.get_finished_spans()
    ]
    assert found == [
        ("POST", "works.count", 503),
        ("POST", "works.count", 200),
        ("GET", "works.get?id=ISS-404404", 404),
    ]
    assert not any(token in span.to_json() for span in spans.get_finished_spans())


async def test_the_prometheus_example_counts_what_the_client_does() -> None:
    prometheus: Any = pytest.importorskip("prometheus_client")
    count_event = runpy.run_path(str(EXAMPLES / "prometheus_events.py"))["count_event"]
    async with (
        Sandbox(works=20) as sandbox,
        DevRevClient(sandbox.token, base_url=sandbox.url, on_event=count_event, retry_wait=(0, 0)) as devrev,
    ):
        sandbox.fail_next("works.count", status=503)
        sandbox.fail_next("works.get", status=429, retry_after=1)
        await devrev.works.count()
        await devrev.works.get("ISS-1")

    def value(name: str, **labels: str) -> float | None:
        found: float | None = prometheus.REGISTRY.get_sample_value(name, labels)
        return found

    for endpoint, refused in (("works.count", "503"), ("works.get", "429")):
        assert value("devrev_responses_total", endpoint=endpoint, status=refused) == 1
        assert value("devrev_responses_total", endpoint=endpoint, status="200") == 1
        assert value("devrev_response_seconds_count", endpoint=endpoint) == 2
    assert value("devrev_in_flight", endpoint="works.get") == 0
    assert value("devrev_wait_seconds_total", kind="pause", endpoint="works.get") == pytest.approx(1)
