"""The section ``releases`` of ``conf/operate.yaml``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import field_validator

from steadily import layout
from steadily.settings import Section

FOLDER = layout.STATE / "releases"


class ReleasesSettings(Section):
    """Where the files of releases lie.

    Attributes:
        store: A folder, or an address that fsspec knows, such as ``s3://BUCKET/PATH``; null is ``.steadily/releases``.
            Credentials come from where the protocol's own library finds them.
    """

    store: str | None = None

    @field_validator("store")
    @classmethod
    def without_password(cls, value: str | None) -> str | None:
        """Refuse an address with a password: where a release's files lie is written down and shown."""
        if value is not None and urlsplit(value).password is not None:
            raise ValueError("has to be an address without a password: credentials come from the environment")
        return value

    def address(self, project: Path) -> str:
        """Give the store's address; a folder's path is relative to the project."""
        given = self.store or str(FOLDER)
        return given if "://" in given else str(project.absolute() / given)
