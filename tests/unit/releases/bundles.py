"""Small bundles that hold nothing but what a store needs to know of them, and releases of them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert

from steadily.bundle import manifest as manifests
from steadily.bundle.manifest import Manifest
from steadily.database import Database
from steadily.database.tables import releases
from steadily.releases.records import Release, find_release

FILES = {"figures.json": "{}", "model/model.skops": "m" * 5_000, "contracts/a b.yaml": "columns: {}\n"}


def make_bundle(folder: Path, **files: str) -> str:
    """Write a bundle, and give its digest."""
    for name, text in (FILES | files).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    nothing = Manifest("classification", {}, (), (), {}, (), {}, (), (), (), {}, {})
    return manifests.write(folder, nothing)


def row_of(number: int, digest: str = "", url: str = "") -> dict[str, object]:
    """Give the row of a release that is there for its number alone."""
    plain = {name: {} for name in ("manifest", "metrics", "latency", "config", "versions", "data")}
    return {
        "number": number, "digest": digest or f"d{number}", "created_us": number, "task": "classification",
        "url": url, **plain,
    }  # fmt: skip


def enter(database: Database, number: int, digest: str = "", url: str = "") -> Release:
    """Put a release into the database."""
    with database.begin() as connection:
        connection.execute(insert(releases).values(row_of(number, digest, url)))
    return find_release(database, number)
