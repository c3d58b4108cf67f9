"""The section ``loadtest`` of ``conf/operate.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, SecretStr

from steadily.settings import Section

Seconds = Annotated[float, Field(gt=0, le=3600)]


class LimitSettings(Section):
    """What a load test may come to at most; null sets no limit.

    Attributes:
        p95_ms: Milliseconds within which 95 % are answered, from the intended time of sending.
        p99_ms: The same for 99 %.
        max_error_share: The share of requests without a good answer, load that was shed among them.
    """

    p95_ms: PositiveFloat | None = 100.0
    p99_ms: PositiveFloat | None = 250.0
    max_error_share: Annotated[float, Field(ge=0, le=1)] | None = 0.001


class LoadtestSettings(Section):
    """How ``steadily loadtest`` goes about it.

    Attributes:
        peak_per_second: The expected peak, in requests a second; null takes the largest minute of the last 7 days.
        times: How many times the peak is sent.
        duration: For how many seconds.
        arrivals: ``poisson``, as independent clients send, or ``constant``.
        timeout: Seconds after which an answer is given up.
        token: The bearer token of a service that asks for one.
        limits: What it may come to.
    """

    peak_per_second: PositiveFloat | None = None
    times: PositiveFloat = 3.0
    duration: Seconds = 60.0
    arrivals: Literal["poisson", "constant"] = "poisson"
    timeout: Seconds = 10.0
    token: SecretStr | None = None
    limits: LimitSettings = LimitSettings()
