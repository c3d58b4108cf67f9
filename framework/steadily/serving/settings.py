"""The section ``serve`` of ``conf/operate.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr

from steadily.settings import Section

FIGURES = "PROMETHEUS_MULTIPROC_DIR"  # the folder that all workers keep figures in
LIVE = "live"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ServeSettings(Section):
    """How requests are answered.

    Attributes:
        host: The address to listen on; others than this machine reach it only where it is not loopback.
        port: The port.
        workers: Processes that answer side by side.
        model_name: The model's name in the Open Inference Protocol.
        tokens: Bearer tokens, separated by commas, for all but prediction and health; from the environment:
            ``${oc.env:STEADILY_TOKENS}``. Without any, such a request has to come from this machine.
        protect_predictions: Whether prediction and health ask for a token too.
        most_rows: Rows in one request.
        most_bytes: Bytes in the body of one request.
        body_seconds: How long a client may take to send its body.
        answer_seconds: How long an answer may take.
        queued_rows: Rows that may wait; a request beyond is shed with 503.
        batch_rows: Rows of several requests that are answered together.
        log_seconds: How long an answer may wait to be written into the prediction log.
        log_buffer: Answers that are kept where the database is away; what comes beyond is counted as lost.
        sample_inputs: The share of requests whose inputs are kept in the log, 0 to 1.
        redact: Columns that are never kept.
        beside_queue: Requests that wait for a release beside the live one; what comes beyond is dropped and counted.
        beside_memory_mb: The memory that the process of a release beside may have.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: PositiveInt = 1
    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")] = "model"
    tokens: SecretStr | None = None
    protect_predictions: bool = False
    most_rows: PositiveInt = 1_000
    most_bytes: PositiveInt = 5_000_000
    body_seconds: PositiveFloat = 10.0
    answer_seconds: PositiveFloat = 10.0
    queued_rows: PositiveInt = 2_000
    batch_rows: PositiveInt = 64
    log_seconds: PositiveFloat = 0.5
    log_buffer: PositiveInt = 100_000
    sample_inputs: Annotated[float, Field(ge=0, le=1)] = 0.01
    redact: tuple[str, ...] = ()
    beside_queue: PositiveInt = 2_000
    beside_memory_mb: Annotated[int, Field(ge=256)] = 4_096
