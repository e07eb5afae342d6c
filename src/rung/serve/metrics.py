"""Figures for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from rung.serve.worker import Worker

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """Counted by model (names that are served, and nothing that a client makes up)."""

    def __init__(self, worker: Worker):
        self.registry = CollectorRegistry()
        r = self.registry
        self.requests = Counter("rung_requests", "Requests answered", ["model", "route"], registry=r)
        self.tokens = Counter("rung_tokens", "Tokens read (cached: before), written", ["model", "kind"], registry=r)
        self.first = Histogram(
            "rung_first_token_seconds", "Until the first part of an answer", ["model"], buckets=SECONDS, registry=r
        )
        self.seconds = Histogram(
            "rung_request_seconds", "Until the end of an answer", ["model"], buckets=SECONDS, registry=r
        )
        self.refused = Counter("rung_refusals", "Requests refused or failed, by status", ["status"], registry=r)
        self.left = Counter("rung_clients_left", "Requests whose client left before the end", registry=r)
        batch = worker.many.batch
        for name, told, value in (
            ("rung_sequences_running", "Sequences that are being written", lambda: batch.running),
            ("rung_jobs_waiting", "Prompts and labels that wait for room", lambda: len(batch.waiting)),
            ("rung_requests_open", "Requests that are not answered yet", lambda: len(worker.visits)),
            ("rung_tokens_held", "Tokens of memory that running sequences may come to hold", lambda: batch.held),
            ("rung_tokens_held_most", "The most that rung_tokens_held may be", lambda: batch.tokens),
            ("rung_steps", "Steps of the engine since it began", lambda: worker.steps),
            ("rung_adaptations", "Adaptations that are served", lambda: len(worker.many.members)),
        ):
            Gauge(name, told, registry=r).set_function(value)

    def page(self) -> bytes:
        return generate_latest(self.registry)
