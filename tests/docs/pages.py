"""The documents as data: their blocks of code, and what a comment above each says is to be done with it.

    <!-- run -->              a bash block that runs in the page's project, and has to succeed
    <!-- run: fails -->       one that has to fail
    <!-- run instead: … -->   one in whose place another command runs
    <!-- serve -->            one that starts a service, which answers until the next such block or the page's end
    <!-- output -->           what the last command prints; … stands for anything, alone on a line for any lines
    <!-- file: PATH -->       a file that is written
    <!-- edit: PATH -->       a diff: its - lines are replaced by its + lines
    <!-- illustration -->     nothing is done with it

A page with blocks that run says near its top, in the same way, which project they run in:
``<!-- project: empty -->``, ``parcels`` (what tutorial/from-an-empty-folder-to-a-report.md comes to) or ``mails``
(the repository's own).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
PROJECT = re.compile(r"^<!-- project: (\w+) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code in a page."""

    page: Path
    line: int
    language: str
    text: str
    kind: str
    argument: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """List all documents."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Give a page's blocks in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        kind, _, argument = (match["mark"] or "").partition(": ")
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, match["language"], match["text"], kind, argument))
    return found


def project_of(page: Path) -> str | None:
    """Name the project that a page's blocks run in."""
    match = PROJECT.search(page.read_text(encoding="utf-8"))
    return match[1] if match else None


def shows(expected: str, printed: str) -> bool:
    """Tell whether what was printed has the expected lines, … standing for anything."""
    lines = [r"(?:.*\n)*?" if line.strip() == "…" else line_pattern(line) for line in expected.splitlines()]
    return re.search("^" + "".join(lines), plain(printed), re.MULTILINE) is not None


def line_pattern(line: str) -> str:
    """Make a pattern of a line."""
    return ".*".join(re.escape(part) for part in line.rstrip().split("…")) + r"\n"


def plain(text: str) -> str:
    """Strip the white space at the ends of lines."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
