"""Files of releases: put and had again, from a folder and from a real S3 server; tampered with, cut off, gone."""

from __future__ import annotations

import json
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from steadily import layout
from steadily.bundle import manifest as manifests
from steadily.database import Database
from steadily.errors import DataError, ReleaseError
from steadily.releases.records import Release, folder_name
from steadily.releases.store import Store, fetch
from unit.releases.bundles import make_bundle, row_of


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a bucket on an S3 server of this machine."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("models")
        yield "s3://models/some where"
        fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store: once a folder, once a part of a bucket."""
    if request.param == "folder":
        return Store(str(tmp_path / "a store"))
    return Store(f"{request.getfixturevalue('s3')}/{uuid.uuid4().hex}")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def put(store: Store, bundle: Path, number: int = 3) -> Release:
    digest = manifests.content_of(bundle)["digest"]
    url = store.put(bundle, folder_name(number, digest))
    more: dict[str, Any] = {"git_commit": None, "git_dirty": None, "feature_set": None}
    return Release(**{**row_of(number, digest, url), **more})  # type: ignore[arg-type]


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(url: str, data: bytes) -> None:
    with fsspec.open(url, "wb") as stream:
        stream.write(data)


def test_what_is_put_comes_back(store: Store, bundle: Path, tmp_path: Path) -> None:
    release = put(store, bundle)
    assert release.url.endswith(f"/3-{release.digest[:12]}")
    folder = fetch(tmp_path, release)
    assert folder == tmp_path / layout.SERVING / release.name
    assert content(folder) == content(bundle)
    assert put(store, bundle).url == release.url
    fsspec.core.url_to_fs(release.url)[0].rm(release.url, recursive=True)
    assert fetch(tmp_path, release) == folder, "what is here and whole needs no store"


SPOILT: dict[str, tuple[Callable[[str], None], str]] = {
    "changed": (lambda url: write(f"{url}/model/model.skops", b"n" * 5_000), "model.skops: was changed since"),
    "cut off": (lambda url: write(f"{url}/model/model.skops", b"m"), "model.skops: is not as long as"),
    "gone": (
        lambda url: fsspec.core.url_to_fs(url)[0].rm(f"{url}/model/model.skops"),
        "a file of it is missing; given: model/model.skops",
    ),
    "without a manifest": (lambda url: fsspec.core.url_to_fs(url)[0].rm(f"{url}/manifest.json"), "manifest.json"),
    "no manifest": (lambda url: write(f"{url}/manifest.json", b"{"), "manifest.json: can't be read"),
    "rewritten": (lambda url: rewrite(url), "is the manifest of another bundle"),
}


def rewrite(url: str) -> None:
    """Change a file, and make the manifest fit it: digests alone do not notice, the database does."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        make_bundle(Path(folder), **{"figures.json": "{1}"})
        for name in ("figures.json", "manifest.json"):
            write(f"{url}/{name}", (Path(folder) / name).read_bytes())


@pytest.mark.parametrize("how", SPOILT)
def test_files_that_are_not_the_releases_are_refused_by_name(
    store: Store, bundle: Path, tmp_path: Path, how: str
) -> None:
    release = put(store, bundle)
    spoil, said = SPOILT[how]
    spoil(release.url)
    with pytest.raises(ReleaseError) as caught:
        fetch(tmp_path, release)
    assert said in str(caught.value)
    assert f"release 3, {release.url}" in str(caught.value)
    assert list((tmp_path / layout.SERVING).iterdir()) == []


def test_a_copy_that_was_spoilt_here_is_made_again(store: Store, bundle: Path, tmp_path: Path) -> None:
    release = put(store, bundle)
    folder = fetch(tmp_path, release)
    (folder / "figures.json").write_text("{2}", encoding="utf-8")
    (folder / "more").write_text("x", encoding="utf-8")
    assert content(fetch(tmp_path, release)) == content(bundle)


def test_what_stands_half_in_the_store_is_put_there_again(store: Store, bundle: Path, tmp_path: Path) -> None:
    release = put(store, bundle)
    write(f"{release.url}/model/model.skops", b"m")
    assert put(store, bundle) == release
    assert content(fetch(tmp_path, release)) == content(bundle)


def test_many_at_once_get_one_whole_copy(bundle: Path, tmp_path: Path) -> None:
    store, found = Store(str(tmp_path / "store")), []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        release = put(store, bundle)
        found.append(content(fetch(tmp_path, release)))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [content(bundle)] * 6
    for folder in (tmp_path / "store", tmp_path / layout.SERVING):
        assert [path.name for path in folder.iterdir()] == [folder_name(3, manifests.content_of(bundle)["digest"])]


def test_a_manifest_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    make_bundle(bundle)
    told = json.loads((bundle / "manifest.json").read_text("utf-8"))
    told["files"]["../../escaped"] = {"bytes": 1, "sha256": "x"}
    told["digest"] = manifests.digest_of(told)
    folder = tmp_path / "store" / "3-x"
    shutil.copytree(bundle, folder)
    (folder / "manifest.json").write_text(json.dumps(told), "utf-8")
    more: dict[str, Any] = {"git_commit": None, "git_dirty": None, "feature_set": None}
    release = Release(**{**row_of(3, told["digest"], str(folder)), **more})  # type: ignore[arg-type]
    with pytest.raises(ReleaseError, match="leads out of its folder"):
        fetch(tmp_path, release)


@pytest.mark.parametrize("address", ["nosuch://bucket/x", "s3://127.0.0.1-is-no-bucket/x", "/proc/nothing/here"])
def test_a_store_that_can_not_be_used(bundle: Path, address: str, request: pytest.FixtureRequest) -> None:
    if address.startswith("s3"):
        request.getfixturevalue("s3")
    with pytest.raises(ReleaseError, match="the store of releases can't be used"):
        put(Store(address), bundle)


def test_a_folder_taken_away_is_gone(store: Store, bundle: Path, tmp_path: Path) -> None:
    release = put(store, bundle)
    store.take_away(release.name)
    store.take_away(release.name)
    with pytest.raises(ReleaseError):
        fetch(tmp_path, release)


def test_no_bundle_is_no_file(tmp_path: Path, database: Database) -> None:
    with pytest.raises(DataError, match="no such folder"):
        Store(str(tmp_path)).put(tmp_path / "nothing", "1-x")


def test_what_a_killed_process_left_goes_after_a_day(bundle: Path, tmp_path: Path) -> None:
    store, serving = Store(str(tmp_path / "a store")), tmp_path / layout.SERVING
    old, young = [], []
    for folder in (tmp_path / "a store", serving):
        left = [f".1-0123456789ab.77.{name}" for name in ("89abcdef.tmp", "01234567.old")]
        kept = [".1-0123456789ab.77.aaaaaaaa.tmp", "1-0123456789ab", ".hidden.tmp"]
        for name in [*left, *kept]:
            (folder / name / "plugins").mkdir(parents=True)
            (folder / name / "plugins/one.py").write_text("1", "utf-8")
        for name in [*left, *kept[1:]]:
            os.utime(folder / name, (0, 0))
        old += [folder / name for name in left]
        young += [folder / name for name in kept]
    fetch(tmp_path, put(store, bundle))
    assert not [path for path in old if path.exists()]
    assert all((path / "plugins/one.py").exists() for path in young)
