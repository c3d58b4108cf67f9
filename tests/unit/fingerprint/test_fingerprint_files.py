"""Files that a step declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadily import PluginError
from steadily.fingerprint import Fingerprint, fingerprint, source_finder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pkg/words").mkdir(parents=True)
    (tmp_path / "pkg/steps.py").write_text("def f(): pass")
    (tmp_path / "pkg/stop.txt").write_text("a\n")
    (tmp_path / "pkg/words/en.txt").write_text("the\n")
    (tmp_path / "pkg/words/de.txt").write_text("der\n")
    return tmp_path


def of(folder: Path, *files: str) -> Fingerprint:
    return fingerprint("pkg.steps", "f", source_finder([folder]), files=files)


def test_a_file_counts_by_its_content(folder: Path) -> None:
    before = of(folder, "stop.txt")
    assert set(before.files) == {"pkg/stop.txt"}
    (folder / "pkg/stop.txt").write_text("b\n")
    after = of(folder, "stop.txt")
    assert before.files != after.files
    assert before.code == after.code


@pytest.mark.parametrize("change", ["content", "name", "more", "less", "moved text"])
def test_a_folder_counts_with_all_its_files(folder: Path, change: str) -> None:
    before, words = of(folder, "words"), folder / "pkg/words"
    if change == "content":
        (words / "en.txt").write_text("The\n")
    elif change == "name":
        (words / "en.txt").rename(words / "us.txt")
    elif change == "more":
        (words / "deep").mkdir()
        (words / "deep/empty.txt").touch()
    elif change == "less":
        (words / "en.txt").unlink()
    else:
        (words / "de.txt").write_text("der\nthe\n")
        (words / "en.txt").write_text("")
    assert before.files != of(folder, "words").files


def test_compiled_leftovers_do_not_count(folder: Path) -> None:
    before = of(folder, "words")
    (folder / "pkg/words/__pycache__").mkdir()
    (folder / "pkg/words/__pycache__/x.pyc").write_bytes(b"x")
    assert before == of(folder, "words")


def test_none_declared_is_none(folder: Path) -> None:
    assert of(folder).files == {}


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(PluginError, match=r"files='lost\.txt'.*does not exist"):
        of(folder, "stop.txt", "lost.txt")


def test_an_absolute_path_is_refused(folder: Path) -> None:
    with pytest.raises(PluginError, match="has to be relative"):
        of(folder, str(folder / "pkg/stop.txt"))
