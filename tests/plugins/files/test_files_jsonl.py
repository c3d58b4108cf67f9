"""JSON lines are read as they stand, whatever the size of the pieces."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily import DataError
from steadily_files.steps import JsonLinesFiles


def write(path: Path, content: bytes | str) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def read(path: str, rows: int = 2, **params) -> pd.DataFrame:
    frames = [frame for _, frame in JsonLinesFiles(path=path, **params).read(rows)]
    assert all(list(frame.columns) == list(frames[0].columns) for frame in frames)
    return pd.concat(frames, ignore_index=True)


def refused(path: str, **params) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **params)
    return str(caught.value)


def column(path: str, name: str = "a") -> list[str | None]:
    return [None if pd.isna(value) else value for value in read(path)[name]]


def test_values_are_text_as_they_are_written(tmp_path):
    values = ["1.0", "1", "-0", "1e5", "123456789012345678901234567890", "0.10", "true", "false", "null", '"1.0"', '""']
    path = write(tmp_path / "a.jsonl", "".join(f'{{"a": {value}}}\n' for value in values))
    assert column(path) == [*values[:8], None, "1.0", ""]


def test_what_is_nested_is_compact_json(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"a": {"b": [1.0, null, true, "é\\n"], "c": {}}}\r\n{"a": [ ]}')
    assert column(path) == ['{"b":[1.0,null,true,"é\\n"],"c":{}}', "[]"]


def test_columns_are_all_keys_in_the_order_of_their_appearance(tmp_path):
    rows = [{"b": 1}] * 5 + [{"a": 2, "b": None}, {"é ": "x"}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    frame = read(path, rows=2)
    assert list(frame.columns) == ["b", "a", "é "]
    assert frame["a"].isna().tolist() == [True] * 5 + [False, True]
    assert set(frame.dtypes) == {pd.Series(["a"]).dtype}


def test_columns_may_be_named(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"a": 1, "b": 2}\n{"b": 3}\n')
    frame = read(path, columns=["c", "b"])
    assert frame["b"].tolist() == ["2", "3"]
    assert frame["c"].isna().all()


def test_a_file_without_rows_needs_named_columns(tmp_path):
    path = write(tmp_path / "a.jsonl", "\n")
    assert "there is nothing in it that tells its columns; name them with the parameter columns" in refused(path)
    frame = read(path, columns=["a"])
    assert list(frame.columns) == ["a"]
    assert len(frame) == 0


def test_signs_that_only_look_like_line_ends(tmp_path):
    text = "a\u2028b\x85c\x0bd"
    path = write(tmp_path / "a.jsonl", json.dumps({"a": text}, ensure_ascii=False) + "\n\n" + '{"a": "\\ud83d\\ude00"}')
    assert column(path) == [text, "😀"]


def test_byte_order_mark_compression_and_encoding(tmp_path):
    line = '{"a": "é"}\n'
    assert column(write(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + line.encode())) == ["é"]
    assert column(write(tmp_path / "a.jsonl.gz", gzip.compress(line.encode()))) == ["é"]
    assert read(write(tmp_path / "a.jsonl", line.encode("latin-1")), encoding="latin-1")["a"].tolist() == ["é"]
    content = gzip.compress(line.encode() * 1000)
    assert "cut off or damaged" in refused(write(tmp_path / "a.jsonl.gz", content[:-9]))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"a": 1', "the line is not a JSON object"),
        ("{'a': 1}", "the line is not a JSON object"),
        ("[1]", "it is a list, and each line has to be an object"),
        ("1", "it is a number"),
        ("null", "it is a null"),
        ('{"a": 1} {"a": 2}', "Extra data"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ('{"a": {"b": 1, "b": 1}}', "the key 'b' is there twice"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": -Infinity}', "-Infinity is no JSON"),
        ('{"a": "\\ud83d"}', "half of a sign"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path, line, what):
    path = write(tmp_path / "a.jsonl", '{"a": 0}\n' * 3 + line + '\n{"a": 0}\n')
    for params in ({}, {"columns": ["a"]}):
        error = refused(path, **params)
        assert error.startswith(f"{path}:4: the line is not a JSON object")
        assert what in error
        assert len(error) < 500


def test_hints_for_a_cut_file_and_for_one_document(tmp_path):
    error = refused(write(tmp_path / "a.jsonl", '{"a": 1}\n{"a": "x'))
    assert ":2: the line is not a JSON object: Unterminated string starting at, at sign 7; given: " in error
    assert "was the file cut off?" in error
    assert "write one object on each line" in refused(write(tmp_path / "a.jsonl", '[\n  {"a": 1}\n]\n'))


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"a": 1}\n' * 20_000 + b'{"a": "\xe9"}\n')
    assert refused(path).startswith(f"{path}:20001: is not UTF-8 text")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(
    lines=st.lists(st.dictionaries(st.text(max_size=3), JSON, min_size=1, max_size=4), min_size=1, max_size=20),
    rows=st.integers(1, 50),
    ascii_only=st.booleans(),
)
def test_any_rows_come_back(lines, rows, ascii_only):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "a.jsonl"), "\n".join(json.dumps(line, ensure_ascii=ascii_only) for line in lines))
        frame = read(path, rows=rows)
    assert len(frame) == len(lines)
    for line, row in zip(lines, frame.to_dict("records"), strict=True):
        for key, value in row.items():
            expected = line.get(key)
            if expected is None:
                assert pd.isna(value)
            else:
                assert value == expected if isinstance(expected, str) else json.loads(value) == expected
