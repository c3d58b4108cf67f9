"""What commands print."""

from __future__ import annotations

import sys


def say(lines: list[str]) -> None:
    """Print lines."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
