from __future__ import annotations

from pathlib import Path

import pytest

from steadily.errors import DataError
from steadily.files import digest_of, put_in_place, remove, write_atomically
from steadily.stage.drafts import Drafts


def test_a_text_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    write_atomically(path, "é\n")
    assert path.read_bytes() == b"\xc3\xa9\n"
    assert [found.name for found in path.parent.iterdir()] == ["a.txt"]


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"can't be written: (Not a directory|File exists)"):
        write_atomically(tmp_path / "file" / "a.txt", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="can't be written: Is a directory"):
        write_atomically(tmp_path / "folder", "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("old", ["none", "file", "folder", "link"])
@pytest.mark.parametrize("new", ["file", "folder"])
def test_whatever_is_there_is_replaced(tmp_path: Path, old: str, new: str) -> None:
    final, draft, other = tmp_path / "x" / "final", tmp_path / "x" / "draft", tmp_path / "other"
    final.parent.mkdir()
    other.write_text("kept")
    if old == "folder":
        final.mkdir()
        (final / "old").write_text("old")
    elif old == "file":
        final.write_text("old")
    elif old == "link":
        final.symlink_to(other)
    if new == "folder":
        draft.mkdir()
        (draft / "new").write_text("new")
    else:
        draft.write_text("new")
    if (old, new) in (("file", "folder"), ("link", "folder")):
        remove(final)  # a folder can't take a file's place by itself
    put_in_place(draft, final)
    assert (final / "new" if new == "folder" else final).read_text() == "new"
    assert other.read_text() == "kept"
    assert [path.name for path in final.parent.iterdir()] == ["final"]
    remove(final)
    remove(final)
    assert not final.exists()


def test_a_digest_is_of_the_content(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"x" * 3_000_000)
    other.write_bytes(b"x" * 3_000_000)
    assert digest_of(one) == digest_of(other)
    other.write_bytes(b"x" * 2_999_999 + b"y")
    assert digest_of(one) != digest_of(other)


def test_drafts_become_final_together_or_not_at_all(tmp_path: Path) -> None:
    finals = {"folder": tmp_path / "data" / "a", "file": tmp_path / "reports" / "b.json"}
    left = tmp_path / "data" / ".a.4711.draft"
    left.mkdir(parents=True)
    (tmp_path / "data" / ".a.4711.draft.old").mkdir()
    (tmp_path / "data" / ".a.mine.draft").mkdir()  # not one of ours
    with Drafts(finals) as drafts:
        assert not left.exists()
        drafts.paths["folder"].mkdir()
        drafts.paths["file"].write_text("{}")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [".a.mine.draft"]
    assert list((tmp_path / "reports").iterdir()) == []
    with Drafts(finals) as drafts:
        drafts.paths["folder"].mkdir()
        drafts.commit()
    assert finals["folder"].is_dir()
    assert not finals["file"].exists()
