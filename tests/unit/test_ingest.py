"""Parts that do not depend on how rows come in, and what no source may give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.datasets import open_dataset, read_dataset
from steadily.errors import DataError, SteadilyError
from steadily.layout import dataset_folder
from steadily.stage.ingest import cut, in_parts
from unit.small import SHORT, Small


def chunks(files: dict[str, int], sizes: list[int]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give files of so many rows in chunks of such sizes, over and over."""
    turn = 0
    for name, rows in files.items():
        frame = pd.DataFrame({"a": [f"{name}{n // 3}" for n in range(rows)]}, dtype="str")
        start = 0
        while start < rows or start == 0:
            size = sizes[turn % len(sizes)]
            turn += 1
            yield name, frame.iloc[start : start + size].reset_index(drop=True)
            start += size


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c d", "é"]), st.integers(0, 20), max_size=3),
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.integers(1, 7),
)
def test_parts_do_not_depend_on_how_rows_come_in(files: dict[str, int], sizes: list[int], size: int) -> None:
    whole = list(in_parts(chunks(files, [100]), {"a": "str"}, size))
    pieces = list(in_parts(chunks(files, sizes), {"a": "str"}, size))
    assert [(name, len(part)) for name, part in pieces] == [(name, len(part)) for name, part in whole]
    for (_, one), (_, other) in zip(pieces, whole, strict=True):
        pd.testing.assert_frame_equal(one, other)
    for name, rows in files.items():
        lengths = [len(part) for found, part in whole if found == name]
        assert lengths == [size] * (rows // size) + ([rows % size] if rows % size or not rows else [])
    ids = [row for _, part in whole for row in part.index]
    assert len(set(ids)) == len(ids) == sum(files.values())


def test_no_rows_are_one_empty_part() -> None:
    assert [len(part) for part in cut([pd.DataFrame({"a": []})], 3)] == [0]


def test_a_file_may_not_come_up_twice() -> None:
    frame = pd.DataFrame({"a": ["x"]})
    with pytest.raises(DataError, match=r"gave the rows of one file in two places; given: a"):
        list(in_parts(iter([("a", frame), ("b", frame), ("a", frame)]), None))


SOURCE = """
@step("own.source")
class Source:
    def __init__(self, *, n: int = 1):
        self.n = n

    def read(self, rows):
        frame = pd.DataFrame({"n": ["1"], "x": [""], "t": ["a"]})
        READ

    def version(self):
        VERSION
"""
CONFIG = SHORT.replace('{use: files.csv, path: "data/inbox/*.csv"}', "{use: own.source}")


def source(small: Small, read: str, version: str = "return 'one'") -> Any:
    return small.work("{}", SOURCE.replace("READ", read).replace("VERSION", version), config=CONFIG)


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("return None", "raised TypeError: 'NoneType' object is not iterable"),
        ("yield frame", "a source gives pairs of a name and a DataFrame; given: DataFrame"),
        ("yield 'a', frame; yield None", "a source gives pairs of a name and a DataFrame; given: NoneType"),
        ("yield 'a', [1]", "a source gives pairs"),
        ("yield 'a', frame; raise ValueError('torn')", "raised ValueError: torn"),
        ("yield 'a', frame; yield 'b', frame; yield 'a', frame", "rows of one file in two places; given: a"),
        ("yield 'a b', frame; yield 'a*b', frame", "two parts of the source have nearly the same name; given: a*b"),
        ("yield 'a', frame.assign(row_id=1)", "a: has a column 'row_id'"),
        ("yield 'a', pd.concat([frame, frame], axis=1)", "two columns of the same name: n, t, x"),
        ("yield 'x' * 300, frame", "can't be written"),
        ("yield 'a', frame[[]].iloc[:0]", "the source has no rows"),
        ("yield from ()", "the source has no rows"),
    ],
)
def test_what_a_source_may_not_give(small: Small, read: str, said: str) -> None:
    with pytest.raises(SteadilyError) as caught:
        source(small, read)
    assert said in str(caught.value)
    assert small.drafts() == []
    assert not dataset_folder("raw").exists()


def test_odd_names_stay_inside(small: Small) -> None:
    assert len(source(small, "return [(name, frame) for name in ('../a', '', '.é/ß', 'a b')]")) == 4
    folder = dataset_folder("raw")
    assert all(path.parent == folder and path.is_file() for path in open_dataset(folder).paths())


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("raise ValueError('no idea')", "stage ingest, source: raised ValueError: no idea"),
        ("raise DataError('locked')", "locked"),
        ("import sys; sys.exit(3)", "raised SystemExit: 3"),
    ],
)
def test_a_source_that_can_not_tell_its_version(small: Small, version: str, said: str) -> None:
    with pytest.raises(SteadilyError, match=said):
        source(small, "yield 'a', frame", version)


def test_an_edit_of_the_source_while_it_is_read(small: Small) -> None:
    read = "yield 'a', frame; import pathlib; pathlib.Path('now').write_text('2')"
    version = "import pathlib; return str(pathlib.Path('now').exists())"
    with pytest.raises(SteadilyError, match="the source changed while the stage was running"):
        source(small, read, version)
    assert not dataset_folder("raw").exists()


def test_many_parts_have_one_digest_for_a_version(small: Small) -> None:
    source(small, "yield 'a', frame", "return {f'f{n:03}': n for n in range(200)}")
    kept = small.yaml("versions.yaml")["ingest"]["steps"]["read"]["source"]
    assert kept["parts"] == 200
    assert len(read_dataset("raw")) == 1
