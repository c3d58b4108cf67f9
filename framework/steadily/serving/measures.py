"""Figures of the running service for Prometheus, added up over all workers.

Owns their names. Each worker writes its own into files of one folder, and whichever is asked adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from steadily.lookups import FeatureSet, Outcome
from steadily.serving.settings import FIGURES

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Measures:
    """The figures of one worker."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry

        def counter(name: str, told: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(name, told, labels, registry=registry)

        self.requests = counter("steadily_requests", "Requests answered, by route and status.", ("route", "status"))
        self.rows = counter("steadily_rows", "Rows, by release and what came of them.", ("release", "outcome"))
        self.seconds = Histogram(
            "steadily_answer_seconds",
            "Time from the request's head to its answer.",
            ("release",),
            buckets=SECONDS,
            registry=registry,
        )
        self.shed = counter("steadily_requests_shed", "Requests shed with 503 since too many rows waited.")
        self.timeouts = counter("steadily_requests_timed_out", "Requests that had no answer in time.")
        self.log_written = counter("steadily_log_rows_written", "Answers written into the prediction log.")
        self.lookups = counter(
            "steadily_feature_lookups",
            "Rows looked up in the online store to be answered, by feature set, version and what was found.",
            ("feature_set", "version", "outcome"),
        )
        self.log_lost = counter("steadily_log_rows_lost", "Answers that the prediction log lost.")
        self.log_waiting = self.gauge("steadily_log_rows_waiting", "Answers that wait to be written.")
        self.queued = self.gauge("steadily_queue_rows", "Rows that wait for an answer.")
        self.release = Gauge(
            "steadily_live_release",
            "The number of the release that answers.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )

    def gauge(self, name: str, told: str) -> Gauge:
        """Make a gauge that is summed over the workers that live."""
        return Gauge(name, told, registry=self.registry, multiprocess_mode="livesum")

    def looked_up(self, described: FeatureSet, counts: Mapping[Outcome, int]) -> None:
        """Count lookups."""
        for outcome, count in counts.items():
            self.lookups.labels(described.name, described.version, outcome).inc(count)

    def text(self) -> bytes:
        """Give the figures of all workers in Prometheus' text form."""
        if os.environ.get(FIGURES):
            together = CollectorRegistry()
            MultiProcessCollector(together)  # type: ignore[no-untyped-call]
            return bytes(generate_latest(together))
        return bytes(generate_latest(self.registry))
