"""The version of files: it changes whenever they do, and costs little when they don't."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from steadily import DataError
from steadily_files import digests
from steadily_files.steps import CsvFiles

CACHE = Path(".steadily/cache/digests.json")


@pytest.fixture
def inbox(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "inbox"
    folder.mkdir()
    for day in range(3):
        (folder / f"{day}.csv").write_text(f"a\n{day}\n")
    return folder


@pytest.fixture
def read_files(monkeypatch):
    """Record which files are really read."""
    read: list[str] = []
    digest = digests.digest
    monkeypatch.setattr(digests, "digest", lambda path: (read.append(Path(path).name), digest(path))[1])
    return read


@pytest.fixture
def two_seconds_later(monkeypatch):
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 3_000_000_000)


def version() -> dict[str, str]:
    return CsvFiles(path="inbox/*.csv").version()


def test_names_and_content_make_the_version(inbox):
    first = version()
    assert list(first) == ["0.csv", "1.csv", "2.csv"]
    assert all(len(digest) == 16 for digest in first.values())
    assert version() == first
    (inbox / "1.csv").rename(inbox / "9.csv")
    assert list(version()) == ["0.csv", "2.csv", "9.csv"]
    (inbox / "0.csv").write_text("a\n7\n")
    assert version()["0.csv"] != first["0.csv"]
    (inbox / "new.csv").write_text("a\n")
    assert "new.csv" in version()


def test_unchanged_files_are_not_read_again(inbox, read_files, two_seconds_later):
    first = version()
    assert len(read_files) == 3
    assert version() == first
    assert len(read_files) == 3
    (inbox / "1.csv").write_text("a\n1\n2\n")
    assert version() != first
    assert read_files[3:] == ["1.csv"]


def test_a_file_written_just_now_is_not_trusted(inbox, read_files):
    first = version()
    status = (inbox / "1.csv").stat()
    (inbox / "1.csv").write_text("a\n8\n")  # the same size
    os.utime(inbox / "1.csv", ns=(status.st_atime_ns, status.st_mtime_ns))  # and, as within one tick, the same time
    assert version()["1.csv"] != first["1.csv"]


def test_a_change_that_keeps_size_and_time_is_seen(inbox, read_files, two_seconds_later):
    first = version()
    status = (inbox / "1.csv").stat()
    time.sleep(0.02)
    (inbox / "1.csv").write_text("a\n8\n")
    os.utime(inbox / "1.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert version()["1.csv"] != first["1.csv"]


def test_a_time_in_the_future_is_not_trusted(inbox, read_files, two_seconds_later):
    ahead = time.time_ns() + 10**12
    os.utime(inbox / "1.csv", ns=(ahead, ahead))
    version()
    version()
    assert read_files.count("1.csv") == 2
    assert read_files.count("0.csv") == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "\xff\xfe",
        '{"x": 1}',
        '{"x": [[1, 2, 3, 4], 5]}',
        '{"x": [[1, 2, 3], 5, "0"]}',
        "[" * 9999,
    ],
)
def test_a_corrupt_cache_costs_only_time(inbox, content, two_seconds_later):
    first = version()
    CACHE.write_text(content, encoding="latin-1")
    assert version() == first
    assert set(json.loads(CACHE.read_text())) == {str(inbox / f"{day}.csv") for day in range(3)}


def test_entries_of_files_that_are_gone_are_dropped(inbox, two_seconds_later):
    version()
    (inbox / "0.csv").unlink()
    (inbox / "1.csv").write_text("a\n5\n")
    version()
    assert set(json.loads(CACHE.read_text())) == {str(inbox / "1.csv"), str(inbox / "2.csv")}
    assert os.listdir(CACHE.parent) == ["digests.json"]


def test_where_no_cache_can_be_written(inbox):
    Path(".steadily").write_text("a file in its place")
    assert version() == version()


def test_a_file_that_is_gone_meanwhile(inbox):
    with pytest.raises(DataError, match=r"gone\.csv: can't be read: No such file"):
        digests.digests([str(inbox / "gone.csv")])


def test_of_a_thousand_unchanged_files_none_is_read(inbox, two_seconds_later, read_files):
    for day in range(1_000):
        (inbox / f"day-{day}.csv").write_text("a\n1\n")
    first = version()
    assert len(read_files) == 1_003
    read_files.clear()
    assert version() == first
    assert read_files == []
