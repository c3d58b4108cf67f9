"""Files at addresses: found, named and read as on this machine, and told apart when they change."""

from __future__ import annotations

import gzip
import http.server
import threading
import uuid
from datetime import UTC, datetime
from functools import partial

import fsspec
import pytest

from steadily import DataError, SourceUnreachable
from steadily_files.found import Found
from steadily_files.places import find
from steadily_files.remote import remote_version
from steadily_files.steps import CsvFiles, JsonLinesFiles, ParquetFiles


@pytest.fixture
def bucket():
    """Give a folder of its own in fsspec's memory."""
    folder = f"/bucket-{uuid.uuid4().hex}"
    memory = fsspec.filesystem("memory")
    for name, content in {
        "2024/b.csv.gz": gzip.compress(b"a\n2\n"),
        "a.csv": b"a\n1\n",
        ".hidden.csv": b"a\n0\n",
        "rows.jsonl": b'{"a": 3}\n',
    }.items():
        memory.pipe_file(f"{folder}/{name}", content)
    yield f"memory:/{folder}"
    memory.rm(folder, recursive=True)


def read(source: CsvFiles | JsonLinesFiles) -> list[tuple[str, list[str]]]:
    return [(name, frame["a"].tolist()) for name, frame in source.read(10)]


def test_a_glob_of_addresses(bucket):
    source = CsvFiles(path=f"{bucket}/**/*.csv*")
    assert read(source) == [("2024__b", ["2"]), ("a", ["1"])]
    assert list(source.version()) == ["2024/b.csv.gz", "a.csv"]
    assert read(JsonLinesFiles(path=f"{bucket}/rows.jsonl")) == [("rows", ["3"])]


def test_parquet_at_an_address(bucket):
    import pandas as pd

    with fsspec.open(f"{bucket}/p.parquet", "wb") as stream:
        pd.DataFrame({"a": ["x", "y"]}).to_parquet(stream)
    assert [name for name, _ in ParquetFiles(path=f"{bucket}/*.parquet").read(1)] == ["p", "p"]


def test_local_and_remote_files_together(bucket, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "z.csv").write_text("a\n9\n")
    source = CsvFiles(path=["z.csv", f"{bucket}/a.csv"])
    assert [name for name, _ in read(source)] == ["a", "z"]
    assert list(source.version()) == ["a.csv", "z.csv"]
    assert source.files() == [str(tmp_path / "z.csv")]


def test_a_change_makes_another_version(bucket):
    source = CsvFiles(path=f"{bucket}/*.csv")
    first = source.version()
    assert source.version() == first
    with fsspec.open(f"{bucket}/a.csv", "wb") as stream:
        stream.write(b"a\n7\n")
    second = source.version()
    assert second["a.csv"] != first["a.csv"]
    with fsspec.open(f"{bucket}/c.csv", "wb") as stream:
        stream.write(b"a\n7\n")
    assert list(source.version()) == ["a.csv", "c.csv"]


class FakeFiles:
    """A file system that tells just what the test lets it tell."""

    def __init__(self, info, changed=None):
        self.told, self.changed = info, changed

    def info(self, path):
        return self.told

    def modified(self, path):
        if self.changed is None:
            raise NotImplementedError
        return self.changed

    def open(self, path, mode):
        import io

        return io.BytesIO(b"content")


def test_what_tells_of_a_change_best_comes_first():
    when = datetime(2024, 5, 1, tzinfo=UTC)

    def version(info, changed=None):
        return remote_version(Found("a", "b/a", "s3://b/a", FakeFiles(info, changed)))

    assert version({"ETag": '"abc"', "size": 3}, when) == "etag abc"
    assert version({"md5Hash": "xyz", "size": 3}, when) == "md5hash xyz"
    assert version({"ETag": None, "size": 3}, when) == "3 bytes, 2024-05-01T00:00:00+00:00"
    assert len(version({"size": 3})) == 16


def test_nothing_there(bucket):
    with pytest.raises(DataError) as caught:
        find(f"{bucket}/b.csv")
    assert not isinstance(caught.value, SourceUnreachable)
    assert "did you mean 'a.csv'" in str(caught.value)
    with pytest.raises(DataError, match="no file is there under this name"):
        find(f"{bucket}/x/*.csv")


def test_an_unknown_protocol():
    with pytest.raises(DataError, match="this kind of address can't be read here"):
        find("nonsense://a/b.csv")


def test_a_password_in_an_address_is_refused_and_not_shown():
    for check in (CsvFiles.check, JsonLinesFiles.check, ParquetFiles.check, find):
        with pytest.raises(DataError) as caught:
            check(path=["ftp://ann:s3cret@host/a.csv"])
        assert "configuration is committed" in str(caught.value)
        assert "s3cret" not in str(caught.value)


def test_a_file_system_that_does_not_answer(monkeypatch):
    source = CsvFiles(path="http://127.0.0.1:9/a.csv")
    with pytest.raises(SourceUnreachable, match=r"127\.0\.0\.1:9/a\.csv: can't be asked now"):
        source.version()
    with pytest.raises(SourceUnreachable):
        list(source.read(10))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def web(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_on_the_web(web, tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    source = CsvFiles(path=f"{web}/a.csv?day=1")
    assert read(source) == [("a", ["1"])]
    first = source.version()
    assert list(first) == ["a.csv"]
    (tmp_path / "a.csv").write_text("a\n2\n")
    assert source.version() != first
    with pytest.raises(DataError) as caught:
        find(f"{web}/gone.csv")
    assert not isinstance(caught.value, SourceUnreachable)
