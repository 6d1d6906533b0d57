"""What the client does, as Prometheus metrics: `DevRevClient(on_event=count_event)`.

It needs ``pip install devrev-async prometheus_client``.
"""

from prometheus_client import Counter, Gauge, Histogram

from devrev_async import ClientEvent

IN_FLIGHT = Gauge("devrev_in_flight", "Requests that were sent and have no end yet", ["endpoint"])
RESPONSES = Counter("devrev_responses", "Requests that have ended; no status: no answer", ["endpoint", "status"])
SECONDS = Histogram("devrev_response_seconds", "From a request to its end", ["endpoint"])
WAITS = Counter("devrev_wait_seconds", "Waits before a request: retries, pauses, the quota", ["kind", "endpoint"])


def count_event(event: ClientEvent) -> None:
    """Counts one event of the client."""
    if event.kind == "request":
        IN_FLIGHT.labels(event.endpoint).inc()
    elif event.kind == "response":
        IN_FLIGHT.labels(event.endpoint).dec()
        RESPONSES.labels(event.endpoint, str(event.status or "")).inc()
        SECONDS.labels(event.endpoint).observe(event.duration)
    else:
        WAITS.labels(event.kind, event.endpoint).inc(event.delay)
