"""Versions by import name, in environments that are made for the purpose."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steadily.packages import environment_digest, version_of


class Site:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, info: str, files: dict[str, str], *, module: str | None = None) -> Path:
        for name, text in {
            **{f"{info}/{file}": text for file, text in files.items()},
            **({module: ""} if module else {}),
        }.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        return self.folder / info

    def metadata(self, name: str, version: str) -> str:
        return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\nVersion: 0\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    (tmp_path / "site").mkdir()
    importlib.invalidate_caches()
    version_of.cache_clear()
    yield Site(tmp_path / "site")
    version_of.cache_clear()


@pytest.mark.parametrize(
    ("import_name", "distribution"),
    [
        ("sklearn", "scikit-learn"),
        ("yaml", "pyyaml"),
        ("pandas", "pandas"),
        ("dateutil", "python-dateutil"),
        ("hydra", "hydra-core"),
    ],
)
def test_what_is_really_installed(import_name: str, distribution: str) -> None:
    assert version_of(import_name) == (distribution, importlib.metadata.version(distribution))


def test_an_editable_installation_is_found_by_its_source() -> None:
    found = version_of("steadily")
    assert found is not None
    assert found[0] == "steadily"


@pytest.mark.parametrize("name", ["json", "os", "sys", "nowhere_to_be_found", "", "__main__"])
def test_what_belongs_to_no_distribution(name: str) -> None:
    assert version_of(name) is None


def test_name_and_version_come_from_the_metadata(site: Site) -> None:
    files = {"METADATA": site.metadata("Odd.Name", "1.0+local.1"), "RECORD": "other/__init__.py,,\n"}
    site.add("odd_name-1.0+local_1.dist-info", files, module="other/__init__.py")
    assert version_of("other") == ("odd-name", "1.0+local.1")


def test_a_namesake_that_does_not_hold_the_module_is_passed_over(site: Site) -> None:
    site.add("pil-9.dist-info", {"METADATA": site.metadata("pil", "9"), "RECORD": "pil-9.dist-info/METADATA,,\n"})
    files = {"METADATA": site.metadata("pillow", "11"), "RECORD": "PIL/__init__.py,sha256=x,1\n"}
    site.add("pillow-11.dist-info", files, module="PIL/__init__.py")
    assert version_of("PIL") == ("pillow", "11")


@pytest.mark.parametrize("record", ["one.py,,\n", "one.cpython-311-x86_64-linux-gnu.so,,\n", "one/__init__.py,,\r\n"])
def test_a_single_file_is_found(site: Site, record: str) -> None:
    site.add("single-2.dist-info", {"METADATA": site.metadata("single", "2"), "RECORD": record}, module="one.py")
    assert version_of("one") == ("single", "2")


def test_an_old_egg_is_found(site: Site) -> None:
    files = {"PKG-INFO": site.metadata("Old", "0.1"), "top_level.txt": "_old\nold\n"}
    site.add("Old-0.1.egg-info", files, module="old.py")
    assert version_of("old") == ("old", "0.1")


def test_a_namespace_joins_all_who_share_it(site: Site) -> None:
    for name, version in [("google-storage", "2"), ("google-auth", "1")]:
        part = f"google/{name[7:]}/__init__.py"
        files = {"METADATA": site.metadata(name, version), "RECORD": f"{part},,\n"}
        site.add(f"{name.replace('-', '_')}-{version}.dist-info", files, module=part)
    assert version_of("google") == ("google-auth+google-storage", "1+2")


def test_an_editable_namespace_is_found(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "with space"
    (source / "namespaced/part").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(source)])
    link = json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}})
    site.add("mine-3.dist-info", {"METADATA": site.metadata("mine", "3"), "direct_url.json": link})
    assert version_of("namespaced") == ("mine", "3")


def test_an_environment_inside_an_editable_source_is_not_that_source(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "project"
    inside = source / ".venv/lib/site-packages"
    (inside / "lonesome").mkdir(parents=True)
    (inside / "lonesome/__init__.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(inside)])
    link = json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}})
    site.add("mine-3.dist-info", {"METADATA": site.metadata("mine", "3"), "direct_url.json": link})
    assert version_of("lonesome") is None


@pytest.mark.parametrize("link", ["", "{", "[]", "{}", '{"url": 1, "dir_info": {"editable": true}}'])
def test_broken_metadata_is_no_reason_to_stop(site: Site, link: str) -> None:
    site.add("broken-1.dist-info", {"direct_url.json": link, "RECORD": "\x00"}, module="lonely.py")
    assert version_of("lonely") is None


def test_without_metadata_the_folder_names_the_version(site: Site) -> None:
    site.add("bare-1.5.dist-info", {"RECORD": "bare.py,,\n"}, module="bare.py")
    assert version_of("bare") == ("bare", "1.5")


def test_the_digest_notices_what_is_installed(site: Site) -> None:
    seen = {environment_digest()}
    info = site.add("a-1.dist-info", {"METADATA": ""})
    seen.add(environment_digest())
    info.rename(site.folder / "a-2.dist-info")
    seen.add(environment_digest())
    site.add("b-1.dist-info", {"METADATA": ""})
    seen.add(environment_digest())
    assert len(seen) == 4
    assert environment_digest() in seen


def test_the_digest_does_not_mind_odd_paths(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = environment_digest()
    monkeypatch.setattr(sys, "path", [*sys.path, "/nowhere", str(site.folder / "a.zip"), str(site.folder)])
    assert environment_digest() == before
