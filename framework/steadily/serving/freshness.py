"""How old features are, for Prometheus: gauges that any worker gives, whole, since they are asked of the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from steadily.errors import DatabaseError
from steadily.rollout.freshness import Freshness, Read

NAMES = AGE, PUBLISHED = ("steadily_feature_age_seconds", "steadily_feature_published")
LABELS = ["feature_set", "version", "release", "slot"]


class Exposed:
    """Gives what was read of feature sets to a registry of Prometheus' client."""

    def __init__(self, read: Sequence[Read], now_us: int) -> None:
        self.read, self.now_us = read, now_us

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the gauges; of a store that does not answer there are none."""
        age = GaugeMetricFamily(AGE, "How old the newest values are that a release reads.", labels=LABELS)
        published = GaugeMetricFamily(PUBLISHED, "Whether the version that a release reads is there.", labels=LABELS)
        for one in self.read:
            labels = [one.found.name, one.found.version, str(one.release), one.slot]
            seconds = one.found.age(self.now_us)
            if seconds is not None:
                age.add_metric(labels, seconds)
            if one.found.published is not None:
                published.add_metric(labels, float(one.found.published))
        yield from (age, published)


def text_of(freshness: Freshness, now_us: int) -> bytes:
    """Give it in Prometheus' text form; nothing where the database is away, which is told elsewhere."""
    try:
        read = freshness.read()
    except DatabaseError:
        return b""
    registry = CollectorRegistry()
    registry.register(Exposed(read, now_us))
    return bytes(generate_latest(registry))
