"""Bars as SVG, drawn on the server: sizes are attributes, since the pages' policy refuses styles in the text."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT, FOOT = 480, 130, 4
MOST_BINS = 40


def pairs(labels: Sequence[str], before: Sequence[float], after: Sequence[float], told: str) -> Markup:
    """Draw two distributions side by side, each bin's share before and now.

    Args:
        labels: What each bin holds.
        before: Shares of the reference.
        after: Shares of now.
        told: What is shown, for those who can't see it.
    """
    kept = range(min(len(labels), MOST_BINS))
    largest = max([*before, *after, 1e-12])
    room = WIDTH / max(len(kept), 1)
    wide = max(room * 0.36, 1.0)
    bars = []
    for place in kept:
        left = place * room + room * 0.12
        told_bin = f"{labels[place]}: {100 * before[place]:.1f} % before, {100 * after[place]:.1f} % now"
        bars.append(f"<g><title>{escape(told_bin)}</title>")
        bars.append(bar(left, wide, before[place] / largest, "then"))
        bars.append(bar(left + wide + 1, wide, after[place] / largest, "now"))
        bars.append("</g>")
    return picture(bars, told)


def bar(left: float, wide: float, share: float, kind: str) -> str:
    """Draw a bar from the bottom."""
    high = (HEIGHT - FOOT) * share
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{HEIGHT - FOOT - high:.1f}" '
        f'width="{wide:.1f}" height="{high:.1f}" rx="1.5"/>'
    )


def picture(parts: Sequence[str], told: str) -> Markup:
    """Put parts into a picture."""
    line = f'<line class="foot" x1="0" x2="{WIDTH}" y1="{HEIGHT - FOOT}" y2="{HEIGHT - FOOT}"/>'
    head = f'<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
    return Markup(f'{head} aria-label="{escape(told)}">{"".join(parts)}{line}</svg>')  # noqa: S704 (ours, and escaped)
