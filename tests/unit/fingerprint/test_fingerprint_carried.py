"""What a bundle carries of own code: what the used steps do, and nothing that does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadily.fingerprint import Fingerprints, source_finder
from steadily.fingerprint.carried import carried

SHOP = """\
'''The shop.'''
import pandas as pd
from steadily import step
from words import loud
LIMIT = 3  # at most

@step("shop.shout")
def shout(frame, *, mark="!"):
    '''Shout.'''
    # loudly
    return loud(frame, mark, LIMIT)
"""
WORDS = """\
def loud(values, mark, limit):
    'Make loud.'
    return f"{values}{mark}" * limit

def quiet(values):
    return values
"""
UNUSED = """
@step("shop.more")
def more(frame):
    '''Another one.'''
    return helper(frame)

def helper(frame):
    return frame

if __name__ == "__main__":
    shout(1)
"""


def of(folder: Path, shop: str = SHOP, words: str = WORDS, used: str = "shop.shout") -> dict[str, str]:
    """Give what is carried, and hold that the used step's fingerprint is the same there."""
    (folder / "shop.py").write_text(shop, encoding="utf-8")
    (folder / "words.py").write_text(words, encoding="utf-8")

    def seen(place: Path) -> Fingerprints:
        return Fingerprints(source_finder([place]), lambda name: name in ("shop", "words"))

    before = seen(folder).of("shop", "shout")
    files = {name: folder / name for name in ("shop.py", "words.py")}
    out = carried(files, {used}, before.names)
    (folder / "there").mkdir(exist_ok=True)
    for name, content in out.items():
        (folder / "there" / name).write_bytes(content)
    after = seen(folder / "there").of("shop", "shout")
    assert (after.code, after.packages, after.unresolved) == (before.code, before.packages, before.unresolved)
    return {name: content.decode() for name, content in out.items()}


def test_comments_docstrings_formatting_and_unused_steps_are_left_out(tmp_path: Path) -> None:
    plain = of(tmp_path)
    assert "loudly" not in plain["shop.py"]
    assert "Shout" not in plain["shop.py"]
    assert "quiet" not in plain["words.py"]
    assert of(tmp_path, SHOP + UNUSED) == plain
    assert of(tmp_path, SHOP.replace("# loudly", "# as can be\n"), WORDS.replace("'Make loud.'", "")) == plain


def test_what_is_done_otherwise_is_carried_otherwise(tmp_path: Path) -> None:
    plain = of(tmp_path)
    assert of(tmp_path, SHOP.replace("LIMIT = 3", "LIMIT = 4")) != plain
    assert of(tmp_path, words=WORDS.replace("* limit", "")) != plain
    assert "more" in of(tmp_path, SHOP + UNUSED.replace("def helper", "DEFAULT = more\n\ndef helper"))["shop.py"]


@pytest.mark.parametrize(
    "more",
    [
        "globals()['x'] = 1",
        "@REGISTRY.add\ndef handler(): pass",
        "class Known(Base): pass",
        "TABLE = {'helper_one': 1}\ndef helper_one(): pass",
    ],
)
def test_what_may_be_found_at_run_time_stays(tmp_path: Path, more: str) -> None:
    found = of(tmp_path, f"{SHOP}\n{more}\n")["shop.py"]
    assert more.splitlines()[-1].split("(")[0].split(":")[0] in found.replace('"', "'")


def test_a_module_that_is_taken_whole_is_carried_whole(tmp_path: Path) -> None:
    shop = SHOP.replace("from words import loud", "import words").replace("loud(frame, mark", "words.loud(words, mark")
    assert "quiet" in of(tmp_path, shop)["words.py"]


def test_what_is_no_python_is_carried_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_bytes(b"def (: # one\n")
    (tmp_path / "words.txt").write_bytes(b"\xff # two")
    files = {name: tmp_path / name for name in ("broken.py", "words.txt")}
    assert carried(files, (), ()) == {"broken.py": b"def (: # one\n", "words.txt": b"\xff # two"}
