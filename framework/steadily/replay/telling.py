"""What a replay came to, as lines."""

from __future__ import annotations

from collections.abc import Iterator

from steadily.replay.sending import Sent


def told_sent(sent: Sent, unread: int) -> Iterator[str]:
    """Tell what was sent, and what came of it.

    >>> list(told_sent(Sent(sent=2, passed_us=7_200_000_000), 0))
    ['sent 2: answered 0, refused 0, errors 0; 2.0 hours passed']
    """
    errors = sum(sent.errors.values())
    came = f"answered {sent.heard.predicted:,}, refused {sent.refused:,}, errors {errors:,}"
    yield f"sent {sent.sent:,}: {came}; {sent.passed_us / 3_600e6:,.1f} hours passed"
    for kind, count in sent.errors.most_common():
        yield f"  {kind}: {count:,}"
    for reason, count in sent.heard.refused.most_common():
        yield f"  refused by {reason}: {count:,}"
    if sent.rejected:
        yield f"  refused as a whole: {sent.rejected:,}, the first with {sent.rejection}"
    if sent.heard.releases:
        found = ", ".join(f"release {number} {count:,}" for number, count in sorted(sent.heard.releases.items()))
        yield f"answered by {found}"
    if sent.labels:
        yield f"labels: {sent.labels:,}"
    if unread:
        yield f"rows sent at the time of the row before, as their own can't be read: {unread:,}"
