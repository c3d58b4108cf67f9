"""Figures and alerts in Prometheus' text form, beside the service's own: gauges that any worker can give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from steadily.monitor.figures import NO_DATA

OF = ["figure", "release", "slot", "slice"]
NAMES = ("steadily_figure", "steadily_figure_rows", "steadily_alerts_firing", "steadily_channel_messages_waiting")


class Exposed:
    """Gives what ``steadily.monitor.telling.told`` tells to a registry of Prometheus' client."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the gauges; a figure that is undefined has none."""
        value = GaugeMetricFamily(NAMES[0], "A figure over the window that is shown, where it is defined.", labels=OF)
        rows = GaugeMetricFamily(NAMES[1], "How many rows or requests a figure is of.", labels=OF)
        for one in self.content["serving"]:
            for slice_, figures in {"": one["figures"], **one["slices"]}.items():
                for name, figure in figures.items():
                    labels = [name, str(one["release"]), one["slot"], slice_]
                    rows.add_metric(labels, figure["n"])
                    if figure["value"] is not None and figure["state"] != NO_DATA:
                        value.add_metric(labels, figure["value"])
        yield from (value, rows)
        yield from (self.firing(), self.waiting())

    def firing(self) -> GaugeMetricFamily:
        """Count the alerts that fire, by rule and whether somebody has acknowledged them."""
        labels = ["rule", "severity", "acknowledged"]
        found: dict[tuple[str, str, str], int] = {}
        for alert in self.content["alerts"]:
            key = (alert["rule"], alert["severity"], "yes" if alert["acknowledged"] else "no")
            found[key] = found.get(key, 0) + 1
        made = GaugeMetricFamily(NAMES[2], "Alerts that fire.", labels=labels)
        for key, count in found.items():
            made.add_metric(list(key), count)
        return made

    def waiting(self) -> GaugeMetricFamily:
        """Count the messages that wait to be delivered, by channel."""
        made = GaugeMetricFamily(NAMES[3], "Messages to a channel that are not delivered.", labels=["channel"])
        for channel in self.content["channels"]:
            made.add_metric([channel["name"]], channel["waiting"])
        return made


def text_of(content: Mapping[str, Any]) -> bytes:
    """Give it in Prometheus' text form."""
    registry = CollectorRegistry()
    registry.register(Exposed(content))
    return bytes(generate_latest(registry))
