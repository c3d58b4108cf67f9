from __future__ import annotations

from pathlib import Path

import generate
import pytest


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.name)
def test_the_reference_is_what_the_code_says(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == generate.pages()[page], "run: python docs/generate.py"


def test_every_command_and_step_has_its_place() -> None:
    texts = {page.name: text for page, text in generate.pages().items()}
    assert "## steadily why\n" in texts["commands.md"]
    assert "### rows.impute\n" in texts["steps.md"]
    assert "steadily run STAGE" in texts["commands.md"]
