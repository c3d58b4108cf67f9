"""The section ``deploy`` of ``conf/operate.yaml``: what a shadow has to keep before it may go live."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from steadily.settings import Section

Share = Annotated[float, Field(ge=0, le=1)]


class DeploySettings(Section):
    """What the checklist asks for.

    Attributes:
        min_hours: Hours of shadow with traffic.
        max_gap: The longest gap in the traffic, in minutes.
        min_pairs: Requests that both releases attempted.
        max_dropped: The share of requests that the shadow's queue dropped stays below it.
        min_agreement: The lower bound of the share of same answers.
        significance: Below which p-value more errors, or more wrong answers, count.
        max_latency_ratio: The shadow's p95 and p99 to live's.
        load_times: How many times the peak a load test has to have sent.
    """

    min_hours: PositiveFloat = 48.0
    max_gap: NonNegativeInt = 60
    min_pairs: PositiveInt = 1_000
    max_dropped: Share = 0.01
    min_agreement: Share = 0.95
    significance: Share = 0.01
    max_latency_ratio: PositiveFloat = 1.5
    load_times: PositiveFloat = 3.0
