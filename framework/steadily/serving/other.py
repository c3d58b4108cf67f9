"""The process of a release beside the live one: reads requests, a line of JSON each, and writes its answers.

Started by ``beside``, and ends with it. Its priority is low from its first line on, for one that is lost is begun again
and again, its memory bounded: it takes next to nothing from the one that answers.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

LOWER = 15  # of 19: under full load it has a thirtieth of what the live one has


def main() -> None:
    """Answer requests until there are no more."""
    os.nice(LOWER)
    given = json.loads(sys.argv[1])
    bound = int(given["memory_mb"]) << 20
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    from steadily.process import compute_alike, die_with_parent

    die_with_parent()
    compute_alike()
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a step prints is no answer
    try:
        from steadily.features.online import project_features
        from steadily.serving.scoring import Release

        # Looked up where the live release does: what is compared has read the same.
        features = None if given["project"] is None else project_features(Path(given["project"]))
        folder = Path(given["folder"])
        release = Release.open(given["number"], folder, way=given["way"], most_rows=1_000_000, features=features)
    except Exception as error:  # whatever keeps it from serving is told, and is its own matter
        tell(out, {"error": f"{type(error).__name__}: {error}"})
        return
    tell(out, {"ready": True})
    for line in sys.stdin.buffer:
        tell(out, {"requests": [answered(release, rows) for rows in json.loads(line)]})


def answered(release: Any, rows: list[Any]) -> dict[str, Any]:
    """Answer one request: of each row the outcome, what was said, and the probabilities by class."""
    from steadily.serving.requests import RequestError

    start = time.perf_counter_ns()
    try:
        found = [told(answer, release.classes) for answer in release.answer(release.reader.read(rows))]
    except RequestError as error:
        found = [["refused", f"{error.what}: {error.problems[0]['what'] if error.problems else ''}", None]] * len(rows)
    except Exception as error:  # its failure is what is counted
        found = [["error", type(error).__name__, None]] * len(rows)
    return {"answers": found, "us": (time.perf_counter_ns() - start) / 1_000}


def told(answer: Any, classes: list[str]) -> list[Any]:
    """Give an answer as plain values."""
    if answer.outcome == "answered":
        shares = None if answer.probabilities is None else dict(zip(classes, answer.probabilities, strict=True))
        return [answer.outcome, str(answer.prediction), shares]
    return [answer.outcome, answer.refusal.reason if answer.refusal else "", None]


def tell(out: Any, content: dict[str, Any]) -> None:
    """Write a line."""
    out.write(json.dumps(content).encode() + b"\n")


if __name__ == "__main__":
    main()
