"""What answers said, as far as a load test asks: which release gave them, and whether they answered or refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Heard:
    """What was heard so far; ``hear`` is what the sender calls.

    Attributes:
        releases: Answers by the number of the release that gave them.
        predicted: Rows that have a prediction.
        refused: Rows that were refused, by the reason.
        unclear: Answers with status 200 that do not say, for each row, either of this.
    """

    releases: Counter[int] = field(default_factory=Counter)
    predicted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unclear: int = 0

    def hear(self, number: int, status: int, body: bytes) -> None:
        """Take note of an answer.

        >>> heard = Heard()
        >>> heard.hear(0, 200, b'{"release": 3, "answers": [{"prediction": "ham"}]}')
        >>> heard.releases[3], heard.predicted
        (1, 1)
        """
        if status != 200:
            return
        try:
            said = json.loads(body)
            release, answers = int(said["release"]), said["answers"]
            refused = [refusal_of(answer["refused"]) for answer in answers if "refused" in answer]
            predicted = sum("prediction" in answer for answer in answers)
        except (ValueError, KeyError, TypeError, RecursionError):
            self.unclear += 1
            return
        self.releases[release] += 1
        self.predicted += predicted
        self.refused.update(refused)
        self.unclear += predicted + len(refused) < len(answers) or not answers


def refusal_of(refused: dict[str, object]) -> str:
    """Name a refusal by where it came from, without the row's own values."""
    place = ", ".join(str(refused[key]) for key in ("stage", "step", "column") if refused.get(key))
    return place or "refused"
