"""The section ``releases`` of ``conf/operate.yaml``."""

from __future__ import annotations

from pathlib import Path

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

    def address(self, project: Path) -> str:
        """Give the store's address; a folder's path is relative to the project."""
        given = self.store or str(FOLDER)
        return given if "://" in given else str(project.absolute() / given)
